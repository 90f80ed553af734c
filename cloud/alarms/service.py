"""Alarms for people: the list, and taking one on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from importlib import resources
from uuid import UUID

import structlog
import yaml

from cloud.alarms.performance import Occurrence, performance
from cloud.alarms.repository import AlarmRepository, LinkedAlarms
from cloud.alarms.schemas import (
    Alarm,
    AlarmPage,
    AlarmPerformance,
    AlarmStep,
    Assignee,
    ChatteringAlarm,
    NewAssignee,
    NewRationale,
    Rationale,
    ReportedActor,
    Shelf,
)
from cloud.auth.dependencies import Principal
from cloud.errors import BadRequestError, InvalidCursorError, InvalidRangeError, NotFoundError
from cloud.farms.schemas import UnitRef
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.metrics import ALARMS_ACKNOWLEDGED
from contracts.alarms import Severity

log = structlog.get_logger()

LONGEST_REPORT = timedelta(days=366)
MAX_ASSIGNEES = 500
"""People that one list of assignees has, by e-mail; a farm with more finds the others by their id."""
MAX_OCCURRENCES = 50_000
"""Alarms that one report looks at; more in a year is a farm that needs another remedy first."""


async def list_alarms(
    reader: ReadConnection,
    user: Principal,
    page: PageQuery,
    *,
    site: str | None,
    is_open: bool | None,
    assignee_id: int | None,
) -> AlarmPage:
    """Alarms of the user's organization, newest first; ``is_open`` and ``assignee_id`` None mean all.

    Raises:
        NotFoundError: the organization has no such site.
    """
    before = None if page.cursor is None else _position(page.cursor)
    site_id = None if site is None else await find_site_id(reader, user, site)
    rows = await AlarmRepository(reader, user.scope).alarms(
        site_id=site_id, is_open=is_open, assignee_id=assignee_id, before=before, rows=page.rows
    )
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["raised_at"].isoformat(), str(row["id"])))
    return AlarmPage(items=[_alarm(row) for row in shown], next_cursor=cursor)


async def acknowledge_alarm(writer: WriteConnection, user: Principal, alarm_id: UUID) -> Alarm:
    """Record that the user has taken the alarm on; the first who did stays on record.

    Raises:
        NotFoundError: the user's organization has no such alarm.
    """
    repository = AlarmRepository(writer, user.scope)
    changed = await repository.acknowledge(alarm_id, actor=user.email, now=datetime.now(timezone.utc))
    row = await repository.alarm(alarm_id)
    if row is None:
        raise NotFoundError(f"There is no alarm {alarm_id}")
    if changed:
        ALARMS_ACKNOWLEDGED.inc()
        log.info("alarm_acknowledged", alarm=str(alarm_id), user=user.id, site=row["site"])
    return _alarm(row)


async def shelve_alarm(writer: WriteConnection, user: Principal, alarm_id: UUID, shelf: Shelf, now: datetime) -> Alarm:
    """Let an alarm call nobody for a while; again: the new reason and time hold.

    Raises:
        NotFoundError: the user's organization has no such alarm.
    """
    repository = AlarmRepository(writer, user.scope)
    until = now + timedelta(minutes=shelf.minutes)
    if not await repository.shelve(alarm_id, until=until, actor=user.email, reason=shelf.reason, now=now):
        raise NotFoundError(f"There is no alarm {alarm_id}")
    log.info("alarm_shelved", alarm=str(alarm_id), user=user.id, minutes=shelf.minutes)
    return await _found(repository, alarm_id)


async def unshelve_alarm(writer: WriteConnection, user: Principal, alarm_id: UUID, now: datetime) -> Alarm:
    """Let an alarm call again; nothing happens when it is not on the shelf.

    Raises:
        NotFoundError: the user's organization has no such alarm.
    """
    repository = AlarmRepository(writer, user.scope)
    await repository.shelve(alarm_id, until=None, actor=user.email, reason=None, now=now)
    return await _found(repository, alarm_id)


async def list_assignees(reader: ReadConnection, user: Principal, alarm_id: UUID) -> list[Assignee]:
    """Who an alarm can be assigned to.

    Raises:
        NotFoundError: the user's organization has no such alarm.
    """
    repository = AlarmRepository(reader, user.scope)
    await _found(repository, alarm_id)
    return [Assignee(**row) for row in await repository.assignees(alarm_id, rows=MAX_ASSIGNEES)]


async def assign_alarm(
    writer: WriteConnection, user: Principal, alarm_id: UUID, new: NewAssignee, now: datetime
) -> Alarm:
    """Make an alarm somebody's work, or nobody's; again: nothing changes.

    Raises:
        NotFoundError: the user's organization has no such alarm.
        BadRequestError: there is no such user who may see the alarm.
    """
    repository = AlarmRepository(writer, user.scope)
    alarm = await _found(repository, alarm_id)
    assignee = None
    if new.user_id is not None:
        # One answer for a number that nobody has and for one of another organization: nobody learns which it is.
        assignee = next(iter(await repository.assignees(alarm_id, user_id=new.user_id, rows=1)), None)
        if assignee is None:
            raise BadRequestError(
                f"user_id = {new.user_id}: nobody with this number may come in and see {alarm.site};"
                f" choose one of GET /api/v1/alarms/{alarm_id}/assignees"
            )
    if await repository.assign(alarm_id, assignee, actor=user.email, now=now):
        log.info("alarm_assigned", alarm=str(alarm_id), user=user.id, assignee=new.user_id, site=alarm.site)
    return await _found(repository, alarm_id)


async def watched_alarms(reader: ReadConnection, alarm_ids: Collection[UUID]) -> list[Alarm]:
    """Alarms by id, whoever they belong to: for a caller that has checked who may see them."""
    return [_alarm(row) for row in await LinkedAlarms(reader).alarms(alarm_ids)]


async def get_history(reader: ReadConnection, user: Principal, alarm_id: UUID) -> list[AlarmStep]:
    """Everything that happened to an alarm.

    Raises:
        NotFoundError: the user's organization has no such alarm.
    """
    rows = await AlarmRepository(reader, user.scope).history(alarm_id)
    if not rows:
        raise NotFoundError(f"There is no alarm {alarm_id}")
    return [AlarmStep(**row) for row in rows]


async def get_performance(
    reader: ReadConnection, user: Principal, site: str, start: datetime, end: datetime, now: datetime
) -> AlarmPerformance:
    """How well the alarms of a site serve its people.

    Raises:
        NotFoundError: the organization has no such site.
        InvalidRangeError: the time is empty, reversed or too long.
    """
    if not timedelta() < end - start <= LONGEST_REPORT:
        raise InvalidRangeError(f"end must be after start, by at most {LONGEST_REPORT.days} days")
    site_id = await find_site_id(reader, user, site)
    repository = AlarmRepository(reader, user.scope)
    rows = await repository.occurrences(site_id, start, end, rows=MAX_OCCURRENCES + 1)
    if len(rows) > MAX_OCCURRENCES:
        raise InvalidRangeError(f"More than {MAX_OCCURRENCES} alarms; choose a shorter time")
    report = performance([Occurrence(**row) for row in rows], start, end)
    return AlarmPerformance(
        start=start,
        end=end,
        alarms=report.alarms,
        per_day=report.per_day,
        by_severity=report.by_severity,
        acknowledged=report.acknowledged,
        acknowledge_p50_s=report.acknowledge_p50_s,
        acknowledge_p95_s=report.acknowledge_p95_s,
        unanswered=report.unanswered,
        bad_actors=[
            ReportedActor(
                definition=actor.definition,
                unit=actor.unit,
                subject=actor.subject,
                times=actor.times,
                share=actor.share,
            )
            for actor in report.bad_actors
        ],
        chattering=[
            ChatteringAlarm(definition=definition, unit=unit, subject=subject)
            for definition, unit, subject in report.chattering
        ],
        floods=report.floods,
        flood_share=report.flood_share,
        stale=report.stale,
        suppressed=report.suppressed,
        shelved=[_alarm(row) for row in await repository.shelved(site_id, now)],
    )


async def list_rationales(reader: ReadConnection, user: Principal) -> list[Rationale]:
    """Why each alarm exists: the shipped reasons, and the organization's own in their place."""
    rows = await AlarmRepository(reader, user.scope).rationales()
    own = {row["definition"]: Rationale(shipped=False, **row) for row in rows}
    both = {**shipped_rationales(), **own}
    return [both[definition] for definition in sorted(both)]


async def set_rationale(
    writer: WriteConnection, user: Principal, definition: str, new: NewRationale, now: datetime
) -> Rationale:
    """Write down why an alarm exists; this is its review."""
    values = {**new.model_dump(), "reviewed_at": now, "reviewed_by": user.email}
    await AlarmRepository(writer, user.scope).set_rationale(definition, values)
    return Rationale(definition=definition, shipped=False, **values)


@lru_cache(maxsize=1)
def shipped_rationales() -> dict[str, Rationale]:
    """``rationale.yaml``."""
    text = resources.files("cloud.alarms").joinpath("rationale.yaml").read_text(encoding="utf-8")
    return {
        name: Rationale(definition=name, shipped=True, reviewed_at=None, reviewed_by=None, **fields)
        for name, fields in yaml.safe_load(text).items()
    }


async def _found(repository: AlarmRepository, alarm_id: UUID) -> Alarm:
    row = await repository.alarm(alarm_id)
    if row is None:
        raise NotFoundError(f"There is no alarm {alarm_id}")
    return _alarm(row)


async def active_by_unit(
    reader: ReadConnection, user: Principal, site_id: int
) -> dict[int | None, dict[Severity, int]]:
    """Active alarms of a site by unit id and severity; None collects those of no unit."""
    by_unit: dict[int | None, dict[Severity, int]] = {}
    for row in await AlarmRepository(reader, user.scope).active_counts(site_id):
        by_unit.setdefault(row["unit_id"], {})[Severity(row["severity"])] = row["alarms"]
    return by_unit


def _position(cursor: str) -> tuple[datetime, UUID]:
    moment, key = decode_moment_cursor(cursor)
    try:
        return moment, UUID(key)
    except ValueError as error:
        raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from error


def _alarm(row: Row) -> Alarm:
    unit = None
    if row["unit_id"] is not None:
        unit = UnitRef(id=row["unit_id"], slug=row["unit_slug"], name=row["unit_name"])
    assignee = None
    if row["assignee_id"] is not None:
        assignee = Assignee(id=row["assignee_id"], email=row["assignee_email"], name=row["assignee_name"])
    return Alarm(
        id=row["id"],
        site=row["site"],
        unit=unit,
        subject=row["subject"],
        definition=row["definition"],
        severity=row["severity"],
        active=row["cleared_at"] is None,
        acknowledged=row["acknowledged_at"] is not None,
        raised_at=row["raised_at"],
        cleared_at=row["cleared_at"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        value=row["value"],
        limit=row["limit_value"],
        ucum=row["ucum"],
        quantity=row["quantity"],
        message=row["message"],
        action=row["action"],
        source=row["source"],
        origin=row["origin"],
        suppressed_by=row["suppressed_by"],
        shelved_until=row["shelved_until"],
        shelved_by=row["shelved_by"],
        shelved_because=row["shelved_because"],
        assignee=assignee,
        assigned_at=row["assigned_at"],
        assigned_by=row["assigned_by"],
    )
