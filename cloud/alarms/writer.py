"""Alarm changes into occurrences and history: the same whichever order they arrive in, and however often.

An occurrence is two facts, cleared and acknowledged, each kept as the earliest time it was reported. A clear that
arrives before its raise makes the row, and the raise then completes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor

from cloud.alarms.conditions import take_part
from cloud.devices.clocks import Moved
from cloud.devices.directory import Directory
from cloud.devices.messages import Accepted, Stored
from cloud.devices.rules import shown_at
from contracts.alarms import AlarmBatch, AlarmChange

_UPSERT = """
INSERT INTO alarm (id, site_id, unit_id, device_id, channel_id, subject, definition, severity, raised_at,
    condition_since,
    cleared_at, acknowledged_at, acknowledged_by, value, limit_value, ucum, quantity, message, action, source)
VALUES (%(id)s, %(site_id)s, %(unit_id)s, %(device_id)s, %(channel_id)s, %(subject)s, %(definition)s, %(severity)s,
    %(at)s, %(condition_since)s, %(cleared_at)s, %(acknowledged_at)s, %(acknowledged_by)s, %(value)s, %(limit)s, %(ucum)s,
    %(quantity)s, %(message)s, %(action)s, %(source)s)
ON CONFLICT (id) DO UPDATE SET
    raised_at = least(alarm.raised_at, excluded.raised_at),
    cleared_at = least(alarm.cleared_at, excluded.cleared_at),
    acknowledged_at = least(alarm.acknowledged_at, excluded.acknowledged_at),
    acknowledged_by = coalesce(alarm.acknowledged_by, excluded.acknowledged_by),
    channel_id = coalesce(excluded.channel_id, alarm.channel_id),
    subject = coalesce(excluded.subject, alarm.subject),
    condition_since = coalesce(alarm.condition_since, excluded.condition_since),
    severity = CASE WHEN %(raised)s THEN excluded.severity ELSE alarm.severity END,
    value = CASE WHEN %(raised)s THEN excluded.value ELSE alarm.value END,
    limit_value = CASE WHEN %(raised)s THEN excluded.limit_value ELSE alarm.limit_value END,
    ucum = CASE WHEN %(raised)s THEN excluded.ucum ELSE alarm.ucum END,
    quantity = CASE WHEN %(raised)s THEN excluded.quantity ELSE alarm.quantity END,
    message = CASE WHEN %(raised)s THEN excluded.message ELSE alarm.message END,
    action = CASE WHEN %(raised)s THEN excluded.action ELSE alarm.action END,
    source = CASE WHEN %(raised)s THEN excluded.source ELSE alarm.source END
"""
_CHANGE = """
INSERT INTO alarm_change (alarm_id, change, occurred_at, recorded_at, actor)
VALUES (%(id)s, %(change)s, %(at)s, %(recorded_at)s, %(actor)s) ON CONFLICT DO NOTHING
"""
# What a person did with the box's shelf. The newest word holds, whoever said it and in whichever order it arrives.
_SHELVE = """
UPDATE alarm SET shelved_until = %(shelved_until)s, shelved_by = %(shelved_by)s, shelved_because = %(shelved_because)s
WHERE id = %(id)s AND NOT EXISTS (
    SELECT 1 FROM alarm_change AS later WHERE later.alarm_id = %(id)s
        AND later.change IN ('shelved', 'unshelved') AND later.occurred_at > %(at)s)
"""
# One active alarm per (unit, subject, definition) of a device; the subject is the channel as the box names it, which need
# not be a measured one (a camera, an actuator). A box that lost its state raises anew and will never
# clear the old occurrence, so the newer one does. Works in either order of arrival.
_SUPERSEDE = """
WITH closed AS (
    UPDATE alarm AS old SET cleared_at = new.raised_at
    FROM (
        SELECT a.id, (
            SELECT min(b.raised_at) FROM alarm AS b
            WHERE b.device_id = a.device_id AND b.definition = a.definition
              AND b.unit_id IS NOT DISTINCT FROM a.unit_id AND b.subject IS NOT DISTINCT FROM a.subject
              AND b.raised_at > a.raised_at
        ) AS raised_at
        FROM alarm AS a
        WHERE a.cleared_at IS NULL AND a.device_id = ANY(%(devices)s) AND a.definition = ANY(%(definitions)s)
    ) AS new
    WHERE old.id = new.id AND new.raised_at IS NOT NULL
    RETURNING old.id, old.cleared_at
)
INSERT INTO alarm_change (alarm_id, change, occurred_at, recorded_at, actor)
SELECT id, 'cleared', cleared_at, %(recorded_at)s, 'superseded' FROM closed
ON CONFLICT DO NOTHING
"""
_ALIASES = "SELECT id, alarm_id FROM alarm_alias WHERE id = ANY(%s)"
_ALIAS = "INSERT INTO alarm_alias (id, alarm_id) VALUES (%(id)s, %(alarm_id)s) ON CONFLICT DO NOTHING"
_MERGE = """
UPDATE alarm SET origin = 'both' WHERE origin = 'cloud' AND cleared_at IS NULL AND site_id = %(site_id)s
    AND definition = %(definition)s AND unit_id IS NOT DISTINCT FROM %(unit_id)s
    AND (device_id IS NULL OR device_id = %(device_id)s) AND subject IS NOT DISTINCT FROM %(subject)s
RETURNING id
"""
# A change keeps its key when it moves, so it is taken out and put back. The alarm is then what its history says.
_MOVE = """
WITH gone AS (
    DELETE FROM alarm_change WHERE alarm_id = %(id)s AND change = %(change)s AND occurred_at = %(before)s
    RETURNING recorded_at, actor
)
INSERT INTO alarm_change (alarm_id, change, occurred_at, recorded_at, actor)
SELECT %(id)s, %(change)s, %(after)s, recorded_at, actor FROM gone ON CONFLICT DO NOTHING
"""
_MOVE_CONDITION = """
UPDATE alarm SET condition_since = %(since_after)s WHERE id = %(id)s AND condition_since = %(since_before)s
"""
_MOVE_SHELF = """
UPDATE alarm SET shelved_until = %(shelf_after)s WHERE id = %(id)s AND shelved_until = %(shelf_before)s
"""
_RETELL = """
UPDATE alarm SET raised_at = coalesce(history.began, alarm.raised_at), cleared_at = history.cleared,
    acknowledged_at = coalesce(history.acknowledged, alarm.acknowledged_at)
FROM (
    SELECT alarm_id, min(occurred_at) FILTER (WHERE actor LIKE 'device:%%') AS began,
        min(occurred_at) FILTER (WHERE change = 'cleared') AS cleared,
        min(occurred_at) FILTER (WHERE change = 'acknowledged') AS acknowledged
    FROM alarm_change WHERE alarm_id = ANY(%s) GROUP BY alarm_id
) AS history
WHERE alarm.id = history.alarm_id
"""


_ON_AND_OFF = frozenset({AlarmChange.SHELVED.value, AlarmChange.UNSHELVED.value})


def write(database: Connection[Any], directory: Directory, messages: Sequence[Accepted], now: datetime) -> Stored:
    """Store the alarm changes of new messages within the caller's transaction."""
    changes = [change for message in messages for change in _changes(database, directory, message, now)]
    with database.cursor() as cursor:
        _merge(cursor, changes)
        changes.sort(key=lambda change: change["id"])  # rows are locked in one order everywhere
        cursor.executemany(_UPSERT, changes)
        cursor.executemany(_CHANGE, changes)
        rows = cursor.rowcount
        if shelves := [change for change in changes if change["change"] in _ON_AND_OFF]:
            cursor.executemany(_SHELVE, shelves)
        if raised := [change for change in changes if change["raised"]]:
            cursor.execute(
                _SUPERSEDE,
                {
                    "devices": sorted({change["device_id"] for change in raised}),
                    "definitions": sorted({change["definition"] for change in raised}),
                    "recorded_at": now,
                },
            )
    return Stored(rows)


def restamp(database: Connection[Any], messages: Sequence[Moved]) -> None:
    """Move alarm changes whose clock has learned the time to where they belong."""
    moves: list[dict[str, Any]] = []
    for one in messages:
        before, after = one.before.envelope.body, one.after.envelope.body
        if isinstance(before, AlarmBatch) and isinstance(after, AlarmBatch):
            moves += [
                {
                    "id": old.alarm_id,
                    "change": old.change.value,
                    "before": shown_at(old.occurred_at, one.before.received_at),
                    "after": new.occurred_at,
                    "since_before": old.condition_since,
                    "since_after": new.condition_since,
                    "shelf_before": old.shelved_until,
                    "shelf_after": new.shelved_until,
                }
                for old, new in zip(before.alarms, after.alarms, strict=True)
            ]
    with database.cursor() as cursor:
        _rename(cursor, moves)
        moves.sort(key=lambda move: move["id"])  # rows are locked in one order everywhere
        cursor.executemany(_MOVE, [move for move in moves if move["before"] != move["after"]])
        cursor.executemany(_MOVE_CONDITION, moves)
        cursor.executemany(_MOVE_SHELF, [move for move in moves if move["shelf_before"] is not None])
        cursor.execute(_RETELL, ([move["id"] for move in moves],))


def _merge(cursor: Cursor[Any], changes: list[dict[str, Any]]) -> None:
    """One alarm per condition: what the cloud has raised already is the box's alarm from now on, under the first name."""
    if any(change["raised"] for change in changes):
        take_part(cursor)
    _rename(cursor, changes)
    merged: dict[UUID, UUID] = {}
    for change in changes:
        if change["raised"]:
            cursor.execute(_MERGE, change)
            row = cursor.fetchone()
            if row is not None and row[0] != change["id"]:
                cursor.execute(_ALIAS, {"id": change["id"], "alarm_id": row[0]})
                merged[change["id"]] = row[0]
    for change in changes:
        change["id"] = merged.get(change["id"], change["id"])


def _rename(cursor: Cursor[Any], changes: list[dict[str, Any]]) -> None:
    """Use the names under which the store knows these alarms."""
    cursor.execute(_ALIASES, ([change["id"] for change in changes],))
    known = dict(cursor.fetchall())
    for change in changes:
        change["id"] = known.get(change["id"], change["id"])


def _changes(database: Connection[Any], directory: Directory, message: Accepted, now: datetime) -> list[dict[str, Any]]:
    body = message.envelope.body
    assert isinstance(body, AlarmBatch)  # noqa: S101  (the ingest sorts by kind)
    device = message.device
    changes = []
    for event in body.alarms:
        at = shown_at(event.occurred_at, message.received_at)
        acknowledged = event.change is AlarmChange.ACKNOWLEDGED
        actor = f"device:{device.device}"
        changes.append(
            {
                "id": event.alarm_id,
                "change": event.change.value,
                "raised": event.change is AlarmChange.RAISED,
                "site_id": device.site_id,
                "device_id": device.id,
                "unit_id": None if event.unit is None else directory.unit(database, device, event.unit),
                "channel_id": None
                if event.channel is None
                else directory.channel_named(database, device, event.channel),
                "subject": event.channel,
                "definition": event.definition,
                "severity": event.severity.value,
                "at": at,
                "recorded_at": now,
                "actor": actor,
                "condition_since": event.condition_since,
                "cleared_at": at if event.change is AlarmChange.CLEARED else None,
                "acknowledged_at": at if acknowledged else None,
                "acknowledged_by": actor if acknowledged else None,
                "value": event.value,
                "limit": event.limit,
                "ucum": event.ucum,
                "quantity": event.quantity,
                "message": event.message,
                "action": event.action,
                "source": event.source,
                "shelved_until": event.shelved_until,
                "shelved_by": (event.by or actor) if event.change is AlarmChange.SHELVED else None,
                "shelved_because": event.reason,
            }
        )
    return changes
