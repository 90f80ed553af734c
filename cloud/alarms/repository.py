"""SQL of alarms. Every query names the organization that asks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, bindparam, func, or_, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cloud.alarms.tables import Alarm, AlarmChangeRow, AlarmRationale
from cloud.auth.scope import Scope
from cloud.auth.tables import User
from cloud.farms.repository import OF_SCOPE, own_sites, scoped
from cloud.farms.tables import Site, Unit
from cloud.kit.queries import Query
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
        Alarm.subject,
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
        Alarm.shelved_until,
        Alarm.shelved_by,
        Alarm.shelved_because,
        Alarm.assignee_id,
        User.email.label("assignee_email"),
        User.name.label("assignee_name"),
        Alarm.assigned_at,
        Alarm.assigned_by,
    )
    .join(Site, Site.id == Alarm.site_id)
    .outerjoin(Unit, Unit.id == Alarm.unit_id)
    .outerjoin(User, User.id == Alarm.assignee_id)
)


@cache
def _alarms(limited: bool, of_site: bool, is_open: bool | None, assigned: bool, before: bool) -> Query:  # noqa: FBT001
    rows = bindparam("rows", type_=Integer)
    statement = _ALARMS.where(OF_SCOPE[limited]).order_by(Alarm.raised_at.desc(), Alarm.id.desc()).limit(rows)
    if of_site:
        statement = statement.where(Alarm.site_id == bindparam("site_id"))
    if is_open is not None:
        statement = statement.where(IS_OPEN if is_open else ~IS_OPEN)
    if assigned:
        statement = statement.where(Alarm.assignee_id == bindparam("assignee_id"))
    if before:
        place = tuple_(bindparam("before_at", type_=Alarm.raised_at.type), bindparam("before_id", type_=Alarm.id.type))
        statement = statement.where(tuple_(Alarm.raised_at, Alarm.id) < place)
    return Query(statement)


_ACTIVE_COUNTS = Query(
    select(Alarm.unit_id, Alarm.severity, func.count().label("alarms"))
    .where(Alarm.site_id == bindparam("site_id"), Alarm.cleared_at.is_(None))
    .group_by(Alarm.unit_id, Alarm.severity)
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
    """Alarms for whoever was told of them already, by a signed link or by a stream, whatever the organization."""

    async def alarm(self, alarm_id: UUID) -> Row | None:
        """The alarm of the link."""
        return await self._one(_ALARMS.where(Alarm.id == alarm_id))

    async def alarms(self, alarm_ids: Collection[UUID]) -> list[Row]:
        """Some alarms, oldest first."""
        return await self._all(_ALARMS.where(Alarm.id.in_(alarm_ids)).order_by(Alarm.raised_at, Alarm.id))

    async def acknowledge(self, alarm_id: UUID, *, actor: str, now: datetime) -> bool:
        """Record that the contact has taken the alarm on; False when somebody had before."""
        return await self._acknowledge(alarm_id, true(), actor=actor, now=now)


class AlarmRepository(_Alarms):
    """Alarms of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self._own = own_sites(scope)

    async def alarms(
        self,
        *,
        site_id: int | None,
        is_open: bool | None,
        assignee_id: int | None,
        before: tuple[datetime, UUID] | None,
        rows: int,
    ) -> list[Row]:
        """Newest alarms, those before (raised_at, id); ``is_open`` and ``assignee_id`` None mean all."""
        values = scoped(self._scope, rows=rows)
        if site_id is not None:
            values["site_id"] = site_id
        if assignee_id is not None:
            values["assignee_id"] = assignee_id
        if before is not None:
            values["before_at"], values["before_id"] = before
        limited = self._scope.site_ids is not None
        query = _alarms(limited, site_id is not None, is_open, assignee_id is not None, before is not None)
        return await self._all(query, values)

    async def alarm(self, alarm_id: UUID) -> Row | None:
        """One alarm."""
        return await self._one(_ALARMS.where(self._own, Alarm.id == alarm_id))

    async def acknowledge(self, alarm_id: UUID, *, actor: str, now: datetime) -> bool:
        """Record that a person has taken the alarm on; False when somebody had before, who stays the one."""
        own = select(Site.id).where(own_sites(self._scope))
        return await self._acknowledge(alarm_id, Alarm.site_id.in_(own), actor=actor, now=now)

    async def shelve(
        self, alarm_id: UUID, *, until: datetime | None, actor: str, reason: str | None, now: datetime
    ) -> bool:
        """Put an alarm on the shelf until then, or take it off (``until`` None); False when there is none to."""
        own = select(Site.id).where(own_sites(self._scope))
        statement = update(Alarm).where(Alarm.id == alarm_id, Alarm.site_id.in_(own))
        if until is None:
            statement = statement.where(Alarm.shelved_until > now)
        done = await self._one(
            statement.values(
                shelved_until=until,
                shelved_by=actor if until is not None else None,
                shelved_because=reason,
            ).returning(Alarm.id)
        )
        if done is None:
            return False
        change = AlarmChange.UNSHELVED if until is None else AlarmChange.SHELVED
        await self._connection.execute(
            insert(AlarmChangeRow)
            .values(alarm_id=alarm_id, change=change.value, occurred_at=now, recorded_at=now, actor=actor)
            .on_conflict_do_nothing()
        )
        return True

    async def assignees(self, alarm_id: UUID, *, user_id: int | None = None, rows: int) -> list[Row]:
        """Users of the organization who may come in and see the alarm's site, by e-mail; or the one of this id."""
        sees = or_(User.site_ids.is_(None), User.site_ids.contains(func.jsonb_build_array(Alarm.site_id)))
        statement = (
            select(User.id, User.email, User.name)
            .join(Site, Site.organization_id == User.organization_id)
            .join(Alarm, Alarm.site_id == Site.id)
            .where(self._own, Alarm.id == alarm_id, User.disabled_at.is_(None), sees)
            .order_by(User.email)
            .limit(rows)
        )
        return await self._all(statement if user_id is None else statement.where(User.id == user_id))

    async def assign(self, alarm_id: UUID, assignee: Row | None, *, actor: str, now: datetime) -> bool:
        """Make it the work of a user (``id``, ``email``), or of nobody; False when it is already, or there is no such alarm."""
        own = select(Site.id).where(own_sites(self._scope))
        key = None if assignee is None else assignee["id"]
        done = await self._one(
            update(Alarm)
            .where(Alarm.id == alarm_id, Alarm.site_id.in_(own), Alarm.assignee_id.is_distinct_from(key))
            .values(
                assignee_id=key,
                assigned_at=None if assignee is None else now,
                assigned_by=None if assignee is None else actor,
            )
            .returning(Alarm.id)
        )
        if done is None:
            return False
        change = {"alarm_id": alarm_id, "change": "unassigned", "occurred_at": now}
        if assignee is not None:
            change |= {"change": "assigned", "assignee": assignee["email"]}
        await self._connection.execute(
            insert(AlarmChangeRow).values(**change, recorded_at=now, actor=actor).on_conflict_do_nothing()
        )
        return True

    async def history(self, alarm_id: UUID) -> list[Row]:
        """Every change of an alarm, oldest first."""
        table = AlarmChangeRow
        columns = (table.change, table.occurred_at, table.recorded_at, table.actor, table.assignee)
        statement = (
            select(*columns).join(Alarm, Alarm.id == AlarmChangeRow.alarm_id).join(Site, Site.id == Alarm.site_id)
        )
        return await self._all(
            statement.where(self._own, Alarm.id == alarm_id).order_by(
                AlarmChangeRow.occurred_at, AlarmChangeRow.recorded_at
            )
        )

    async def occurrences(self, site_id: int, start: datetime, end: datetime, *, rows: int) -> list[Row]:
        """Alarms of a site that were raised in a time, oldest first."""
        return await self._all(
            select(
                Alarm.definition,
                Unit.slug.label("unit"),
                Alarm.subject,
                Alarm.severity,
                Alarm.raised_at,
                Alarm.cleared_at,
                Alarm.acknowledged_at,
                Alarm.suppressed_by.is_not(None).label("suppressed"),
            )
            .outerjoin(Unit, Unit.id == Alarm.unit_id)
            .where(Alarm.site_id == site_id, Alarm.raised_at >= start, Alarm.raised_at < end)
            .order_by(Alarm.raised_at)
            .limit(rows)
        )

    async def around(self, site_id: int, unit_id: int, start: datetime, end: datetime, *, rows: int) -> list[Row]:
        """Alarms of a unit, or of its site as a whole, that were active at some time of ``[start, end)``, newest first."""
        here = (Alarm.site_id == site_id, or_(Alarm.unit_id == unit_id, Alarm.unit_id.is_(None)))
        active = (Alarm.raised_at < end, or_(Alarm.cleared_at.is_(None), Alarm.cleared_at >= start))
        statement = _ALARMS.where(self._own, *here, *active).order_by(Alarm.raised_at.desc(), Alarm.id.desc())
        return await self._all(statement.limit(rows))

    async def shelved(self, site_id: int, now: datetime) -> list[Row]:
        """Alarms of a site that are on the shelf."""
        on_shelf = (Alarm.site_id == site_id, Alarm.shelved_until > now)
        return await self._all(_ALARMS.where(self._own, *on_shelf).order_by(Alarm.shelved_until))

    async def rationales(self) -> list[Row]:
        """Reviewed rationales of the organization."""
        table = AlarmRationale
        columns = (
            table.definition, table.consequence, table.respond_within_s, table.instruction, table.owner,
            table.reviewed_at, table.reviewed_by,
        )  # fmt: skip
        return await self._all(
            select(*columns).where(table.organization_id == self._scope.organization_id).order_by(table.definition)
        )

    async def set_rationale(self, definition: str, values: Row) -> None:
        """Store a rationale."""
        key = {"organization_id": self._scope.organization_id, "definition": definition}
        statement = insert(AlarmRationale).values(**key, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))

    async def active_counts(self, site_id: int) -> list[Row]:
        """Active alarms of a site by unit (None: of no unit) and severity."""
        return await self._all(_ACTIVE_COUNTS, {"site_id": site_id})
