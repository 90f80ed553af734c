"""A farm behind the real API on a real PostgreSQL, kept alive by messages as an edge box sends them.

Nothing between the ingest and the browser is made up: readings, pictures, alarms and inventory are stored by the ingest from
envelopes, records are written through the API. ``python -m tests.dashboard.real_farm`` serves it to look at.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import uvicorn
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from bridge.dead_letter import dead_letter
from bridge.steps.decode import decode
from cloud.app import create_app
from cloud.auth.accounts import create_user
from cloud.consumers import Ingest, Replayer, StreamRecord
from cloud.db import migrate
from cloud.farms.writer import ensure_organization, ensure_site
from cloud.settings import CloudSettings
from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.deployments import DEPLOYMENT_EVENT
from contracts.devices import (
    CameraInventory,
    ChannelInventory,
    DeviceEvent,
    EventBatch,
    Health,
    Inventory,
    LimitInEffect,
)
from contracts.errors import InvalidMessageError
from contracts.quality import QualityFlag
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind, uplink
from contracts.vision import Box, Detection, Evidence, ModelRef, Observation, ObservationBatch
from tests.cloud.api.farm import Box9
from tests.cloud.postgres import Postgres
from tests.dashboard.mock_api import draw_fish
from tests.dashboard.stack import Account
from tests.edge.deployments.ceremony import Ceremony
from tests.edge.farm import VirtualClock
from tests.models.tiny_bundle import tiny_classifier

PASSWORD = "correct horse battery"
ROLES = ("viewer", "operator", "farm_manager", "fleet_admin")
SITE = "fjord"
UNITS = {"tank-1": "Tank 1", "tank-2": "Tank 2", "tank-3": "Tank 3"}
WATER: dict[str, tuple[str, float]] = {
    "do": ("mg/L", 8.9),
    "do_sat": ("%", 92.0),
    "temperature": ("Cel", 11.8),
    "ph": ("[pH]", 7.34),
    "oxygen_left": ("min", 21.0),
}
MODEL = ModelRef(name="fish-detector", version="1.0.0", sha256="ab" * 32)
_FOLLOW_OXYGEN = {"do", "do_sat", "oxygen_left"}
_SECRET = "a secret of at least thirty-two characters"
_HISTORY = timedelta(hours=8)


class ApiServer:
    """The API with the dashboard on a port of its own, on a database that is there.

    Args:
        database_url: migrated.
        storage_dir: where pictures are.
        port: 0 for a free one, which it keeps.
    """

    def __init__(self, database_url: str, storage_dir: Path, *, port: int = 0) -> None:
        models, releases = storage_dir / "models", storage_dir / "repository"
        for folder in (models, releases):
            folder.mkdir(parents=True, exist_ok=True)
        self._settings = CloudSettings(
            database_url=SecretStr(database_url),
            storage_dir=storage_dir,
            secret_key=SecretStr(_SECRET),
            models_dir=models,
            repository_dir=releases,
        )
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Open the port, the same one as before."""
        config = uvicorn.Config(
            create_app(self._settings), host="127.0.0.1", port=self.port, log_config=None, access_log=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close it. Safe twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(20)
        self._server = self._thread = None


class _TimeOfNow(VirtualClock):
    """The time of the server: what is signed must count today."""

    def now(self) -> datetime:
        return _now()


class RealFarm:
    """Database, ingest and API of one farm; ``start`` and ``stop`` act on the API's port alone."""

    def __init__(self, *, port: int = 0) -> None:
        """Store the farm and its past."""
        self._postgres = Postgres()
        self._postgres.start()
        self._url = self._postgres.url("shoal")
        with psycopg.connect(self._postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE shoal")
        migrate.upgrade(self._url)
        self._storage = tempfile.TemporaryDirectory(prefix="shoal-dashboard-")
        with psycopg.connect(self._url) as database:
            ensure_site(database, ensure_organization(database, "shoal"), SITE)
        for role in ROLES:
            create_user(
                self._url, f"{role}@fjord.example", PASSWORD, role, "shoal", name=role.replace("_", " ").title()
            )
        self._ingest = Ingest(self._url, storage_dir=Path(self._storage.name))
        self._box = Box9(self._ingest, SITE, "box-1")
        self._api = ApiServer(self._url, Path(self._storage.name), port=port)
        self._replayer = Replayer(self._url, Ingest(self._url, storage_dir=Path(self._storage.name)), now=_now)
        self.oxygen: dict[str, float] = dict.fromkeys(UNITS, WATER["do"][1])
        """Dissolved oxygen of each tank, mg/L; a test may change it."""
        self._raised: dict[str, UUID] = {}
        self._born()
        self._past()
        self._beating = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return self._api.url

    def begin(self) -> None:
        """Serve, fill the diary through the API, and let the box speak every second."""
        self.start()
        self._write_diary()
        self._replayer.start()
        self._heart.start()

    def start(self) -> None:
        """Open the API's port, the same one as before."""
        self._api.start()

    def stop(self) -> None:
        """Close the API's port; the box and the database go on."""
        self._api.stop()

    def end(self) -> None:
        """End everything."""
        self._beating.set()
        if self._heart.is_alive():
            self._heart.join(20)
        self.stop()
        self._replayer.stop()
        self._ingest.close()
        self._postgres.stop()
        self._storage.cleanup()

    def client(self, role: str) -> httpx.Client:
        """A client of the API, signed in."""
        login = {"username": f"{role}@fjord.example", "password": PASSWORD}
        answer = httpx.post(f"{self.url}/api/v1/auth/login", data=login, timeout=60).raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=self.url, timeout=60, headers=headers)

    def change_models(self, unit: str, *, fish: float, ratio: float) -> None:
        """Four hours of counts of a unit, over whose middle a rollout brought a model that counts ``ratio`` times as many.

        Only what the controller notes of the box's shadow run is written here: it takes half a day.
        """
        now = _now()
        with self.client("fleet_admin") as client:
            asked = {"name": "Better eyes", "model": MODEL.name, "version": "1.1.0", "back_to": MODEL.version}
            rollout = client.post("/api/v1/rollouts", json=asked).raise_for_status().json()["id"]
        better = ModelRef(name=MODEL.name, version="1.1.0", sha256="cd" * 32)
        changed = now - timedelta(hours=2)
        detail = {"state": "probation", "deployment": rollout, "running_sha256": better.sha256}
        self._box.send(
            EventBatch(events=(DeviceEvent(name=DEPLOYMENT_EVENT, occurred_at=changed, detail=detail),)), Kind.EVENTS
        )
        with psycopg.connect(self._url) as database:
            database.execute(
                "INSERT INTO rollout_device (rollout_id, device_id, wave, step, reason, bad_s, state)"
                " SELECT %s, id, 0, 'done', '', 0, %s FROM device WHERE slug = 'box-1'",
                (rollout, Jsonb({"numbers": {"shadow.count_ratio": [ratio, 0.0]}})),
            )
        seen = []
        for minute in range(0, 240, 5):
            at = now - timedelta(minutes=240 - minute)
            mean = fish * (1 + 0.05 * math.sin(minute / 20)) * (ratio if at > changed else 1.0)
            seen.append(_counted(unit, at, mean, better if at > changed else MODEL))
        self._box.send(ObservationBatch(observations=tuple(seen)), Kind.OBSERVATIONS)

    def strangers(self, site: str, device: str, batch: EventBatch) -> None:
        """Events of a box that nobody provisioned, at an ingest that takes no strangers."""
        ingest = Ingest(self._url, storage_dir=Path(self._storage.name), auto_register=False)
        Box9(ingest, site, device).send(batch, Kind.EVENTS)
        ingest.close()

    def babble(self, payload: bytes) -> None:
        """What the bridge does with a message of the box that it cannot read."""
        origin, now = uplink(SITE, "box-1", Kind.READINGS), _now()
        try:
            decode(origin, payload)
        except InvalidMessageError as error:
            letter = dead_letter(origin, payload, now, stage="decode", error=error, max_bytes=len(payload))
            self._ingest.write([StreamRecord(letter.value, None, now, origin)])

    def teach_species(self) -> None:
        """Put a classifier beside the shipped detector: it names the colour of a picture, and is found within seconds."""
        tiny_classifier(Path(self._storage.name) / "models" / "fish-species" / "1.0.0", name="fish-species")

    def box_says(self, **also: Any) -> None:
        """A heartbeat of the box, with what is unusual about it."""
        well: dict[str, Any] = {
            "uptime_s": 3600.0,
            "rss_bytes": 310_000_000,
            "disk_free_bytes": 41_000_000_000,
            "outbox_rows": 0,
            "outbox_bytes": 0,
            "outbox_floor": 1,
            "model": MODEL,
        }
        self._box.send(Health(observed_at=_now(), **(well | also)), Kind.HEALTH)

    def carry_out(self, trial: str, *, version: str, unit: str, other: str, more: float) -> ModelRef:
        """Two days of a trial in one tank of the box, the first of them with counts: ``more`` fish for each of the own model's.

        What the controller and the hours of drift note is written here: both take days.
        """
        model = ModelRef(name=MODEL.name, version=version, sha256="ef" * 32)
        began = _now().replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
        with psycopg.connect(self._url) as database:
            database.execute(
                "UPDATE unit_trial SET status = 'running', reason = %s, sha256 = %s, began_at = %s, ends_at = %s WHERE id = %s",
                ("it runs in 1 of 1 boxes", model.sha256, began, began + timedelta(days=14), trial),
            )
            database.execute(
                "INSERT INTO unit_trial_box (trial_id, device_id, units, others, state, told_at, active_at)"
                " SELECT %s, id, %s, %s, 'committed', %s, %s FROM device WHERE slug = 'box-1'",
                (trial, Jsonb([unit]), Jsonb([other]), began, began),
            )
            database.execute(
                "INSERT INTO drift_hour (unit_id, model_sha256, hour, observations, signals, mix)"
                " SELECT unit.id, CASE WHEN tried THEN %(new)s ELSE %(own)s END, %(began)s + hour * interval '1 hour', 360,"
                " jsonb_build_object('count', CASE WHEN tried THEN 20 * %(more)s ELSE 20.0 END, 'confidence', 0.6), '{}'"
                " FROM unit, generate_series(-24, 23) AS hour, LATERAL (SELECT hour >= 0 AND slug = %(unit)s AS tried) AS is_it"
                " WHERE slug IN (%(unit)s, %(other)s) ON CONFLICT DO NOTHING",
                {
                    "new": model.sha256,
                    "own": MODEL.sha256,
                    "began": began,
                    "more": more,
                    "unit": unit,
                    "other": other,
                },
            )
        self.box_says(unit_models={unit: model})
        return model

    def people_who_release(self) -> Ceremony:
        """Three people with keys, and a repository of releases that the API serves from now on."""
        ceremony = Ceremony(Path(self._storage.name), clock=_TimeOfNow(), model=MODEL.name)
        ceremony.release(ceremony.bundle("1.0.0"))
        return ceremony

    def found(self, site: str) -> None:
        """Enter another farm of the same organization."""
        with psycopg.connect(self._url) as database:
            ensure_site(database, ensure_organization(database, "shoal"), site)

    def neighbours(self, organization: str, site: str) -> Account:
        """Another organization on the same server, whose one farm nothing has reported to yet; answers who may everything there."""
        with psycopg.connect(self._url) as database:
            ensure_site(database, ensure_organization(database, organization), site)
        email = f"fleet_admin@{site}.example"
        create_user(self._url, email, PASSWORD, "fleet_admin", organization, name="Neighbour")
        return Account(email, PASSWORD)

    def watch_oxygen(self) -> None:
        """What the box's own watch does: raise below 5 mg/L, clear above 5.5."""
        for unit, value in self.oxygen.items():
            if value < 5.0 and unit not in self._raised:
                self._raised[unit] = uuid4()
                self._tell(unit, AlarmChange.RAISED, value)
            elif value > 5.5 and unit in self._raised:
                self._tell(unit, AlarmChange.CLEARED, value)
                del self._raised[unit]

    def _tell(self, unit: str, change: AlarmChange, value: float) -> None:
        event = AlarmEvent(
            alarm_id=self._raised[unit],
            definition="do.low.critical",
            change=change,
            severity=Severity.CRITICAL,
            unit=unit,
            channel=f"{unit}.do",
            quantity="do",
            value=value,
            limit=5.0,
            ucum="mg/L",
            occurred_at=_now(),
            message=f"Dissolved oxygen {value:.2f} mg/L is below 5.0 mg/L",
            action="Start emergency oxygen now; stop feeding; check aerator, pump and probe",
            source="Fivelstad 1999 [V]; smolt, outlet",
        )
        self._box.send(AlarmBatch(alarms=(event,)), Kind.ALARMS)

    def _beat(self) -> None:
        second = 0
        while not self._beating.wait(1.0):
            now = _now()
            self._box.send(ReadingBatch(readings=tuple(self._readings(now))), Kind.READINGS)
            self.watch_oxygen()
            if second % 15 == 0:
                for unit in ("tank-1", "tank-2"):
                    self._picture(unit, now)
            second += 1

    def _readings(self, at: datetime) -> Iterable[Reading]:
        for number, unit in enumerate(UNITS):
            for quantity, (ucum, centre) in WATER.items():
                level = centre * self.oxygen[unit] / WATER["do"][1] if quantity in _FOLLOW_OXYGEN else centre
                wave = 1 + 0.01 * math.sin(at.timestamp() / 1800 + number) + 0.002 * math.sin(at.timestamp() / 5)
                yield Reading(
                    channel=f"{unit}.{quantity}",
                    unit=unit,
                    quantity=quantity,
                    value=level * wave,
                    ucum=ucum,
                    observed_at=at,
                    quality=QualityFlag.SUSPECT if (unit, quantity) == ("tank-2", "ph") else QualityFlag.GOOD,
                    test="spike" if (unit, quantity) == ("tank-2", "ph") else None,
                    derived=quantity in {"do_sat", "oxygen_left"},
                )

    def _picture(self, unit: str, at: datetime) -> None:
        fish = 9 if unit == "tank-1" else 6
        image, boxes = draw_fish(fish, seed=int(at.timestamp()) % 1000)
        sha256 = hashlib.sha256(image).hexdigest()
        found = tuple(
            Detection(label="fish", confidence=float(each["confidence"]), box=Box(**each["box"])) for each in boxes
        )
        observation = Observation(
            camera=f"cam-{unit}",
            unit=unit,
            started_at=at - timedelta(seconds=10),
            observed_at=at,
            frames=50,
            frames_dropped=2,
            count_mean=fish - 0.6,
            count_min=fish - 3,
            count_max=fish + 1,
            confidence_mean=0.74,
            latency_ms=38.0,
            detections=found,
            image_sha256=sha256,
            image_observed_at=at - timedelta(seconds=3),
            model=MODEL,
            image_quality=0.82,
            quality=QualityFlag.GOOD,
        )
        evidence = Evidence(
            camera=f"cam-{unit}",
            unit=unit,
            observed_at=at - timedelta(seconds=3),
            width=640,
            height=360,
            sha256=sha256,
            data=image,
        )
        self._box.send(ObservationBatch(observations=(observation,)), Kind.OBSERVATIONS)
        self._box.send(evidence, Kind.EVIDENCE)

    def _born(self) -> None:
        limits = [
            LimitInEffect(
                channel=f"{unit}.do",
                definition=f"do.low.{name}",
                severity=severity,
                side="low",
                value=value,
                source=source,
            )
            for unit in UNITS
            for name, severity, value, source in (
                ("critical", Severity.CRITICAL, 5.0, "Fivelstad 1999 [V]"),
                ("warning", Severity.WARNING, 6.5, "Handbook [K]; confirm with a fish-health person"),
            )
        ]
        self._box.born(
            Inventory(
                agent_version="0.1.0",
                channels=tuple(
                    ChannelInventory(name=f"{unit}.{quantity}", unit=unit, quantity=quantity, ucum=ucum)
                    for unit in UNITS
                    for quantity, (ucum, _) in WATER.items()
                ),
                cameras=tuple(CameraInventory(name=f"cam-{unit}", unit=unit, kind="file") for unit in UNITS),
                limits=tuple(limits),
            )
        )
        with psycopg.connect(self._url) as database:
            database.execute("UPDATE site SET name = 'Nordfjord', timezone = 'Europe/Oslo' WHERE slug = %s", (SITE,))
            for slug, name in UNITS.items():
                database.execute(
                    "UPDATE unit SET name = %s, kind = 'tank', volume_m3 = 120, species = 'salmo_salar', stage = 'smolt'"
                    " WHERE slug = %s",
                    (name, slug),
                )

    def _past(self) -> None:
        """Eight hours of water, a reading a minute; an oxygen dip in tank 3, two hours ago."""
        start = _now() - _HISTORY
        steps = int(_HISTORY / timedelta(minutes=1))
        for first in range(0, steps, 30):
            readings: list[Reading] = []
            for step in range(first, min(first + 30, steps)):
                at = start + timedelta(minutes=step)
                dip = abs((_now() - timedelta(hours=2) - at) / timedelta(minutes=40))
                self.oxygen["tank-3"] = WATER["do"][1] - max(0.0, 1.0 - dip) * 2.2
                readings += self._readings(at)
            self._box.send(ReadingBatch(readings=tuple(readings)), Kind.READINGS)
        self.oxygen["tank-3"] = WATER["do"][1]
        self.babble(b"\xff\x00 not json")

    def _write_diary(self) -> None:
        now = _now()
        with self.client("farm_manager") as client:
            new = {"code": "S-26", "species": "salmo_salar", "origin": "Hatchery North"}
            client.post("/api/v1/batches", json=new).raise_for_status()
            for days, kind, fields in DIARY:
                record = {
                    "id": str(uuid4()),
                    "kind": kind,
                    "occurred_at": (now - timedelta(days=days)).isoformat(),
                    **fields,
                }
                client.post(f"/api/v1/sites/{SITE}/records", json=record).raise_for_status()


_OF = {"batch": "S-26", "unit": "tank-1"}
_FEED = {"unit": "tank-1", "product": "Grow 3", "lot": "L-2611"}
DIARY: tuple[tuple[float, str, dict[str, Any]], ...] = (
    (30, "stocking", {**_OF, "count": 12_000, "mean_weight_g": 82, "supplier": "Hatchery North"}),
    (30, "stocking", {**_OF, "unit": "tank-2", "count": 11_500, "mean_weight_g": 80}),
    (12, "mortality", {**_OF, "count": 14, "cause": "environment", "detail": "oxygen"}),
    (9, "feeding", {**_FEED, "amount_kg": 420, "uneaten_kg": 6}),
    (8, "weight_sample", {**_OF, "fish": 50, "mean_weight_g": 118, "mean_length_cm": 21.4}),
    (2, "lice_count", {"unit": "tank-1", "fish": 20, "adult_females": 2, "mobile": 9, "attached": 14}),
    (0.05, "feeding", {**_FEED, "amount_kg": 46, "uneaten_kg": 1}),
    (0.04, "mortality", {**_OF, "count": 3, "cause": "unknown"}),
    (0.02, "note", {"unit": "tank-1", "topic": "cleaning", "note": "Cleaned the outlet grid"}),
)
"""Days before now, kind and fields."""


def _counted(unit: str, at: datetime, mean: float, model: ModelRef) -> Observation:
    """What a camera counted in ten seconds, without a picture."""
    return Observation(
        camera=f"cam-{unit}", unit=unit, started_at=at - timedelta(seconds=10), observed_at=at, frames=50, frames_dropped=0,
        count_mean=mean, count_min=math.floor(mean), count_max=math.ceil(mean), detections=(), model=model,
        quality=QualityFlag.GOOD,
    )  # fmt: skip


def _now() -> datetime:
    return datetime.now(timezone.utc)


def main() -> None:
    """Serve a living farm for development, with one open alarm: ``python -m tests.dashboard.real_farm --port 8000``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=8000)
    farm = RealFarm(port=parser.parse_args().port)
    farm.begin()
    farm.oxygen["tank-3"] = 4.4
    sys.stdout.write(f"{farm.url} {', '.join(f'{role}@fjord.example' for role in ROLES)}; {PASSWORD}\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    finally:
        farm.end()


if __name__ == "__main__":
    main()
