"""What goes on at the fish, from the farm's diary and the open alarms: devices whose model must not change now.

The box knows its feeders, its maintenance and its own alarms itself (``edge.deployments.rules``). Treatments, handling, harvests and
what only the cloud has noticed come from here: as holds in the wish that a device gets, and as a reason for the controller to
let it wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from pydantic import ValidationError

from contracts.deployments import Hold, HoldKind

FEEDING = timedelta(minutes=45)
"""A meal is written down when it begins; fish settle after it."""
HANDLING = timedelta(hours=3)
"""Grading, counting lice, moving fish: the records have no end of their own."""
HARVEST = timedelta(hours=6)
LONGEST = timedelta(days=7)
"""No record holds a model longer than this after it began, whatever its end says."""
MOST = 50
"""Holds that one device is told of; those that end last come first."""
_HANDLED = frozenset({"stocking", "transfer", "cull", "weight_sample", "lice_count", "welfare_sample"})
_HANDLING_NOTES = frozenset({"cleaning", "net_change", "grading", "vaccination"})
_OXYGEN = ("do.", "oxygen.")

_DIARY = """
SELECT DISTINCT c.device_id, u.slug AS unit, r.kind, r.occurred_at, r.body
FROM camera AS c JOIN unit AS u ON u.id = c.unit_id
JOIN diary_record AS r ON r.unit_id = u.id OR r.to_unit_id = u.id
WHERE c.device_id = ANY(%(devices)s) AND r.struck_at IS NULL AND r.occurred_at BETWEEN %(since)s AND %(until)s
"""
_ALARMS = """
SELECT DISTINCT c.device_id, u.slug AS unit, a.definition, a.severity
FROM camera AS c JOIN unit AS u ON u.id = c.unit_id JOIN alarm AS a ON a.unit_id = u.id
WHERE c.device_id = ANY(%(devices)s) AND a.cleared_at IS NULL
"""


@dataclass(frozen=True)
class Held:
    """Why one device must leave its model as it is."""

    holds: tuple[Hold, ...]
    """Of the diary, present and coming; the device is told of them."""
    because: str | None
    """What speaks against a change at this moment; None when nothing does."""


def hold_of(kind: str, occurred_at: datetime, body: dict[str, Any], unit: str) -> Hold | None:
    """What a record of the diary asks for; None when it leaves the model alone."""
    if kind == "treatment":
        what, ends = HoldKind.TREATMENT, _moment(body.get("ended_at"), occurred_at + HANDLING)
    elif kind == "feeding":
        what, ends = HoldKind.FEEDING, occurred_at + FEEDING
    elif kind == "harvest":
        what, ends = HoldKind.HARVEST, occurred_at + HARVEST
    elif kind in _HANDLED or (kind == "note" and body.get("topic") in _HANDLING_NOTES):
        what, ends = HoldKind.HANDLING, occurred_at + HANDLING
    else:
        return None
    ends = min(ends, occurred_at + LONGEST)
    try:
        return Hold(unit=unit, kind=what, begins=occurred_at, ends=ends)
    except ValidationError:
        return None


def held(database: Connection[Any], device_ids: Collection[int], now: datetime) -> dict[int, Held]:
    """Every one of these devices that the diary or an open alarm says something of."""
    if not device_ids:
        return {}
    asked = {"devices": list(device_ids), "since": now - LONGEST, "until": now + LONGEST}
    holds: dict[int, set[Hold]] = {}
    alarms: dict[int, list[str]] = {}
    with database.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_DIARY, asked).fetchall():
            hold = hold_of(row["kind"], row["occurred_at"], row["body"], row["unit"])
            if hold is not None and hold.ends > now:
                holds.setdefault(row["device_id"], set()).add(hold)
        for row in cursor.execute(_ALARMS, asked).fetchall():
            oxygen = row["definition"].startswith(_OXYGEN)
            if oxygen or row["severity"] == "critical":
                words = "low oxygen" if oxygen else "critical alarm"
                alarms.setdefault(row["device_id"], []).append(f"{words} at {row['unit']} ({row['definition']})")
    return {
        device: _judged(holds.get(device, set()), sorted(alarms.get(device, [])), now)
        for device in holds.keys() | alarms.keys()
    }


def _judged(holds: Collection[Hold], alarms: list[str], now: datetime) -> Held:
    told = tuple(sorted(holds, key=lambda hold: (hold.ends, hold.unit, hold.kind.value), reverse=True)[:MOST])
    present = [hold for hold in told if hold.begins <= now < hold.ends]
    words = [f"{hold.kind.value} at {hold.unit} until {hold.ends:%Y-%m-%d %H:%M} UTC" for hold in present]
    because = (alarms + words)[:1]
    return Held(told, because[0] if because else None)


def _moment(text: object, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return otherwise
