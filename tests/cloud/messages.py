"""Messages of a small farm, as an edge box would send them, and helpers to look at what was stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Identifier

from cloud.consumers import StreamRecord
from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.devices import (
    CameraInventory,
    ChannelInventory,
    DeviceEvent,
    DeviceState,
    EventBatch,
    Health,
    Inventory,
    Status,
)
from contracts.envelope import Body, Envelope, encode
from contracts.quality import QualityFlag
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind, uplink
from contracts.vision import Box, Detection, Evidence, ModelRef, Observation, ObservationBatch

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
SITE = "fjord"
DEVICE = "box-1"
BOOT = "boot-0001"
STREAM = "outbox-0001"
JPEG = b"\xff\xd8\xff\xe0 a very small picture of a trout \xff\xd9"


def clock() -> datetime:
    return NOON + timedelta(seconds=1)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def record(message: Envelope | Status, *, received_at: datetime = NOON) -> StreamRecord:
    kind = Kind.STATUS if isinstance(message, Status) else message.kind
    return StreamRecord(encode(message), kind, received_at, uplink(message.site, message.device, kind))


def envelope(seq: int, body: Body, *, device: str = DEVICE, stream: str = STREAM, site: str = SITE) -> Envelope:
    return Envelope(site=site, device=device, boot=BOOT, stream=stream, seq=seq, sent_at=NOON, body=body)


def reading(
    value: float = 8.5,
    at: datetime = NOON,
    *,
    channel: str = "tank-1.do",
    unit: str = "tank-1",
    quantity: str = "do",
    ucum: str = "mg/L",
) -> Reading:
    return Reading(
        channel=channel,
        unit=unit,
        quantity=quantity,
        value=value,
        ucum=ucum,
        observed_at=at,
        quality=QualityFlag.GOOD,
    )


def readings(seq: int, *items: Reading, device: str = DEVICE, stream: str = STREAM) -> StreamRecord:
    """A message of readings; without items one reading that is ``seq`` seconds after noon."""
    items = items or (reading(float(seq), NOON + seconds(seq)),)
    return record(envelope(seq, ReadingBatch(readings=items), device=device, stream=stream), received_at=NOON)


def observation(at: datetime = NOON, *, image: bytes | None = JPEG) -> Observation:
    return Observation(
        camera="cam-1",
        unit="tank-1",
        started_at=at - seconds(10),
        observed_at=at,
        frames=50,
        frames_dropped=1,
        count_mean=3.5,
        count_min=2,
        count_max=5,
        confidence_mean=0.8,
        latency_ms=40.0,
        detections=(Detection(label="fish", confidence=0.9, box=Box(x=0.1, y=0.2, w=0.3, h=0.4)),),
        image_sha256=None if image is None else hashlib.sha256(image).hexdigest(),
        image_observed_at=at,
        model=ModelRef(name="fish-detector", version="1.0.0", sha256="a" * 64),
        quality=QualityFlag.GOOD,
    )


def observations(seq: int, *items: Observation) -> StreamRecord:
    return record(envelope(seq, ObservationBatch(observations=items or (observation(),))))


def evidence(seq: int, *, data: bytes = JPEG, sha256: str | None = None) -> StreamRecord:
    body = Evidence(
        camera="cam-1",
        unit="tank-1",
        observed_at=NOON,
        width=64,
        height=48,
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
        data=data,
    )
    return record(envelope(seq, body))


def alarm(
    change: AlarmChange, at: datetime = NOON, *, number: int = 1, definition: str = "do.low.critical"
) -> AlarmEvent:
    return AlarmEvent(
        alarm_id=UUID(int=number),
        definition=definition,
        change=change,
        severity=Severity.CRITICAL,
        unit="tank-1",
        channel="tank-1.do",
        quantity="do",
        value=3.9 if change is AlarmChange.RAISED else 6.5,
        limit=4.0,
        ucum="mg/L",
        occurred_at=at,
        condition_since=at - seconds(30),
        message=f"{definition} {change.value}",
        action="Start the emergency oxygen",
    )


def alarms(seq: int, *items: AlarmEvent, stream: str = STREAM) -> StreamRecord:
    return record(envelope(seq, AlarmBatch(alarms=items), stream=stream))


def health(seq: int, *, floor: int = 1, at: datetime = NOON, stream: str = STREAM) -> StreamRecord:
    body = Health(
        observed_at=at,
        uptime_s=10,
        rss_bytes=1,
        disk_free_bytes=1,
        outbox_rows=0,
        outbox_bytes=0,
        outbox_floor=floor,
    )
    return record(envelope(seq, body, stream=stream))


def events(seq: int, *names: str) -> StreamRecord:
    items = tuple(
        DeviceEvent(name=name, occurred_at=NOON, unit="tank-1", message="it happened", detail={"n": 1})
        for name in names
    )
    return record(envelope(seq, EventBatch(events=items)))


def birth(at: datetime = NOON, *, boot: str = BOOT) -> Status:
    inventory = Inventory(
        agent_version="0.1.0",
        channels=(ChannelInventory(name="tank-1.ph", unit="tank-1", quantity="ph", ucum="[pH]"),),
        cameras=(CameraInventory(name="cam-1", unit="tank-1", kind="file"),),
    )
    return Status(site=SITE, device=DEVICE, boot=boot, sent_at=at, state=DeviceState.ONLINE, inventory=inventory)


def will(at: datetime = NOON, *, boot: str = BOOT) -> Status:
    return Status(site=SITE, device=DEVICE, boot=boot, sent_at=at, state=DeviceState.OFFLINE, reason="last_will")


def rows(url: str, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as database:
        return database.execute(query, parameters).fetchall()


def one(url: str, query: str, parameters: Sequence[Any] = ()) -> Any:
    (row,) = rows(url, query, parameters)
    return row[0] if len(row) == 1 else row


COUNTED = (
    *("organization", "site", "unit", "device", "channel", "camera", "reading", "reading_latest", "observation"),
    *("image", "alarm", "alarm_change", "device_event", "device_health", "dead_letter", "ingest_stream"),
)


def counts(url: str) -> dict[str, int]:
    with psycopg.connect(url) as database:
        return {
            table: row[0]
            for table in COUNTED
            if (row := database.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table))).fetchone())
        }
