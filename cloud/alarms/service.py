"""Alarms for people: the list, and taking one on."""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID

import structlog

from cloud.alarms.repository import AlarmRepository
from cloud.alarms.schemas import Alarm, AlarmPage
from cloud.auth.dependencies import Principal
from cloud.errors import InvalidCursorError, NotFoundError
from cloud.farms.schemas import UnitRef
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.metrics import ALARMS_ACKNOWLEDGED
from contracts.alarms import Severity

log = structlog.get_logger()


async def list_alarms(
    reader: ReadConnection, user: Principal, page: PageQuery, *, site: str | None, is_open: bool | None
) -> AlarmPage:
    """Alarms of the user's organization, newest first; ``is_open`` None means all.

    Raises:
        NotFoundError: the organization has no such site.
    """
    before = None if page.cursor is None else _position(page.cursor)
    site_id = None if site is None else await find_site_id(reader, user, site)
    rows = await AlarmRepository(reader, user.organization_id).alarms(
        site_id=site_id, is_open=is_open, before=before, rows=page.rows
    )
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["raised_at"].isoformat(), str(row["id"])))
    return AlarmPage(items=[_alarm(row) for row in shown], next_cursor=cursor)


async def acknowledge_alarm(writer: WriteConnection, user: Principal, alarm_id: UUID) -> Alarm:
    """Record that the user has taken the alarm on; the first who did stays on record.

    Raises:
        NotFoundError: the user's organization has no such alarm.
    """
    repository = AlarmRepository(writer, user.organization_id)
    changed = await repository.acknowledge(alarm_id, actor=user.email, now=datetime.now(timezone.utc))
    row = await repository.alarm(alarm_id)
    if row is None:
        raise NotFoundError(f"There is no alarm {alarm_id}")
    if changed:
        ALARMS_ACKNOWLEDGED.inc()
        log.info("alarm_acknowledged", alarm=str(alarm_id), user=user.id, site=row["site"])
    return _alarm(row)


async def active_by_unit(
    reader: ReadConnection, user: Principal, site_id: int
) -> dict[int | None, dict[Severity, int]]:
    """Active alarms of a site by unit id and severity; None collects those of no unit."""
    by_unit: dict[int | None, dict[Severity, int]] = {}
    for row in await AlarmRepository(reader, user.organization_id).active_counts(site_id):
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
    return Alarm(
        id=row["id"],
        site=row["site"],
        unit=unit,
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
    )
