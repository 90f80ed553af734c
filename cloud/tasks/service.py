"""Asking for work, looking at it, and ending it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import structlog
from pydantic import ValidationError

from cloud.auth.principal import Principal
from cloud.errors import BadRequestError, ForbiddenError, InvalidCursorError, NotFoundError, UnavailableError
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import Database, ReadConnection, WriteConnection
from cloud.metrics import TASKS_QUEUED
from cloud.tasks.kinds import Kind, Kinds
from cloud.tasks.repository import OtherTasks, TaskRepository
from cloud.tasks.schemas import NewTask, TaskOut, TaskPage

log = structlog.get_logger()

MAX_WAITING = 100
"""Unfinished tasks of one organization; more are refused for a while."""

Hint: TypeAlias = Callable[[UUID, str], Awaitable[None]]
"""Tells workers of a task (its id and queue) that is in the database. It may fail: workers look by themselves too."""


async def add_task(
    database: Database, user: Principal, new: NewTask, kinds: Kinds, hint: Hint, *, key: str | None, now: datetime
) -> TaskOut:
    """Ask for work; the same key asks once. It is in the database before any worker hears of it.

    Raises:
        BadRequestError: no such kind, or parameters that are not its.
        ForbiddenError: the role does not reach.
        NotFoundError: a site that the user may not see.
        UnavailableError: too much waits already.
    """
    kind = kinds.get(new.kind)
    if kind is None or kind.role is None:
        known = ", ".join(sorted(each.name for each in kinds.values() if each.role is not None))
        raise BadRequestError(f"kind = {new.kind}: there is none; use one of {known}")
    if not user.role.reaches(kind.role):
        raise ForbiddenError(f"This needs the role {kind.role.value}; yours is {user.role.value}")
    params = _checked(kind, new.params)
    async with database.write() as writer:
        repository = TaskRepository(writer, user.scope)
        site = params.get("site")
        site_id = None if site is None else await find_site_id(_reading(writer), user, site)
        if await repository.waiting() >= MAX_WAITING:
            raise UnavailableError(f"{MAX_WAITING} tasks of your organization wait already; try again later")
        row = await repository.add(
            {
                "id": (task_id := uuid4()),
                "site_id": site_id,
                "kind": kind.name,
                "queue": kind.queue,
                "params": params,
                "idempotency_key": f"{user.kind}:{user.id}:{key}" if key else str(task_id),
                "created_by": user.email,
                "created_at": now,
                "due_at": now,
            }
        )
    task = TaskOut(**row)
    if task.id == task_id:
        TASKS_QUEUED.labels(kind.name).inc()
        try:
            await hint(task.id, kind.queue)
        except Exception as error:  # noqa: BLE001  (a broker that is away; workers find the task by themselves)
            log.warning("task_hint_failed", task=str(task.id), error=type(error).__name__)
    return task


async def get_task(
    reader: ReadConnection, user: Principal, task_id: UUID, others: Sequence[OtherTasks] = ()
) -> TaskOut:
    """One task.

    Raises:
        NotFoundError: there is none, or it is not the user's to see.
    """
    row = await TaskRepository(reader, user.scope, others).task(task_id)
    if row is None:
        raise NotFoundError(f"There is no task {task_id}")
    return TaskOut(**row)


async def list_tasks(
    reader: ReadConnection,
    user: Principal,
    page: PageQuery,
    *,
    state: str | None,
    kind: str | None,
    others: Sequence[OtherTasks] = (),
) -> TaskPage:
    """Tasks of the user's organization, newest first, whichever feature keeps them.

    Raises:
        InvalidCursorError: the cursor is not of this list.
    """
    before = None
    if page.cursor is not None:
        moment, key = decode_moment_cursor(page.cursor)
        try:
            before = (moment, UUID(key))
        except ValueError as error:
            raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from error
    repository = TaskRepository(reader, user.scope, others)
    rows = await repository.tasks(state=state, kind=kind, before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["created_at"].isoformat(), str(row["id"])))
    return TaskPage(items=[TaskOut(**row) for row in shown], next_cursor=cursor)


async def cancel_task(
    writer: WriteConnection, user: Principal, task_id: UUID, now: datetime, others: Sequence[OtherTasks] = ()
) -> TaskOut:
    """End a task; one that has ended stays as it is.

    Raises:
        NotFoundError: there is none, or it is not the user's to see.
    """
    may = [each for each in others if user.role.reaches(each.ended_by)]
    await TaskRepository(writer, user.scope, may).cancel(task_id, by=user.email, now=now)
    return await get_task(_reading(writer), user, task_id, others)


def file_of(task: TaskOut, folder: Path) -> Path:
    """The file that a task has made.

    Raises:
        NotFoundError: it has made none, or it is gone.
    """
    name = (task.result or {}).get("file")
    # The name comes from the task's own result, never from the request.
    path = folder / str(task.id) / Path(str(name)).name
    if name is None or not path.is_file():
        raise NotFoundError("This task has no file, or it has been cleaned up")
    return path


def _checked(kind: Kind[Any], params: dict[str, Any]) -> dict[str, Any]:
    try:
        checked: dict[str, Any] = kind.params.model_validate(params).model_dump(mode="json")
    except ValidationError as error:
        faults = "; ".join(
            f"params.{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()[:5]
        )
        raise BadRequestError(f"{kind.name}: {faults}") from error
    return checked


def _reading(writer: WriteConnection) -> ReadConnection:
    """A transaction can also be read from."""
    return ReadConnection(writer)
