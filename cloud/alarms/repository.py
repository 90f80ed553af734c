"""SQL of alarms. Every query names the organization that asks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cloud.alarms.tables import Alarm, AlarmChangeRow
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from contracts.alarms import AlarmChange

IS_OPEN = or_(Alarm.cleared_at.is_(None), Alarm.acknowledged_at.is_(None))
"""Still on the operator's list (ISA-18.2): the condition holds, or nobody has acknowledged it."""


_ALARMS = (
    select(
        Alarm.id,
        Site.slug.label("site"),
        Unit.id.label("unit_id"),
        Unit.slug.label("unit_slug"),
        Unit.name.label("unit_name"),
        Alarm.definition,
        Alarm.severity,
        Alarm.raised_at,
        Alarm.cleared_at,
        Alarm.acknowledged_at,
        Alarm.acknowledged_by,
        Alarm.value,
        Alarm.limit_value,
        Alarm.ucum,
        Alarm.quantity,
        Alarm.message,
        Alarm.action,
        Alarm.source,
        Alarm.origin,
        Alarm.suppressed_by,
    )
    .join(Site, Site.id == Alarm.site_id)
    .outerjoin(Unit, Unit.id == Alarm.unit_id)
)


class _Alarms(Repository):
    async def _acknowledge(self, alarm_id: UUID, allowed: ColumnElement[bool], *, actor: str, now: datetime) -> bool:
        taken = await self._one(
            update(Alarm)
            .where(Alarm.id == alarm_id, allowed, Alarm.acknowledged_at.is_(None))
            .values(acknowledged_at=now, acknowledged_by=actor)
            .returning(Alarm.id)
        )
        if taken is None:
            return False
        change = {"alarm_id": alarm_id, "change": AlarmChange.ACKNOWLEDGED.value, "occurred_at": now}
        await self._connection.execute(
            insert(AlarmChangeRow).values(**change, recorded_at=now, actor=actor).on_conflict_do_nothing()
        )
        return True


class LinkedAlarms(_Alarms):
    """One alarm for the holder of a signed link, which says which."""

    async def alarm(self, alarm_id: UUID) -> Row | None:
        """The alarm of the link."""
        return await self._one(_ALARMS.where(Alarm.id == alarm_id))

    async def acknowledge(self, alarm_id: UUID, *, actor: str, now: datetime) -> bool:
        """Record that the contact has taken the alarm on; False when somebody had before."""
        return await self._acknowledge(alarm_id, true(), actor=actor, now=now)


class AlarmRepository(_Alarms):
    """Alarms of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, organization_id: int) -> None:
        super().__init__(connection)
        self._organization_id = organization_id
        self._own = Site.organization_id == organization_id

    async def alarms(
        self, *, site_id: int | None, is_open: bool | None, before: tuple[datetime, UUID] | None, rows: int
    ) -> list[Row]:
        """Newest alarms, those before (raised_at, id); ``is_open`` None means all."""
        statement = _ALARMS.where(self._own).order_by(Alarm.raised_at.desc(), Alarm.id.desc()).limit(rows)
        if site_id is not None:
            statement = statement.where(Alarm.site_id == site_id)
        if is_open is not None:
            statement = statement.where(IS_OPEN if is_open else ~IS_OPEN)
        if before is not None:
            statement = statement.where(tuple_(Alarm.raised_at, Alarm.id) < before)
        return await self._all(statement)

    async def alarm(self, alarm_id: UUID) -> Row | None:
        """One alarm."""
        return await self._one(_ALARMS.where(self._own, Alarm.id == alarm_id))

    async def acknowledge(self, alarm_id: UUID, *, actor: str, now: datetime) -> bool:
        """Record that a person has taken the alarm on; False when somebody had before, who stays the one."""
        own = select(Site.id).where(Site.organization_id == self._organization_id)
        return await self._acknowledge(alarm_id, Alarm.site_id.in_(own), actor=actor, now=now)

    async def active_counts(self, site_id: int) -> list[Row]:
        """Active alarms of a site by unit (None: of no unit) and severity."""
        return await self._all(
            select(Alarm.unit_id, Alarm.severity, func.count().label("alarms"))
            .where(Alarm.site_id == site_id, Alarm.cleared_at.is_(None))
            .group_by(Alarm.unit_id, Alarm.severity)
        )
