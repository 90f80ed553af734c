"""Predictions that are asked for now and fetched later: ``submit`` → ``run`` → ``status``, and a callback at the end.

The row in the database is the queue, so a process that dies loses nothing: its lease ends, another run begins, and the keys of
the predictions (task, index) keep the second run from counting twice. ``TaskRunner`` runs them inside the API, which is right
for a box; a worker elsewhere calls ``TaskRunner.run`` with an id, or runs the loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

import structlog
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError

from cloud.auth.dependencies import Principal
from cloud.auth.scope import Scope
from cloud.auth.tokens import derive_key
from cloud.errors import ApiError, BusyError, NotFoundError
from cloud.kit.repository import Database, Row
from cloud.metrics import PREDICT_CALLBACKS, PREDICT_TASKS
from cloud.observations import images
from cloud.predictions import service
from cloud.predictions.callbacks import CallbackError, Callbacks
from cloud.predictions.catalogue import Choice
from cloud.predictions.repository import PredictionRepository, PredictionTaskRepository, drop_old_predictions
from cloud.predictions.rules import call_again_after
from cloud.predictions.schemas import BatchPrediction, CallbackOut, PredictionTaskOut
from cloud.predictions.service import Asked, Source
from cloud.predictions.serving import Serving
from cloud.settings import CloudSettings

log = structlog.get_logger()

LEASE: Final = timedelta(seconds=60)
"""A run that has not said for so long that it lives is taken for dead."""
MAX_ATTEMPTS: Final = 3
"""Runs of a task; one that ends its process three times would end it for ever."""
SAY_ALIVE_S = 5.0
"""A run says as often that it lives and how far it is, and learns whether the task is still its."""
_LOOK_EVERY_S: Final = 5.0
_CLEAN_EVERY_S: Final = 3600.0
_CALLBACK_ROOM: Final = timedelta(seconds=60)
"""A callback that was begun is begun again after this, when the process that began it has died."""
_UPLOADS: Final = "prediction-uploads"
_ORPHAN_S: Final = 86_400.0


class _TakenError(Exception):
    """The task was cancelled, or another process has it."""


class Request(BaseModel):
    """What a run needs to know; lies in the row as JSON."""

    model_config = ConfigDict(frozen=True)

    model: str
    """``name@version``, as chosen when it was asked for."""
    arm: str
    unit_id: int | None = None
    probabilities: bool = False
    site_ids: tuple[int, ...] | None = None
    """Scope of who asked."""
    created_by: str = ""
    """Who asked, as the list of tasks tells; empty for tasks from before it did."""
    uploads: tuple[tuple[str, str], ...] = ()
    """Name and sha256 of pictures that came with the request."""
    references: tuple[str, ...] = ()
    """sha256 of stored evidence images."""


class PredictionTasks(Protocol):
    """How predictions are asked for later, whoever runs them."""

    async def submit(
        self,
        user: Principal,
        asked: Asked,
        *,
        uploads: Sequence[tuple[str, bytes]],
        references: Sequence[str],
        callback_url: str | None,
    ) -> UUID:
        """Queue durably and return the task's id."""

    async def status(self, user: Principal, task_id: UUID) -> PredictionTaskOut:
        """How far it is, with the result once it is done."""


class DatabaseTasks:
    """Tasks whose queue is the database.

    Args:
        database: the pool.
        serving: chooses the version when a task is submitted.
        settings: where pictures are kept, and how many tasks may wait.
        callbacks: checks addresses.
        wake: told of every new task.
    """

    def __init__(
        self,
        database: Database,
        serving: Serving,
        settings: CloudSettings,
        callbacks: Callbacks,
        *,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._serving = serving
        self._settings = settings
        self._callbacks = callbacks
        self._wake = wake

    async def submit(
        self,
        user: Principal,
        asked: Asked,
        *,
        uploads: Sequence[tuple[str, bytes]],
        references: Sequence[str],
        callback_url: str | None,
    ) -> UUID:
        """Queue durably and return the task's id.

        Raises:
            CallbackRefusedError: the address may not be called.
            BusyError: as many tasks wait as may.
            ApiError: the unit or the model cannot be used.
        """
        if callback_url is not None:
            await self._callbacks.check(callback_url)
        choice = await service.choose(self._database, self._serving, user, asked)
        task_id = uuid4()
        kept = await asyncio.to_thread(_keep, uploads_of(self._settings.storage_dir, task_id), uploads)
        request = Request(
            model=choice.model.key,
            arm=choice.arm,
            unit_id=asked.unit_id,
            probabilities=asked.probabilities,
            site_ids=user.scope.site_ids,
            created_by=user.email,
            uploads=tuple(kept),
            references=tuple(references),
        )
        row = {
            "id": task_id,
            "organization_id": user.organization_id,
            "created_at": _now(),
            "request": request.model_dump(mode="json"),
            "pictures": len(uploads) + len(references),
            "state": "waiting",
            "attempts": 0,
            "done": 0,
            "callback_url": callback_url,
            "callback_attempts": 0,
        }
        async with self._database.write() as writer:
            added = await PredictionTaskRepository(writer).add(row, most=self._settings.predict_tasks_waiting)
        if not added:
            await asyncio.to_thread(_forget, uploads_of(self._settings.storage_dir, task_id))
            raise BusyError(f"{self._settings.predict_tasks_waiting} predictions wait already", 30)
        self._wake()
        return task_id

    async def status(self, user: Principal, task_id: UUID) -> PredictionTaskOut:
        """How far it is, with the result once it is done.

        Raises:
            NotFoundError: the user's organization has no such task.
        """
        async with self._database.read() as reader:
            row = await PredictionTaskRepository(reader).get(task_id, user.organization_id)
        if row is None or not _in_scope(Request.model_validate(row["request"]), user.scope):
            raise NotFoundError("There is no such task")
        return _status(row)


class TaskRunner:
    """Runs tasks one after the other and calls back, until it is stopped.

    Args:
        database: the pool.
        serving: runs the models.
        settings: where pictures are kept, and for how long results are.
        callbacks: calls clients.
        secret: of the API; signs callbacks.
    """

    def __init__(
        self, database: Database, serving: Serving, settings: CloudSettings, callbacks: Callbacks, *, secret: bytes
    ) -> None:
        self._database = database
        self._serving = serving
        self._settings = settings
        self._callbacks = callbacks
        self._secret = secret
        self._woken = asyncio.Event()
        self._working: asyncio.Task[None] | None = None
        self._running: Row | None = None

    def start(self) -> None:
        """Begin to look for tasks."""
        self._working = asyncio.create_task(self._work())

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    async def stop(self) -> None:
        """Stop; what is under way is given back. Safe twice."""
        working, self._working = self._working, None
        if working is not None:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
        row, self._running = self._running, None
        if row is not None:
            with suppress(SQLAlchemyError, OSError):  # its lease ends by itself
                async with self._database.write() as writer:
                    await PredictionTaskRepository(writer).release(row["id"], row["attempts"])

    async def run(self, task_id: UUID | None = None) -> bool:
        """Run one task, the given one or the next; False when there is nothing to do."""
        now = _now()
        async with self._database.write() as writer:
            row = await PredictionTaskRepository(writer).claim(now, now + LEASE, task_id)
        if row is None:
            return False
        if row["attempts"] > MAX_ATTEMPTS:
            await self._failed(row, f"its process ended {MAX_ATTEMPTS} times while it ran")
            return True
        if row["attempts"] > 1:
            PREDICT_TASKS.labels("retried").inc()
        self._running = row
        try:
            await self._predicted(row)
        except ApiError as error:
            await self._failed(row, error.detail)
        except _TakenError:
            await self._taken(row)
        self._running = None
        return True

    async def call_back(self) -> bool:
        """Make one callback that is due; False when none is."""
        now = _now()
        async with self._database.write() as writer:
            row = await PredictionTaskRepository(writer).claim_callback(now, now + _CALLBACK_ROOM)
        if row is None:
            return False
        task_id, state, at, error = row["id"], "sent", _now(), None
        try:
            await self._callbacks.send(
                row["callback_url"],
                _payload(row),
                key=callback_key(self._secret, row["organization_id"]).encode(),
                task_id=str(task_id),
            )
        except CallbackError as failure:
            wait = None if failure.permanent else call_again_after(row["callback_attempts"])
            state, error = ("failed" if wait is None else "waiting"), str(failure)[:500]
            at = _now() + (wait or timedelta(0))
            log.info("predict.callback_failed", task_id=str(task_id), reason=error, again=wait is not None)
        PREDICT_CALLBACKS.labels({"waiting": "retried"}.get(state, state)).inc()
        async with self._database.write() as writer:
            await PredictionTaskRepository(writer).called(task_id, state, at, error)
        return True

    async def clean_up(self) -> None:
        """Drop what is older than the settings keep, and pictures that no task needs."""
        now = _now()
        async with self._database.write() as writer:
            repository = PredictionTaskRepository(writer)
            await repository.drop_old(now - timedelta(days=self._settings.predict_task_keep_days))
            await drop_old_predictions(writer, now - timedelta(days=self._settings.predict_keep_days))
            needed = await repository.open_ids()
        await asyncio.to_thread(_sweep, self._settings.storage_dir / _UPLOADS, needed)

    async def _work(self) -> None:
        cleaned_at: float | None = None
        while True:
            self._woken.clear()
            try:
                while await self.run():
                    pass
                while await self.call_back():
                    pass
                if cleaned_at is None or time.monotonic() - cleaned_at > _CLEAN_EVERY_S:
                    cleaned_at = time.monotonic()
                    await self.clean_up()
            except (SQLAlchemyError, OSError) as error:
                log.warning("predict.tasks_waiting", reason=f"{type(error).__name__}: {error}"[:200])
            except Exception:  # the lease ends and the task is run again, three times at most
                log.exception("predict.tasks_failed")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _LOOK_EVERY_S)

    async def _predicted(self, row: Row) -> None:
        request = Request.model_validate(row["request"])
        scope = Scope(row["organization_id"], request.site_ids)
        choice = Choice(self._serving.catalogue.find(request.model), request.arm)  # type: ignore[arg-type]  # as it was
        folder = uploads_of(self._settings.storage_dir, row["id"])
        sources = [_uploaded(folder, name, sha256) for name, sha256 in request.uploads]
        sources += await service.stored_sources(
            self._database, scope, request.references, storage_dir=self._settings.storage_dir
        )
        asked = Asked("async", unit_id=request.unit_id, probabilities=request.probabilities)
        progress = _Progress()
        work = service.predict_all(self._serving, sources, choice, asked, task_id=row["id"], on_progress=progress)
        predicting, alive = asyncio.ensure_future(work), asyncio.ensure_future(self._say_alive(row, progress))
        try:
            await asyncio.wait({predicting, alive}, return_when=asyncio.FIRST_COMPLETED)
            if not predicting.done():
                alive.result()  # raises why
            items, rows = predicting.result()
        finally:
            for each in (predicting, alive):
                each.cancel()
            await asyncio.gather(predicting, alive, return_exceptions=True)
        batch = service.batch_of(choice, items)
        values = {"state": "done", "done": len(items), "result": batch.model_dump(mode="json")}
        async with self._database.write() as writer:
            if not await PredictionTaskRepository(writer).finish(row["id"], row["attempts"], self._end(row, values)):
                raise _TakenError
            if rows:
                await PredictionRepository(writer, scope).add(rows)
        PREDICT_TASKS.labels("done").inc()
        await asyncio.to_thread(_forget, folder)

    async def _taken(self, row: Row) -> None:
        """Nothing is written; the pictures go unless another process is at them."""
        async with self._database.read() as reader:
            needed = await PredictionTaskRepository(reader).open_ids()
        log.info("predict.task_taken", task_id=str(row["id"]), goes_on=row["id"] in needed)
        if row["id"] not in needed:
            PREDICT_TASKS.labels("cancelled").inc()
            await asyncio.to_thread(_forget, uploads_of(self._settings.storage_dir, row["id"]))

    async def _failed(self, row: Row, reason: str) -> None:
        values = {"state": "failed", "error": reason[:1000]}
        async with self._database.write() as writer:
            await PredictionTaskRepository(writer).finish(row["id"], row["attempts"], self._end(row, values))
        PREDICT_TASKS.labels("failed").inc()
        log.warning("predict.task_failed", task_id=str(row["id"]), reason=reason)
        await asyncio.to_thread(_forget, uploads_of(self._settings.storage_dir, row["id"]))

    @staticmethod
    def _end(row: Row, values: dict[str, Any]) -> dict[str, Any]:
        now = _now()
        called = {} if row["callback_url"] is None else {"callback_state": "waiting", "callback_at": now}
        return {**values, **called, "finished_at": now}

    async def _say_alive(self, row: Row, progress: _Progress) -> None:
        while True:
            await asyncio.sleep(SAY_ALIVE_S)
            with suppress(SQLAlchemyError, OSError):
                async with self._database.write() as writer:
                    held = await PredictionTaskRepository(writer).alive(
                        row["id"], row["attempts"], done=progress.done, lease_until=_now() + LEASE
                    )
                if not held:
                    raise _TakenError


class _Progress:
    def __init__(self) -> None:
        self.done = 0

    def __call__(self, done: int) -> None:
        self.done = done


def callback_key(secret: bytes, organization_id: int) -> str:
    """What signs the callbacks of an organization."""
    return derive_key(secret, f"prediction-callback:{organization_id}").hex()


def uploads_of(storage_dir: Path, task_id: UUID) -> Path:
    """Folder of the pictures that came with a task, until it ends."""
    return storage_dir / _UPLOADS / str(task_id)


def _keep(folder: Path, uploads: Sequence[tuple[str, bytes]]) -> list[tuple[str, str]]:
    kept = []
    for name, data in uploads:
        sha256 = hashlib.sha256(data).hexdigest()
        images.store(folder, sha256, data)
        kept.append((name, sha256))
    return kept


def _uploaded(folder: Path, name: str, sha256: str) -> Source:
    async def read() -> bytes:
        try:
            return await asyncio.to_thread(images.path_of(folder, sha256).read_bytes)
        except OSError:
            raise NotFoundError("The picture is gone from the server's storage; send it again") from None

    return Source(name, read)


def _forget(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path, needed: set[UUID]) -> None:
    """Remove folders that no task needs: their process died before the task was queued, or after it had ended."""
    if not root.is_dir():
        return
    names = {str(each) for each in needed}
    for folder in root.iterdir():
        if folder.name not in names and time.time() - folder.stat().st_mtime > _ORPHAN_S:
            _forget(folder)


def _in_scope(request: Request, scope: Scope) -> bool:
    """Who is limited to sites sees what was asked for within them."""
    return scope.site_ids is None or (request.site_ids is not None and set(request.site_ids) <= set(scope.site_ids))


def _status(row: Row) -> PredictionTaskOut:
    callback = None
    if row["callback_url"] is not None:
        callback = CallbackOut(
            state=row["callback_state"] or "pending", attempts=row["callback_attempts"], error=row["callback_error"]
        )
    return PredictionTaskOut(
        task_id=row["id"],
        state=row["state"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        pictures=row["pictures"],
        done=row["done"],
        attempts=row["attempts"],
        error=row["error"],
        result=None if row["result"] is None else BatchPrediction.model_validate(row["result"]),
        callback=callback,
    )


def _payload(row: Row) -> dict[str, Any]:
    """A summary; the result is fetched with the client's own token, so that a wrong address learns nothing of a farm."""
    result = row["result"] or {}
    return {
        "type": "prediction.finished",
        "task_id": str(row["id"]),
        "state": row["state"],
        "finished_at": row["finished_at"].isoformat(),
        "pictures": row["pictures"],
        "predicted": result.get("predicted", 0),
        "failed": result.get("failed", row["pictures"] if row["state"] == "failed" else 0),
        "status_url": f"/api/v1/ml/predict/async/{row['id']}",
        "error": row["error"],
    }


def _now() -> datetime:
    return datetime.now(timezone.utc)
