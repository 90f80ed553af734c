"""SQL of tasks. Every change of a running task names the worker that has it: one that was taken for dead writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, tuple_, union_all, update
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.rules import Role
from cloud.auth.scope import Scope
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.tasks.tables import TaskRow

_COLUMNS = (
    TaskRow.id, TaskRow.kind, TaskRow.queue, TaskRow.params, TaskRow.state, TaskRow.progress, TaskRow.message,
    TaskRow.result, TaskRow.error, TaskRow.attempts, TaskRow.created_at, TaskRow.created_by, TaskRow.started_at,
    TaskRow.finished_at, TaskRow.cancel_requested_at.is_not(None).label("cancel_requested"),
)  # fmt: skip
_CLAIMED = (
    TaskRow.id, TaskRow.kind, TaskRow.params, TaskRow.attempts, TaskRow.organization_id, TaskRow.site_id,
    TaskRow.created_by, TaskRow.cancel_requested_at,
)  # fmt: skip
_UNFINISHED = ("queued", "running")


class OtherTasks(Protocol):
    """Tasks of a feature that keeps a table of its own; people see them in the same list.

    Attributes:
        seen_by: who sees them.
        ended_by: who may end them.
    """

    seen_by: Role
    ended_by: Role

    def select(self, scope: Scope) -> Select[Any]:
        """Those that the scope may see, with the columns of ``TaskOut`` by name, type and order."""

    def unfinished(self) -> Select[Any] | None:
        """Those of every organization that wait or run, as ``QueueRepository.counts`` tells its own; None: counted elsewhere."""

    async def cancel(self, connection: WriteConnection, scope: Scope, task_id: UUID, *, by: str, now: datetime) -> None:
        """End this one, where it is one of them and has not ended."""


class TaskRepository(Repository):
    """Tasks of one scope; those of sites beyond it do not exist.

    ``others`` are listed and ended with them. Only those of this table are made and done here.
    """

    def __init__(
        self, connection: ReadConnection | WriteConnection, scope: Scope, others: Sequence[OtherTasks] = ()
    ) -> None:
        super().__init__(connection)
        self._scope = scope
        self._others = others
        self._organization_id = scope.organization_id
        self._own: ColumnElement[bool] = TaskRow.organization_id == scope.organization_id
        if scope.site_ids is not None:
            self._own = and_(self._own, TaskRow.site_id.in_(scope.site_ids))

    async def add(self, values: Row) -> Row:
        """The task of this idempotency key, made when it is new."""
        statement = insert(TaskRow).values(organization_id=self._organization_id, **values).on_conflict_do_nothing()
        await self._connection.execute(statement)
        found = await self._one(
            select(*_COLUMNS).where(
                TaskRow.organization_id == self._organization_id, TaskRow.idempotency_key == values["idempotency_key"]
            )
        )
        assert found is not None  # noqa: S101  (it is there or has just been made)
        return found

    async def task(self, task_id: UUID) -> Row | None:
        """One task."""
        parts = [each.where(each.selected_columns.id == task_id) for each in self._seen()]
        return await self._one(union_all(*parts))

    async def tasks(
        self, *, state: str | None, kind: str | None, before: tuple[datetime, UUID] | None, rows: int
    ) -> list[Row]:
        """Newest tasks, those before (created_at, id)."""
        parts = []
        for each in self._seen():
            columns = each.selected_columns
            if state is not None:
                each = each.where(columns.state == state)  # noqa: PLW2901  (the same question, narrower)
            if kind is not None:
                each = each.where(columns.kind == kind)  # noqa: PLW2901
            if before is not None:
                each = each.where(tuple_(columns.created_at, columns.id) < before)  # noqa: PLW2901
            # No page needs more than this of one table, so its index ends the search early.
            newest = each.order_by(columns.created_at.desc(), columns.id.desc()).limit(rows)
            parts.append(select(newest.subquery()))
        every = union_all(*parts).subquery()
        return await self._all(select(every).order_by(every.c.created_at.desc(), every.c.id.desc()).limit(rows))

    async def waiting(self) -> int:
        """Unfinished tasks of the organization."""
        row = await self._one(
            select(func.count().label("n")).where(
                TaskRow.organization_id == self._organization_id, TaskRow.state.in_(_UNFINISHED)
            )
        )
        return 0 if row is None else int(row["n"])

    async def cancel(self, task_id: UUID, *, by: str, now: datetime) -> None:
        """A queued task ends at once; one that runs is asked to."""
        for other in self._others:
            await other.cancel(WriteConnection(self._connection), self._scope, task_id, by=by, now=now)
        unfinished = update(TaskRow).where(self._own, TaskRow.id == task_id)
        await self._connection.execute(
            unfinished.where(TaskRow.state == "queued").values(
                state="cancelled", finished_at=now, cancel_requested_at=now
            )
        )
        await self._connection.execute(
            unfinished.where(TaskRow.state == "running", TaskRow.cancel_requested_at.is_(None)).values(
                cancel_requested_at=now
            )
        )

    def _seen(self) -> list[Select[Any]]:
        return [select(*_COLUMNS).where(self._own), *(other.select(self._scope) for other in self._others)]


class QueueRepository(Repository):
    """Tasks as workers and schedulers see them, of every organization."""

    async def claim(
        self, worker: str, now: datetime, until: datetime, *, task_id: UUID | None, queues: Collection[str]
    ) -> Row | None:
        """Take a task that is due, or one whose worker has died: this one, or the one that waits longest."""
        due = (TaskRow.state.in_(_UNFINISHED), TaskRow.due_at <= now, TaskRow.queue.in_(queues))
        found = select(TaskRow.id).where(*due).order_by(TaskRow.due_at).limit(1).with_for_update(skip_locked=True)
        if task_id is not None:
            found = found.where(TaskRow.id == task_id)
        return await self._one(
            update(TaskRow)
            .where(TaskRow.id == found.scalar_subquery())
            .values(
                state="running",
                worker=worker,
                due_at=until,
                attempts=TaskRow.attempts + 1,
                started_at=func.coalesce(TaskRow.started_at, now),
                message="",
            )
            .returning(*_CLAIMED)
        )

    async def keep(self, task_id: UUID, worker: str, until: datetime, *, progress: float, message: str) -> Row | None:
        """Say that the worker lives and how far it is; None when the task is not its any more."""
        return await self._one(
            self._held(task_id, worker)
            .values(due_at=until, progress=progress, message=message)
            .returning(TaskRow.cancel_requested_at)
        )

    async def finish(self, task_id: UUID, worker: str, values: Row) -> bool:
        """Write how it ended; False when the task is not its any more."""
        return await self._one(self._held(task_id, worker).values(**values).returning(TaskRow.id)) is not None

    async def due(self, now: datetime, *, rows: int) -> list[Row]:
        """Tasks that a worker may take now, those that wait longest first."""
        return await self._all(
            select(TaskRow.id, TaskRow.queue)
            .where(TaskRow.state.in_(_UNFINISHED), TaskRow.due_at <= now)
            .order_by(TaskRow.due_at)
            .limit(rows)
        )

    async def add_upkeep(self, values: Row) -> bool:
        """Make a task of the platform itself; False when there is one of this key."""
        statement = insert(TaskRow).values(**values).on_conflict_do_nothing().returning(TaskRow.id)
        return await self._one(statement) is not None

    async def forget(self, before: datetime) -> list[UUID]:
        """Delete tasks that ended before; returns their keys."""
        rows = await self._all(delete(TaskRow).where(TaskRow.finished_at < before).returning(TaskRow.id))
        return [row["id"] for row in rows]

    async def counts(self, others: Sequence[OtherTasks] = ()) -> list[Row]:
        """Unfinished tasks by queue and state, with how long the oldest that is due has waited; those of ``others`` too."""
        waited = func.extract("epoch", func.now() - func.min(TaskRow.due_at))
        own = (
            select(TaskRow.queue, TaskRow.state, func.count().label("n"), waited.label("waited_s"))
            .where(or_(TaskRow.state == "queued", TaskRow.state == "running"))
            .group_by(TaskRow.queue, TaskRow.state)
        )
        every = union_all(own, *(part for other in others if (part := other.unfinished()) is not None)).subquery()
        total, longest = func.sum(every.c.n).label("n"), func.max(every.c.waited_s).label("waited_s")
        return await self._all(
            select(every.c.queue, every.c.state, total, longest).group_by(every.c.queue, every.c.state)
        )

    @staticmethod
    def _held(task_id: UUID, worker: str) -> Any:
        return update(TaskRow).where(TaskRow.id == task_id, TaskRow.worker == worker, TaskRow.state == "running")
