"""Open alarms for the notifier, on its own connection."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from psycopg import Connection

from cloud.notifications.notifier import Described
from cloud.notifications.rules import OpenAlarm
from contracts.alarms import Severity


class StoredAlarms:
    """Alarms as the store has them."""

    def open(self, database: Connection[Any]) -> list[OpenAlarm]:
        """Alarms that are active, that nobody has taken on or shelved, and that no other explains."""
        rows = database.execute(
            "SELECT id, site_id, severity, raised_at FROM alarm"
            " WHERE cleared_at IS NULL AND acknowledged_at IS NULL AND suppressed_by IS NULL"
            " AND (shelved_until IS NULL OR shelved_until <= now())"
        ).fetchall()
        return [OpenAlarm(key, site_id, Severity(severity), raised_at) for key, site_id, severity, raised_at in rows]

    def cleared(self, database: Connection[Any], alarm_ids: Collection[UUID]) -> list[UUID]:
        """Those of these that are over."""
        rows = database.execute(
            "SELECT id FROM alarm WHERE id = ANY(%s) AND cleared_at IS NOT NULL", (list(alarm_ids),)
        ).fetchall()
        return [key for (key,) in rows]

    def describe(self, database: Connection[Any], alarm_id: UUID) -> Described | None:
        """What to tell of an alarm."""
        row = database.execute(
            "SELECT a.severity, a.message, a.action, a.raised_at, a.cleared_at, a.definition, u.slug, a.quantity, a.value,"
            " a.limit_value, a.ucum, a.source FROM alarm AS a LEFT JOIN unit AS u ON u.id = a.unit_id WHERE a.id = %s",
            (alarm_id,),
        ).fetchone()
        if row is None:
            return None
        severity, message, action, raised_at, cleared_at, definition, unit, quantity, value, limit, ucum, source = row
        return Described(
            severity=Severity(severity),
            title=message,
            action=action or "",
            at=raised_at,
            detail={
                "alarm_id": str(alarm_id),
                "definition": definition,
                "unit": unit,
                "quantity": quantity,
                "value": value,
                "limit": limit,
                "ucum": ucum,
                "source": source,
                "cleared_at": None if cleared_at is None else cleared_at.isoformat(),
            },
        )
