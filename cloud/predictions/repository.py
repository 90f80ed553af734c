"""SQL of predictions. Every query names the scope that asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.observations.tables import Image
from cloud.predictions.tables import PredictionRow

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


class PredictionRepository(Repository):
    """Predictions of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope

    async def add(self, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Keep predictions and return their ids in order; those of a task that are there already are left alone."""
        statement = insert(PredictionRow).on_conflict_do_nothing(index_elements=["task_id", "task_index"])
        values = [{"organization_id": self._scope.organization_id, **row} for row in rows]
        if len(values) == 1:
            return [row["id"] for row in await self._all(statement.values(values).returning(PredictionRow.id))]
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
