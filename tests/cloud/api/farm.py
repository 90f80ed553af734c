"""A farm as the ingest would have stored it, and a rival's, so that the API has something true to tell."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from cloud.auth.accounts import create_user
from cloud.consumers import Ingest, StreamRecord
from cloud.farms.writer import ensure_organization, ensure_site
from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.devices import CameraInventory, ChannelInventory, DeviceState, Inventory, LimitInEffect, Status
from contracts.envelope import Body, Envelope, encode
from contracts.quality import QualityFlag
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind, uplink
from contracts.vision import Box, Detection, Evidence, ModelRef, Observation, ObservationBatch

PASSWORD = "correct horse battery"
USERS = {
    "viewer@fjord.example": ("viewer", "shoal"),
    "operator@fjord.example": ("operator", "shoal"),
    "fleet@fjord.example": ("fleet_admin", "shoal"),
    "admin@fjord.example": ("platform_admin", "shoal"),
    "rival@lagoon.example": ("farm_manager", "rival"),
    "rival-fleet@lagoon.example": ("fleet_admin", "rival"),
}
MODEL = ModelRef(name="fish-detector", version="1.0.0", sha256="ab" * 32)
# The smallest JPEG that decoders accept; only its bytes matter here.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////"
    "////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
)
JPEG_SHA256 = hashlib.sha256(JPEG).hexdigest()
LATER_SHA256 = "cd" * 32
"""Hash of an evidence image that has not arrived yet."""


@dataclass
class Box9:
    """One edge box that talks to the ingest."""

    ingest: Ingest
    site: str
    device: str
    sequence: count[int] = field(default_factory=lambda: count(1))

    def send(self, body: Body, kind: Kind) -> None:
        now = datetime.now(timezone.utc)
        envelope = Envelope(
            site=self.site,
            device=self.device,
            boot="boot-0001",
            stream=f"stream-{self.device}",
            seq=next(self.sequence),
            sent_at=now,
            body=body,
        )
        self._write(encode(envelope), kind)

    def born(self, inventory: Inventory) -> None:
        status = Status(
            site=self.site,
            device=self.device,
            boot="boot-0001",
            sent_at=datetime.now(timezone.utc),
            state=DeviceState.ONLINE,
            inventory=inventory,
        )
        self._write(encode(status), Kind.STATUS)

    def babble(self, payload: bytes) -> None:
        self._write(payload, Kind.READINGS)

    def _write(self, payload: bytes, kind: Kind) -> None:
        origin = uplink(self.site, self.device, kind)
        self.ingest.write([StreamRecord(payload, kind, datetime.now(timezone.utc), origin)])


@dataclass(frozen=True)
class Farm:
    """What was stored, for tests to expect."""

    now: datetime
    """Moment of the newest reading of tank-1."""
    active_alarm: UUID
    cleared_alarm: UUID
    rival_alarm: UUID


def build(database_url: str, storage_dir: Path) -> Farm:
    with psycopg.connect(database_url) as database:
        ensure_site(database, ensure_organization(database, "rival"), "lagoon")
    ingest = Ingest(database_url, storage_dir=storage_dir)
    try:
        farm = _fjord(Box9(ingest, "fjord", "box-1"), Box9(ingest, "lagoon", "box-9"))
    finally:
        ingest.close()
    for email, (role, organization) in USERS.items():
        create_user(database_url, email, PASSWORD, role, organization)
    return farm


def _fjord(box: Box9, rival: Box9) -> Farm:
    now = datetime.now(timezone.utc).replace(microsecond=250_000)
    box.born(_inventory())
    start = now - timedelta(seconds=599)
    for minute in range(10):
        moments = [start + timedelta(seconds=60 * minute + second) for second in range(60)]
        # Six minutes in, the sensor was out of the water for a minute: nothing came.
        if minute != 6:
            box.send(ReadingBatch(readings=tuple(_oxygen(moment, start) for moment in moments)), Kind.READINGS)
    box.send(ReadingBatch(readings=_others(now)), Kind.READINGS)
    box.send(ObservationBatch(observations=_observations(now)), Kind.OBSERVATIONS)
    box.send(
        Evidence(
            camera="cam-1",
            unit="tank-1",
            observed_at=now - timedelta(seconds=24),
            width=1,
            height=1,
            sha256=JPEG_SHA256,
            data=JPEG,
        ),
        Kind.EVIDENCE,
    )
    active, cleared, rivals = uuid4(), uuid4(), uuid4()
    box.send(
        AlarmBatch(
            alarms=(
                _alarm(cleared, AlarmChange.RAISED, now - timedelta(hours=2)),
                _alarm(cleared, AlarmChange.CLEARED, now - timedelta(hours=1)),
                _alarm(active, AlarmChange.RAISED, now - timedelta(minutes=1)),
            )
        ),
        Kind.ALARMS,
    )
    rival.send(ReadingBatch(readings=(_reading("pond-1.do", "pond-1", "do", 6.0, "mg/L", now),)), Kind.READINGS)
    rival.send(AlarmBatch(alarms=(_alarm(rivals, AlarmChange.RAISED, now, unit="pond-1"),)), Kind.ALARMS)
    box.babble(b"\xff\x00 not json")
    rival.babble(b'{"v": 1, "site": "lagoon", "device": "box-9", "half')
    return Farm(now, active, cleared, rivals)


def _inventory() -> Inventory:
    return Inventory(
        agent_version="0.1.0",
        channels=(
            ChannelInventory(name="tank-1.do", unit="tank-1", quantity="do", ucum="mg/L"),
            ChannelInventory(name="tank-2.ph", unit="tank-2", quantity="ph", ucum="[pH]"),
        ),
        cameras=(CameraInventory(name="cam-1", unit="tank-1", kind="file"),),
        limits=(
            LimitInEffect(
                channel="tank-1.do", definition="do.low.critical", severity=Severity.CRITICAL, side="low", value=5.0
            ),
            LimitInEffect(
                channel="tank-1.do_sat",
                definition="do_sat.low.warning",
                severity=Severity.WARNING,
                side="low",
                value=20.0,
                law="los",
            ),
        ),
    )


def _oxygen(moment: datetime, start: datetime) -> Reading:
    seconds = (moment - start).total_seconds()
    failed = seconds == 30
    value = 0.0 if failed else 8.0 + seconds / 1000
    return _reading(
        "tank-1.do", "tank-1", "do", value, "mg/L", moment, QualityFlag.FAIL if failed else QualityFlag.GOOD
    )


def _others(now: datetime) -> tuple[Reading, ...]:
    return (
        _reading("tank-1.temperature", "tank-1", "temperature", 11.5, "Cel", now - timedelta(seconds=20)).model_copy(
            update={
                "quality": QualityFlag.SUSPECT,
                "test": "rate_of_change",
                "also": {"calibration_expired": QualityFlag.SUSPECT, "of_tomorrow": QualityFlag.NOT_EVALUATED},
                "calibration": "SN-7#2",
            }
        ),
        _reading("tank-1.do_sat", "tank-1", "do_sat", 92.0, "%", now, derived=True),
        _reading("tank-2.do", "tank-2", "do", 5.1, "mg/L", now - timedelta(hours=2)),
        _reading("tank-2.secchi", "tank-2", "secchi", 1.25, "m", now),
    )


def _reading(
    channel: str,
    unit: str,
    quantity: str,
    value: float,
    ucum: str,
    moment: datetime,
    quality: QualityFlag = QualityFlag.GOOD,
    *,
    derived: bool = False,
) -> Reading:
    return Reading(
        channel=channel,
        unit=unit,
        quantity=quantity,
        value=value,
        ucum=ucum,
        observed_at=moment,
        quality=quality,
        derived=derived,
    )


def _observations(now: datetime) -> tuple[Observation, ...]:
    hashes = {2: JPEG_SHA256, 0: LATER_SHA256}
    return tuple(_observation(now - timedelta(seconds=10 * step), hashes.get(step)) for step in range(5, -1, -1))


def _observation(end: datetime, sha256: str | None) -> Observation:
    fish = Detection(label="fish", confidence=0.9, box=Box(x=0.1, y=0.2, w=0.3, h=0.4))
    return Observation(
        camera="cam-1",
        unit="tank-1",
        started_at=end - timedelta(seconds=10),
        observed_at=end,
        frames=50,
        frames_dropped=3,
        count_mean=4.5,
        count_min=3,
        count_max=6,
        confidence_mean=0.8,
        latency_ms=31.0,
        detections=(fish,) if sha256 else (),
        image_sha256=sha256,
        image_observed_at=end - timedelta(seconds=4) if sha256 else None,
        model=MODEL,
        image_quality=0.7,
        quality=QualityFlag.GOOD,
    )


def _alarm(alarm_id: UUID, change: AlarmChange, moment: datetime, *, unit: str = "tank-1") -> AlarmEvent:
    return AlarmEvent(
        alarm_id=alarm_id,
        definition="do.low.critical",
        change=change,
        severity=Severity.CRITICAL,
        unit=unit,
        channel=f"{unit}.do",
        quantity="do",
        value=4.9,
        limit=5.0,
        ucum="mg/L",
        occurred_at=moment,
        message="Oxygen is low",
        action="Start the aerator",
        source="limits.csv [V]",
    )
