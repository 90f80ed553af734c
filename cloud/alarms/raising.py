"""Alarms that the server raises itself: written and cleared the same way, whoever in the server has seen the reason.

Called within the caller's transaction. Whether a condition already is an alarm is for the caller to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from contracts.alarms import Severity

_RAISE = """
INSERT INTO alarm (id, site_id, unit_id, device_id, channel_id, subject, definition, severity, raised_at, condition_since,
    value, limit_value, ucum, quantity, message, action, source, origin)
VALUES (%(id)s, %(site_id)s, %(unit_id)s, %(device_id)s, %(channel_id)s, %(subject)s, %(definition)s, %(severity)s, %(now)s,
    %(since)s, %(value)s, %(limit)s, %(ucum)s, %(quantity)s, %(message)s, %(action)s, %(source)s, 'cloud')
"""
_CLEAR = "UPDATE alarm SET cleared_at = %(now)s WHERE id = %(id)s AND cleared_at IS NULL"
_CHANGE = """
INSERT INTO alarm_change (alarm_id, change, occurred_at, recorded_at, actor)
VALUES (%(id)s, %(change)s, %(now)s, %(now)s, %(actor)s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, kw_only=True)
class NewAlarm:
    """What the server has seen."""

    site_id: int
    definition: str
    severity: Severity
    since: datetime
    value: float
    limit: float | None
    ucum: str
    message: str
    action: str
    source: str
    device_id: int | None = None
    unit_id: int | None = None
    channel_id: int | None = None
    subject: str | None = None
    quantity: str | None = None


def raise_alarm(database: Connection[Any], alarm: NewAlarm, *, now: datetime, actor: str) -> UUID:
    """Write the alarm and its history."""
    alarm_id = uuid4()
    values = {name: getattr(alarm, name) for name in NewAlarm.__dataclass_fields__}
    database.execute(_RAISE, {**values, "severity": alarm.severity.value, "id": alarm_id, "now": now})
    database.execute(_CHANGE, {"id": alarm_id, "change": "raised", "now": now, "actor": actor})
    return alarm_id


def clear_alarm(database: Connection[Any], alarm_id: UUID, *, now: datetime, actor: str) -> None:
    """Note that the reason is over; a cleared alarm stays as it is."""
    if database.execute(_CLEAR, {"id": alarm_id, "now": now}).rowcount:
        database.execute(_CHANGE, {"id": alarm_id, "change": "cleared", "now": now, "actor": actor})
