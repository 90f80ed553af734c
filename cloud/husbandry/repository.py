"""SQL of batches and the diary. Every query names the organization that asks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from cloud.auth.scope import Scope
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.husbandry.rules import MOVES
from cloud.husbandry.tables import Batch, DiaryChange, DiaryRecord
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection

_TO_UNIT = aliased(Unit)
_RECORDS = (
    select(
        DiaryRecord.id,
        Site.slug.label("site"),
        Unit.slug.label("unit"),
        _TO_UNIT.slug.label("to_unit"),
        Batch.code.label("batch"),
        DiaryRecord.kind,
        DiaryRecord.occurred_at,
        DiaryRecord.body,
        DiaryRecord.recorded_at,
        DiaryRecord.recorded_by,
        DiaryRecord.struck_at,
        DiaryRecord.struck_by,
        DiaryRecord.struck_because,
    )
    .join(Site, Site.id == DiaryRecord.site_id)
    .outerjoin(Unit, Unit.id == DiaryRecord.unit_id)
    .outerjoin(_TO_UNIT, _TO_UNIT.id == DiaryRecord.to_unit_id)
    .outerjoin(Batch, Batch.id == DiaryRecord.batch_id)
)
_BATCHES = select(Batch.id, Batch.code, Batch.species, Batch.origin)
_OF_STOCK = DiaryRecord.kind.in_([*sorted(MOVES), "weight_sample"])


class HusbandryRepository(Repository):
    """Batches and records of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self._own = own_sites(scope)

    async def units(self, site_id: int) -> dict[str, Row]:
        """Units of a site by slug, with key and volume."""
        rows = await self._all(select(Unit.id, Unit.slug, Unit.volume_m3).where(Unit.site_id == site_id))
        return {row["slug"]: row for row in rows}

    # -- batches -------------------------------------------------------------------------------------------------

    async def add_batch(self, *, code: str, species: str, origin: str, actor: str, now: datetime) -> bool:
        """Store a batch; False when the organization has one of this code."""
        values = {"organization_id": self._scope.organization_id, "code": code, "species": species, "origin": origin}
        added = await self._one(
            insert(Batch)
            .values(**values, created_at=now, created_by=actor)
            .on_conflict_do_nothing()
            .returning(Batch.id)
        )
        return added is not None

    async def batch(self, code: str, *, lock: bool = False) -> Row | None:
        """A batch by its code; locked, nobody else changes its book meanwhile."""
        statement = _BATCHES.where(Batch.organization_id == self._scope.organization_id, Batch.code == code)
        return await self._one(statement.with_for_update() if lock else statement)

    async def batches(self, *, after: str | None = None, rows: int | None = None) -> list[Row]:
        """Batches by code, those after ``after``; ``rows`` None means all."""
        statement = (
            _BATCHES.where(Batch.organization_id == self._scope.organization_id).order_by(Batch.code).limit(rows)
        )
        if after is not None:
            statement = statement.where(Batch.code > after)
        return await self._all(statement)

    async def stock_records(self, *, batch_ids: Collection[int] | None = None, site_id: int | None = None) -> list[Row]:
        """What makes the books of some batches, or of all batches that were ever at a site."""
        # The whole organization's, whatever the scope: a book that leaves a site out does not balance.
        everywhere = Site.organization_id == self._scope.organization_id
        statement = _RECORDS.where(everywhere, _OF_STOCK, DiaryRecord.struck_at.is_(None)).order_by(
            DiaryRecord.occurred_at
        )
        if batch_ids is not None:
            statement = statement.where(DiaryRecord.batch_id.in_(batch_ids))
        if site_id is not None:
            here = select(DiaryRecord.batch_id).where(DiaryRecord.site_id == site_id, DiaryRecord.batch_id.is_not(None))
            statement = statement.where(DiaryRecord.batch_id.in_(here))
        return await self._all(statement)

    # -- records -------------------------------------------------------------------------------------------------

    async def add(self, rows: Collection[dict[str, Any]]) -> set[UUID]:
        """Store records; returns the keys that were new."""
        if not rows:
            return set()
        statement = insert(DiaryRecord).values(list(rows)).on_conflict_do_nothing().returning(DiaryRecord.id)
        return {row["id"] for row in await self._all(statement)}

    async def add_changes(self, rows: Collection[dict[str, Any]]) -> None:
        """Add lines to the history."""
        if rows:
            await self._connection.execute(insert(DiaryChange), list(rows))

    async def record(self, record_id: UUID) -> Row | None:
        """One record of the organization."""
        return await self._one(_RECORDS.where(self._own, DiaryRecord.id == record_id))

    async def known(self, record_ids: Collection[UUID]) -> dict[UUID, Row]:
        """Records of the organization among these keys."""
        rows = await self._all(_RECORDS.where(self._own, DiaryRecord.id.in_(record_ids)))
        return {row["id"]: row for row in rows}

    async def records(
        self,
        site_id: int,
        *,
        kind: str | None = None,
        unit_id: int | None = None,
        batch: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        before: tuple[datetime, UUID] | None = None,
        rows: int | None = None,
    ) -> list[Row]:
        """Records of a site, newest first; every None leaves a filter out. Both ends of a transfer are in its unit."""
        statement = _of_site(site_id).limit(rows)
        if kind is not None:
            statement = statement.where(DiaryRecord.kind == kind)
        if unit_id is not None:
            statement = statement.where((DiaryRecord.unit_id == unit_id) | (DiaryRecord.to_unit_id == unit_id))
        if batch is not None:
            statement = statement.where(Batch.code == batch)
        if start is not None:
            statement = statement.where(DiaryRecord.occurred_at >= start)
        if end is not None:
            statement = statement.where(DiaryRecord.occurred_at < end)
        if before is not None:
            statement = statement.where(tuple_(DiaryRecord.occurred_at, DiaryRecord.id) < before)
        return await self._all(statement)

    async def valid(self, site_id: int, kinds: Collection[str], *, since: datetime) -> list[Row]:
        """Records of some kinds at a site that are not struck out, oldest first."""
        return await self._all(
            _RECORDS.where(
                DiaryRecord.site_id == site_id,
                DiaryRecord.kind.in_(kinds),
                DiaryRecord.struck_at.is_(None),
                DiaryRecord.occurred_at >= since,
            ).order_by(DiaryRecord.occurred_at)
        )

    async def newest_by_unit(self, site_id: int, kind: str, *, since: datetime) -> list[Row]:
        """The newest valid record of a kind in each unit of a site, by unit."""
        ranked = (
            select(
                DiaryRecord.id,
                func.row_number()
                .over(partition_by=DiaryRecord.unit_id, order_by=(DiaryRecord.occurred_at.desc(), DiaryRecord.id))
                .label("place"),
            )
            .where(
                DiaryRecord.site_id == site_id,
                DiaryRecord.kind == kind,
                DiaryRecord.struck_at.is_(None),
                DiaryRecord.occurred_at >= since,
            )
            .subquery()
        )
        newest = select(ranked.c.id).where(ranked.c.place == 1)
        return await self._all(_RECORDS.where(DiaryRecord.id.in_(newest)).order_by(Unit.slug))

    async def strike(self, record_id: UUID, *, actor: str, reason: str, now: datetime) -> bool:
        """Strike a record out; False when it was already."""
        struck = await self._one(
            update(DiaryRecord)
            .where(DiaryRecord.id == record_id, DiaryRecord.struck_at.is_(None))
            .values(struck_at=now, struck_by=actor, struck_because=reason)
            .returning(DiaryRecord.id)
        )
        return struck is not None

    async def history(self, record_id: UUID) -> list[Row]:
        """Everything that was done to a record, oldest first."""
        return await self._all(
            select(
                DiaryChange.change,
                DiaryChange.changed_at,
                DiaryChange.actor,
                DiaryChange.origin,
                DiaryChange.before,
                DiaryChange.after,
            )
            .where(DiaryChange.record_id == record_id)
            .order_by(DiaryChange.id)
        )


def _of_site(site_id: int) -> Select[Any]:
    return _RECORDS.where(DiaryRecord.site_id == site_id).order_by(
        DiaryRecord.occurred_at.desc(), DiaryRecord.id.desc()
    )
