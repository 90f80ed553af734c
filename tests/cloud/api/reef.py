"""A farm whose values change while tests watch: two tanks, a camera, and a user of its own organization."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg

from cloud.auth.accounts import create_user
from cloud.consumers import Ingest
from cloud.farms.writer import ensure_organization, ensure_site
from contracts.devices import CameraInventory, ChannelInventory, DeviceState, Inventory, Status
from contracts.envelope import encode
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind
from contracts.vision import ObservationBatch
from tests.cloud.api import farm as farms

WATCHER = "watcher@reef.example"
SITE = "reef"


@dataclass
class Reef:
    """The farm, and its box."""

    ingest: Ingest
    box: farms.Box9

    def measure(self, value: float, *, unit: str = "tank-1", quantity: str = "do", ucum: str = "mg/L") -> datetime:
        """Store a reading of now."""
        moment = datetime.now(timezone.utc)
        reading = Reading(
            channel=f"{unit}.{quantity}", unit=unit, quantity=quantity, value=value, ucum=ucum, observed_at=moment
        )
        self.box.send(ReadingBatch(readings=(reading,)), Kind.READINGS)
        return moment

    def see(self) -> datetime:
        """Store an observation of now."""
        moment = datetime.now(timezone.utc)
        self.box.send(ObservationBatch(observations=(farms._observation(moment, None),)), Kind.OBSERVATIONS)
        return moment

    def lose_the_link(self) -> None:
        """The broker tells that the box is gone."""
        now = datetime.now(timezone.utc) + timedelta(milliseconds=1)
        will = Status(site=SITE, device="box-5", boot="boot-0001", sent_at=now, state=DeviceState.OFFLINE)
        self.box._write(encode(will), Kind.STATUS)


def build(database_url: str, storage_dir: Path) -> Reef:
    """Store the farm."""
    with psycopg.connect(database_url) as database:
        ensure_site(database, ensure_organization(database, "reef"), SITE)
    ingest = Ingest(database_url, storage_dir=storage_dir)
    reef = Reef(ingest, farms.Box9(ingest, SITE, "box-5"))
    channels = tuple(
        ChannelInventory(name=f"{unit}.do", unit=unit, quantity="do", ucum="mg/L") for unit in ("tank-1", "tank-2")
    )
    camera = CameraInventory(name="cam-1", unit="tank-1", kind="file")
    reef.box.born(Inventory(agent_version="0.1.0", channels=channels, cameras=(camera,)))
    reef.measure(8.0)
    reef.measure(7.0, unit="tank-2")
    create_user(database_url, WATCHER, farms.PASSWORD, "operator", "reef")
    return reef
