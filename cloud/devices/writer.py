"""Status, health and events of devices into the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from cloud.db.timeseries import DEVICE_HEALTH, Room
from cloud.devices.clocks import Moved
from cloud.devices.directory import Directory
from cloud.devices.messages import Accepted, DeviceRef, Quarantine, Stored
from cloud.devices.rules import KnownStatus, is_news, is_plausible, shown_at
from contracts.devices import DeviceState, EventBatch, Health, Inventory, Status
from contracts.errors import InvalidMessageError

_KNOWN = "SELECT state, boot, status_sent_at FROM device WHERE id = %s FOR NO KEY UPDATE"
_STATUS = """
UPDATE device SET state = %(state)s, state_at = %(state_at)s, boot = %(boot)s,
    status_sent_at = greatest(status_sent_at, %(sent_at)s),
    agent_version = coalesce(%(agent_version)s, agent_version), inventory = coalesce(%(inventory)s, inventory)
WHERE id = %(id)s
"""
_SEEN = """
UPDATE device SET last_seen_at = seen.at
FROM (SELECT unnest(%s::int4[]) AS id, unnest(%s::timestamptz[]) AS at) AS seen
WHERE device.id = seen.id AND (device.last_seen_at IS NULL OR device.last_seen_at < seen.at)
"""
_HEALTH = """
INSERT INTO device_health (device_id, observed_at, body) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_EVENT = """
INSERT INTO device_event (device_id, unit_id, name, severity, occurred_at, received_at, message, detail)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_HIDE_HEALTH = "DELETE FROM device_health WHERE device_id = %s AND observed_at = %s"
_HIDE_EVENT = "DELETE FROM device_event WHERE device_id = %s AND name = %s AND occurred_at = %s AND received_at = %s"


def write_status(
    database: Connection[Any], directory: Directory, device: DeviceRef, status: Status, received_at: datetime
) -> bool:
    """Apply a birth or a last will if it is news; returns whether it was."""
    row = database.execute(_KNOWN, (device.id,)).fetchone()
    if row is None or not is_news(KnownStatus(*row), status):
        return False
    inventory = status.inventory
    database.execute(
        _STATUS,
        {
            "id": device.id,
            "state": status.state.value,
            # A will carries the time of connecting; the device was lost about when the broker noticed.
            "state_at": received_at if _is_will(status) else status.sent_at,
            "sent_at": status.sent_at,
            "boot": status.boot,
            "agent_version": None if inventory is None else inventory.agent_version,
            "inventory": None if inventory is None else Jsonb(inventory.model_dump(mode="json")),
        },
    )
    if inventory is not None:
        _register(database, directory, device, inventory)
    return True


def is_sign_of_life(message: object) -> bool:
    """Whether the device itself sent this; the broker sends a last will for one that is gone."""
    return not (isinstance(message, Status) and _is_will(message))


def touch(database: Connection[Any], seen: Mapping[int, datetime]) -> None:
    """Remember when each device was last heard of; never goes backwards."""
    if seen:
        ids = sorted(seen)
        database.execute(_SEEN, (ids, [seen[device_id] for device_id in ids]))


def write_health(database: Connection[Any], room: Room, messages: Sequence[Accepted], now: datetime) -> Stored:
    """Store the heartbeats of new messages within the caller's transaction."""
    rows: list[tuple[Any, ...]] = []
    moments: list[datetime] = []
    quarantined: list[Quarantine] = []
    for position, message in enumerate(messages):
        health = message.envelope.body
        assert isinstance(health, Health)  # noqa: S101  (the ingest sorts by kind)
        if not is_plausible(health.observed_at, message.received_at):
            detail = f"the heartbeat is stamped {health.observed_at.isoformat()}"
            quarantined.append(Quarantine(position, "implausible_time", detail))
            continue
        body = health.model_dump(mode="json", exclude_none=True)
        rows.append((message.device.id, health.observed_at, Jsonb(body)))
        moments.append(health.observed_at)
    room.check(DEVICE_HEALTH, moments, now)
    return Stored(_insert(database, _HEALTH, rows), quarantined)


def write_events(database: Connection[Any], directory: Directory, messages: Sequence[Accepted]) -> Stored:
    """Store the events of new messages within the caller's transaction."""
    rows: list[tuple[Any, ...]] = []
    for message in messages:
        body = message.envelope.body
        assert isinstance(body, EventBatch)  # noqa: S101  (the ingest sorts by kind)
        rows += [
            (
                message.device.id,
                None if event.unit is None else directory.unit(database, message.device, event.unit),
                event.name,
                None if event.severity is None else event.severity.value,
                shown_at(event.occurred_at, message.received_at),
                message.received_at,
                event.message,
                Jsonb(event.detail),
            )
            for event in body.events
        ]
    return Stored(_insert(database, _EVENT, rows))


def restamp(
    database: Connection[Any], directory: Directory, room: Room, messages: Sequence[Moved], now: datetime
) -> None:
    """Move heartbeats and events whose clock has learned the time to where they belong."""
    with database.cursor() as cursor:
        for one in messages:
            body, device, received_at = one.before.envelope.body, one.before.device, one.before.received_at
            if isinstance(body, Health):
                cursor.execute(_HIDE_HEALTH, (device.id, body.observed_at))
            elif isinstance(body, EventBatch):
                for event in body.events:
                    at = shown_at(event.occurred_at, received_at)
                    cursor.execute(_HIDE_EVENT, (device.id, event.name, at, received_at))
    after = [one.after for one in messages]
    write_health(database, room, [one for one in after if isinstance(one.envelope.body, Health)], now)
    write_events(database, directory, [one for one in after if isinstance(one.envelope.body, EventBatch)])


def _register(database: Connection[Any], directory: Directory, device: DeviceRef, inventory: Inventory) -> None:
    """Register what the device is configured with, so that a sensor that never speaks is visible too."""
    for channel in inventory.channels:
        known = directory.channel_named(database, device, channel.name)
        if known is None:
            key = (channel.name, channel.unit, channel.quantity, channel.ucum, False)
            try:
                directory.channel(database, device, key)
            except InvalidMessageError:
                continue  # made by another writer in between, with another meaning; its readings will say so
    for camera in inventory.cameras:
        directory.camera(database, device, camera.name, camera.unit)


def _is_will(status: Status) -> bool:
    return status.state is DeviceState.OFFLINE and status.reason == "last_will"


def _insert(database: Connection[Any], statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    if not rows:
        return 0
    with database.cursor() as cursor:
        cursor.executemany(statement, rows)
        return cursor.rowcount
