"""Does one task: claim -> run, saying every few seconds that it lives -> write how it ended.

A worker that dies leaves a row whose time runs out, and another begins the task again; one that was only slow finds the
row taken and writes nothing. So every task is begun at least once and its end is written exactly once.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Collection
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from cloud.auth.principal import Principal
from cloud.auth.rules import Role
from cloud.errors import ApiError, UnavailableError
from cloud.kit.repository import Database, Row
from cloud.metrics import TASK_SECONDS, TASKS_FINISHED, TASKS_LEFT_BEHIND, TASKS_RETRIED, TASKS_STARTED
from cloud.tasks.kinds import Kind, Kinds, Work, slot_key
from cloud.tasks.repository import QueueRepository

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
"""A worker that has not said for so long that it lives is taken for dead."""
KEEP_EVERY_S = 2.0
_BACKOFF_S = (5.0, 30.0, 120.0)
QUEUES = ("data", "ml")
_MAX_ERROR = 500


class _LostError(Exception):
    """Another worker has the task."""


class _CancelledByUserError(Exception):
    """Somebody asked for its end."""


class TaskRunner:
    """Takes tasks and does them, one at a time.

    Args:
        database: started by the caller.
        kinds: by name.
        folder: results go below it, one folder a task.
        lease: how long a silent worker counts as alive.
    """

    def __init__(
        self,
        database: Database,
        kinds: Kinds,
        folder: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        lease: timedelta = LEASE,
        keep_every_s: float = KEEP_EVERY_S,
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._folder = folder
        self._now = now
        self._lease = lease
        self._keep_every_s = keep_every_s
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    async def run_one(self, task_id: UUID | None = None, *, queues: Collection[str] = QUEUES) -> bool:
        """Do a task that is due (this one, or any); False when there is none to take."""
        now = self._now()
        async with self._database.write() as writer:
            task = await QueueRepository(writer).claim(
                self.worker, now, now + self._lease, task_id=task_id, queues=queues
            )
        if task is None:
            return False
        kind = self._kinds.get(task["kind"])
        if kind is None:
            await self._end(task, "failed", error=f"This program knows no task of the kind {task['kind']!r}")
        elif task["cancel_requested_at"] is not None:
            await self._end(task, "cancelled")
        elif task["attempts"] > kind.attempts:
            TASKS_LEFT_BEHIND.labels(kind.name).inc()
            await self._end(task, "failed", error=f"Given up: its worker died {kind.attempts} times")
        else:
            await self._do(task, kind)
        return True

    async def _do(self, task: Row, kind: Kind[Any]) -> None:
        started = monotonic()
        TASKS_STARTED.labels(kind.name).inc()
        told = {"progress": 0.0, "message": ""}

        def progress(share: float, message: str = "") -> None:
            told.update(progress=min(1.0, max(0.0, share)), message=message[:200])

        folder = self._folder / str(task["id"])
        folder.mkdir(parents=True, exist_ok=True)
        work = Work(task["id"], _user(task), self._database, folder, self._now(), progress)
        running = asyncio.ensure_future(self._run(kind, work, task["params"]))
        keeping = asyncio.ensure_future(self._keep(task["id"], told))
        try:
            await asyncio.wait({running, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
                keeping.result()  # raises why
            await self._end(task, "succeeded", result=running.result())
        except _LostError:
            log.warning("task_lost", task=str(task["id"]), kind=kind.name)
        except _CancelledByUserError:
            await self._end(task, "cancelled")
        except Exception as error:  # noqa: BLE001  (whatever went wrong is written down, and begun again if that may help)
            await self._failed(task, kind, error)
        finally:
            for each in (running, keeping):
                each.cancel()
            TASK_SECONDS.labels(kind.name).observe(monotonic() - started)

    async def _failed(self, task: Row, kind: Kind[Any], error: Exception) -> None:
        """What can never succeed ends; what may succeed later is begun again."""
        if isinstance(error, asyncio.TimeoutError):
            await self._end(task, "failed", error=f"It took longer than {kind.limit.total_seconds():.0f} s")
        elif isinstance(error, (SQLAlchemyError, OSError, UnavailableError)):
            await self._again(task, kind, f"{type(error).__name__}: something that it needs was away")
        elif isinstance(error, ApiError):
            await self._end(task, "failed", error=error.detail)
        elif isinstance(error, ValidationError):
            await self._end(
                task, "failed", error=f"Its parameters are not right any more: {error.error_count()} faults"
            )
        else:
            log.error("task_failed", task=str(task["id"]), kind=kind.name, exc_info=error)
            await self._again(task, kind, f"{type(error).__name__}: an error of the program; its log tells more")

    @staticmethod
    async def _run(kind: Kind[Any], work: Work, params: dict[str, Any]) -> dict[str, Any]:
        checked = kind.params.model_validate(params)
        return await asyncio.wait_for(kind.run(work, checked), kind.limit.total_seconds())

    async def _keep(self, task_id: UUID, told: dict[str, Any]) -> None:
        """Say that we live until somebody wants the task to end; a database that is away for a moment is no reason to."""
        while True:
            await asyncio.sleep(self._keep_every_s)
            try:
                async with self._database.write() as writer:
                    kept = await QueueRepository(writer).keep(task_id, self.worker, self._now() + self._lease, **told)
            except (SQLAlchemyError, OSError):
                continue
            if kept is None:
                raise _LostError
            if kept["cancel_requested_at"] is not None:
                raise _CancelledByUserError

    async def _end(
        self, task: Row, state: str, *, result: dict[str, Any] | None = None, error: str | None = None
    ) -> None:
        values: Row = {
            "state": state,
            "finished_at": self._now(),
            "error": None if error is None else error[:_MAX_ERROR],
        }
        if state == "succeeded":
            values |= {"progress": 1.0, "result": result}
        async with self._database.write() as writer:
            written = await QueueRepository(writer).finish(task["id"], self.worker, values)
        if written:
            TASKS_FINISHED.labels(task["kind"], state).inc()
            log.info("task_finished", task=str(task["id"]), kind=task["kind"], state=state, attempts=task["attempts"])

    async def _again(self, task: Row, kind: Kind[Any], error: str) -> None:
        if task["attempts"] >= kind.attempts:
            await self._end(task, "failed", error=error)
            return
        pause_s = _BACKOFF_S[min(task["attempts"], len(_BACKOFF_S)) - 1]
        values: Row = {"state": "queued", "due_at": self._now() + timedelta(seconds=pause_s), "error": error}
        async with self._database.write() as writer:
            if not await QueueRepository(writer).finish(task["id"], self.worker, values):
                return
        TASKS_RETRIED.labels(kind.name).inc()
        log.warning("task_again", task=str(task["id"]), kind=kind.name, in_s=pause_s, error=error)


async def schedule(database: Database, kinds: Kinds, now: datetime) -> int:
    """Make the scheduled tasks that are due now; whoever comes second finds them made."""
    made = 0
    for kind in kinds.values():
        if kind.every is None:
            continue
        values: Row = {
            "id": uuid4(),
            "kind": kind.name,
            "queue": kind.queue,
            "params": {},
            "idempotency_key": slot_key(kind, now),
            "created_by": "schedule",
            "due_at": now,
        }
        async with database.write() as writer:
            made += await QueueRepository(writer).add_upkeep(values)
    return made


def _user(task: Row) -> Principal | None:
    """Whoever asked was checked then; the work sees the site of the task alone, or else the organization."""
    if task["organization_id"] is None:
        return None
    return Principal(
        id=0,
        email=task["created_by"],
        name=task["created_by"],
        role=Role.VIEWER,
        organization_id=task["organization_id"],
        organization="",
        site_ids=None if task["site_id"] is None else (task["site_id"],),
    )
