"""SQL of predictions. Every query names the scope that asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    String,
    and_,
    case,
    cast,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from cloud.auth.rules import Role
from cloud.auth.scope import Scope
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.observations.tables import Image
from cloud.predictions.tables import PredictionRow, PredictionTask

_SHOWN = (
    PredictionRow.id,
    PredictionRow.created_at,
    PredictionRow.source,
    PredictionRow.unit_id,
    PredictionRow.image_sha256,
    PredictionRow.task,
    PredictionRow.model_name,
    PredictionRow.model_version,
    PredictionRow.model_sha256,
    PredictionRow.arm,
    PredictionRow.label,
    PredictionRow.best_label,
    PredictionRow.confidence,
    PredictionRow.level,
    PredictionRow.found,
    PredictionRow.latency_ms,
    PredictionRow.cached,
)
_MAX_GROUPS = 500
_KEPT = [column.name for column in PredictionRow.__table__.columns if column.name != "id"]
# Plain SQL, so that the driver takes it as it is (decision 0078): this is written for every picture that anybody sends.
_ADD_ONE = text(
    f"INSERT INTO prediction ({', '.join(_KEPT)}) VALUES ({', '.join(f':{name}' for name in _KEPT)})"  # noqa: S608 - our columns
    " ON CONFLICT (task_id, task_index) DO NOTHING RETURNING id"
)


class PredictionRepository(Repository):
    """Predictions of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope

    async def add(self, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Keep predictions and return their ids in order; those of a task that are there already are left alone."""
        values = [{"organization_id": self._scope.organization_id, **row} for row in rows]
        if len(values) == 1:
            return [row["id"] for row in await self._all(_ADD_ONE, values[0])]
        statement = insert(PredictionRow).on_conflict_do_nothing(index_elements=["task_id", "task_index"])
        await self._connection.execute(statement, values)
        return []

    async def history(
        self,
        *,
        start: datetime | None,
        end: datetime | None,
        unit_id: int | None,
        label: str | None,
        model: str | None,
        level: str | None,
        before: tuple[datetime, int] | None,
        rows: int,
    ) -> list[Row]:
        """Newest predictions that fit."""
        wanted = {
            PredictionRow.unit_id: unit_id,
            PredictionRow.label: label,
            PredictionRow.model_name: model,
            PredictionRow.level: level,
        }
        conditions: list[ColumnElement[bool]] = [
            self._own,
            *(column == value for column, value in wanted.items() if value is not None),
        ]
        if start is not None:
            conditions.append(PredictionRow.created_at >= start)
        if end is not None:
            conditions.append(PredictionRow.created_at < end)
        if before is not None:
            conditions.append(tuple_(PredictionRow.created_at, PredictionRow.id) < before)
        statement = select(*_SHOWN).where(*conditions)
        return await self._all(statement.order_by(PredictionRow.created_at.desc(), PredictionRow.id.desc()).limit(rows))

    async def species(self, start: datetime, end: datetime, unit_id: int | None) -> list[Row]:
        """By label of classifications: how many, how sure, when last."""
        statement = (
            select(
                PredictionRow.label,
                func.count().label("predictions"),
                func.avg(PredictionRow.confidence).label("confidence_mean"),
                func.count().filter(PredictionRow.level == "high").label("high"),
                func.count().filter(PredictionRow.level == "medium").label("medium"),
                func.count().filter(PredictionRow.level == "low").label("low"),
                func.max(PredictionRow.created_at).label("last_at"),
            )
            .where(self._within(start, end, unit_id), PredictionRow.label.is_not(None))
            .group_by(PredictionRow.label)
            .order_by(func.count().desc(), PredictionRow.label)
        )
        return await self._all(statement.limit(_MAX_GROUPS))

    async def by_model(self, start: datetime, end: datetime, unit_id: int | None) -> list[Row]:
        """By version: how many, how sure, how fast."""
        statement = (
            select(
                PredictionRow.model_name,
                PredictionRow.model_version,
                PredictionRow.model_sha256,
                PredictionRow.arm,
                PredictionRow.task,
                func.count().label("predictions"),
                func.count().filter(PredictionRow.label == "unknown").label("unknown"),
                func.count().filter(PredictionRow.level == "high").label("high"),
                func.count().filter(PredictionRow.level == "medium").label("medium"),
                func.count().filter(PredictionRow.level == "low").label("low"),
                func.count().filter(PredictionRow.cached).label("cached"),
                func.avg(PredictionRow.confidence).label("confidence_mean"),
                func.avg(case((PredictionRow.cached.is_(False), PredictionRow.latency_ms))).label("latency_ms_mean"),
            )
            .where(self._within(start, end, unit_id))
            .group_by(
                PredictionRow.model_name,
                PredictionRow.model_version,
                PredictionRow.model_sha256,
                PredictionRow.arm,
                PredictionRow.task,
            )
            .order_by(PredictionRow.model_name, PredictionRow.model_version, PredictionRow.arm)
        )
        return await self._all(statement.limit(_MAX_GROUPS))

    async def by_day(self, start: datetime, end: datetime, unit_id: int | None) -> list[Row]:
        """By day in UTC: how many, and how sure."""
        day = func.date_trunc("day", PredictionRow.created_at, "UTC").label("day")
        statement = (
            select(day, func.count().label("predictions"), func.avg(PredictionRow.confidence).label("confidence_mean"))
            .where(self._within(start, end, unit_id))
            .group_by(day)
            .order_by(day)
        )
        return await self._all(statement)

    async def stored_images(self, sha256s: Sequence[str]) -> set[str]:
        """Those evidence images that cameras of the organization took."""
        statement = (
            select(Image.sha256)
            .join(Unit, Unit.id == Image.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .where(Image.sha256.in_(sha256s), own_sites(self._scope))
        )
        return {row["sha256"] for row in await self._all(statement)}

    @property
    def _own(self) -> ColumnElement[bool]:
        """Who is limited to sites sees what names a unit there; a picture without a unit is the whole organization's."""
        of_organization = PredictionRow.organization_id == self._scope.organization_id
        if self._scope.site_ids is None:
            return of_organization
        units = select(Unit.id).where(Unit.site_id.in_(self._scope.site_ids))
        return and_(of_organization, PredictionRow.unit_id.in_(units))

    def _within(self, start: datetime, end: datetime, unit_id: int | None) -> ColumnElement[bool]:
        within = and_(self._own, PredictionRow.created_at >= start, PredictionRow.created_at < end)
        return within if unit_id is None else and_(within, PredictionRow.unit_id == unit_id)


async def drop_old_predictions(connection: WriteConnection, before: datetime) -> int:
    """Delete what is older, of every organization; returns how many."""
    done = await connection.execute(delete(PredictionRow).where(PredictionRow.created_at < before))
    return done.rowcount


_URL = "/api/v1/ml/predict/async/"
_MEANT = {"waiting": "queued", "done": "succeeded"}
"""States of the common list, where the name is another."""


class ListedPredictions:
    """Predictions asked for later, in the list of all tasks (``cloud.tasks.repository.OtherTasks``)."""

    seen_by = Role.VIEWER
    ended_by = Role.OPERATOR

    def select(self, scope: Scope) -> Select[Any]:
        """Those that the scope may see, as tasks of the kind ``prediction``."""
        row = PredictionTask
        done = func.least(1.0, cast(row.done, Float) / func.greatest(row.pictures, 1))
        asked = func.jsonb_build_object(
            "model", row.request["model"], "pictures", row.pictures, "unit_id", row.request["unit_id"], type_=JSONB
        )
        answered = func.jsonb_build_object(
            "predicted", row.result["predicted"], "failed", row.result["failed"],
            "status_url", literal(_URL).concat(cast(row.id, String)), type_=JSONB,
        )  # fmt: skip
        said = cast(row.done, String).concat(literal(" of ")).concat(cast(row.pictures, String))
        listed = (
            select(
                row.id,
                literal("prediction").label("kind"),
                literal("ml").label("queue"),
                asked.label("params"),
                case(_MEANT, value=row.state, else_=row.state).label("state"),
                case((row.state == "done", 1.0), else_=done).label("progress"),
                said.concat(literal(" pictures")).label("message"),
                case((row.result.is_not(None), answered), else_=null()).label("result"),
                row.error,
                row.attempts,
                row.created_at,
                func.coalesce(row.request["created_by"].astext, "").label("created_by"),
                row.started_at,
                row.finished_at,
                (row.state == "cancelled").label("cancel_requested"),
            )
            .where(*_within(scope))
            .subquery()
        )
        return select(*listed.c)

    def unfinished(self) -> Select[Any]:
        """Those that wait or run, with how long the oldest that waits has."""
        row = PredictionTask
        state = case(_MEANT, value=row.state, else_=row.state)
        waited = func.extract("epoch", func.now() - func.min(row.created_at))
        return (
            select(
                literal("ml").label("queue"), state.label("state"), func.count().label("n"), waited.label("waited_s")
            )
            .where(row.finished_at.is_(None))
            .group_by(row.state)
        )

    async def cancel(self, connection: WriteConnection, scope: Scope, task_id: UUID, *, by: str, now: datetime) -> None:
        """It ends at once: the process that has it finds it taken, stops, and writes nothing. Who waits for a callback gets it."""
        del by
        called = PredictionTask.callback_url.is_not(None)
        await connection.execute(
            update(PredictionTask)
            .where(*_within(scope), PredictionTask.id == task_id, PredictionTask.finished_at.is_(None))
            .values(
                state="cancelled",
                finished_at=now,
                lease_until=None,
                callback_state=case((called, "waiting"), else_=null()),
                callback_at=case((called, now), else_=null()),
            )
        )


def _within(scope: Scope) -> list[ColumnElement[bool]]:
    """Who is limited to sites sees what was asked for within them."""
    within = [PredictionTask.organization_id == scope.organization_id]
    if scope.site_ids is not None:
        within.append(PredictionTask.request["site_ids"].contained_by(list(scope.site_ids)))
    return within


class PredictionTaskRepository(Repository):
    """The queue of predictions that were asked for later, of every organization; reading one names its organization."""

    async def add(self, row: dict[str, Any], *, most: int) -> bool:
        """Queue one, unless ``most`` wait already. Two that come at once may overshoot by one."""
        waiting = select(func.count()).select_from(PredictionTask).where(PredictionTask.finished_at.is_(None))
        if (await self._all(waiting.with_only_columns(func.count().label("n"))))[0]["n"] >= most:
            return False
        await self._connection.execute(insert(PredictionTask).values(row))
        return True

    async def get(self, task_id: UUID, organization_id: int) -> Row | None:
        """One task of an organization."""
        own = (PredictionTask.id == task_id, PredictionTask.organization_id == organization_id)
        return await self._one(select(*PredictionTask.__table__.columns).where(*own))

    async def claim(self, now: datetime, lease_until: datetime, task_id: UUID | None = None) -> Row | None:
        """Take the task that waited longest, or whose process has not been heard of; nobody else gets it meanwhile."""
        ready = or_(
            PredictionTask.state == "waiting",
            and_(PredictionTask.state == "running", PredictionTask.lease_until < now),
        )
        chosen = select(PredictionTask.id).where(PredictionTask.finished_at.is_(None), ready)
        if task_id is not None:
            chosen = chosen.where(PredictionTask.id == task_id)
        chosen = chosen.order_by(PredictionTask.created_at).limit(1).with_for_update(skip_locked=True)
        statement = (
            update(PredictionTask)
            .where(PredictionTask.id == chosen.scalar_subquery())
            .values(
                state="running",
                attempts=PredictionTask.attempts + 1,
                lease_until=lease_until,
                started_at=func.coalesce(PredictionTask.started_at, now),
            )
            .returning(*PredictionTask.__table__.columns)
        )
        return await self._one(statement)

    async def alive(self, task_id: UUID, attempt: int, *, done: int, lease_until: datetime) -> bool:
        """Say that the run goes on, and how far it is; False when the task is not its any more."""
        own = (PredictionTask.id == task_id, PredictionTask.attempts == attempt, PredictionTask.state == "running")
        statement = update(PredictionTask).where(*own).values(done=done, lease_until=lease_until)
        return await self._one(statement.returning(PredictionTask.id)) is not None

    async def release(self, task_id: UUID, attempt: int) -> None:
        """Give a run back that was stopped on purpose: the next one need not wait for the lease, and it was no failure."""
        own = (PredictionTask.id == task_id, PredictionTask.attempts == attempt, PredictionTask.state == "running")
        await self._connection.execute(
            update(PredictionTask).where(*own).values(state="waiting", attempts=attempt - 1, lease_until=None)
        )

    async def finish(self, task_id: UUID, attempt: int, values: dict[str, Any]) -> bool:
        """Write the end of a run; False when another process has begun it anew."""
        own = (PredictionTask.id == task_id, PredictionTask.attempts == attempt, PredictionTask.state == "running")
        statement = update(PredictionTask).where(*own).values(lease_until=None, **values).returning(PredictionTask.id)
        return await self._one(statement) is not None

    async def claim_callback(self, now: datetime, again_at: datetime) -> Row | None:
        """A callback that is due; it is due again at ``again_at`` unless its end is written before."""
        chosen = (
            select(PredictionTask.id)
            .where(PredictionTask.callback_state == "waiting", PredictionTask.callback_at <= now)
            .order_by(PredictionTask.callback_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        statement = (
            update(PredictionTask)
            .where(PredictionTask.id == chosen.scalar_subquery())
            .values(callback_attempts=PredictionTask.callback_attempts + 1, callback_at=again_at)
            .returning(*PredictionTask.__table__.columns)
        )
        return await self._one(statement)

    async def called(self, task_id: UUID, state: str, at: datetime, error: str | None) -> None:
        """Write what came of a callback."""
        await self._connection.execute(
            update(PredictionTask)
            .where(PredictionTask.id == task_id)
            .values(callback_state=state, callback_at=at, callback_error=error)
        )

    async def drop_old(self, before: datetime) -> None:
        """Delete tasks that ended earlier."""
        await self._connection.execute(delete(PredictionTask).where(PredictionTask.finished_at < before))

    async def open_ids(self) -> set[UUID]:
        """Tasks that still need their pictures."""
        return {
            row["id"] for row in await self._all(select(PredictionTask.id).where(PredictionTask.finished_at.is_(None)))
        }
