"""Silence seen from the server: dark sites, silent boxes and probes, one alarm per condition, one for a whole power cut."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from cloud.alarms.rules import DARK_AFTER, suppressible
from cloud.alarms.source import StoredAlarms
from cloud.alarms.watcher import Watcher
from cloud.consumers import Ingest
from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.devices import ChannelInventory, Inventory
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind
from tests.cloud.api.farm import Box9

CHANNELS = (("tank-1.do", "do", "mg/L"), ("tank-1.power", "power", "1"), ("tank-1.temperature", "temperature", "Cel"))


@dataclass
class Site:
    """A site whose wall clock and whose last words the test moves."""

    url: str
    box: Box9
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc) - timedelta(hours=4))
    """Behind the real clock, because the store refuses readings from the future."""

    def __post_init__(self) -> None:
        self.watcher = Watcher(self.url, now=lambda: self.now)

    def measure(self, *names: str) -> None:
        readings = tuple(
            Reading(channel=name, unit="tank-1", quantity=quantity, value=8.0, ucum=ucum, observed_at=self.now)
            for name, quantity, ucum in CHANNELS
            if name in (names or [each[0] for each in CHANNELS])
        )
        self.box.send(ReadingBatch(readings=readings), Kind.READINGS)
        self.heard()

    def heard(self) -> None:
        self.execute("UPDATE device SET last_seen_at = %s WHERE slug = %s", (self.now, self.box.device))

    def watch(self, *, after: timedelta = timedelta()) -> list[tuple[str, str | None, bool]]:
        """A round later; definition, who saw it, and whether another alarm explains it, of every open alarm."""
        self.now += after
        with psycopg.connect(self.url, autocommit=True) as database:
            self.watcher.round(database)
        return [
            (definition, origin, explained)
            for definition, origin, explained in self.execute(
                "SELECT definition, origin, suppressed_by IS NOT NULL FROM alarm WHERE cleared_at IS NULL ORDER BY definition"
            )
        ]

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as database:
            cursor = database.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def alarm(self, definition: str, change: AlarmChange, key: UUID, *, quantity: str = "do") -> None:
        event = AlarmEvent(
            alarm_id=key,
            definition=definition,
            change=change,
            severity=Severity.CRITICAL,
            unit="tank-1",
            channel=f"tank-1.{quantity}",
            quantity=quantity,
            occurred_at=self.now,
            message=f"{definition} on the box",
        )
        self.box.send(AlarmBatch(alarms=(event,)), Kind.ALARMS)
        self.heard()


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    ingest = Ingest(database_url, storage_dir=tmp_path)
    site = Site(database_url, Box9(ingest, "fjord", "box-1"))
    channels = tuple(ChannelInventory(name=name, unit="tank-1", quantity=q, ucum=ucum) for name, q, ucum in CHANNELS)
    site.box.born(Inventory(agent_version="1", channels=channels))
    site.measure()
    yield site
    ingest.close()


def test_a_site_that_falls_silent_is_dark_within_five_minutes_and_light_again_when_it_speaks(site: Site) -> None:
    assert site.watch() == []
    assert site.watch(after=DARK_AFTER) == []
    assert site.watch(after=timedelta(seconds=11)) == [("site.dark", "cloud", False)]
    assert DARK_AFTER + timedelta(seconds=11) < timedelta(minutes=5)
    assert site.watch(after=timedelta(hours=1)) == [("site.dark", "cloud", False)], "one alarm, however long it lasts"
    site.measure()
    assert site.watch() == []
    [(changes,)] = site.execute("SELECT count(*) FROM alarm_change WHERE actor = 'watcher'")
    assert changes == 2


def test_a_dead_probe_on_a_living_box_is_an_alarm_and_its_box_takes_it_over(site: Site) -> None:
    site.now += timedelta(minutes=6)
    site.measure("tank-1.power", "tank-1.temperature")
    assert site.watch() == [("do.silent", "cloud", False)]
    [(first,)] = site.execute("SELECT id FROM alarm")

    key = uuid4()
    site.alarm("do.silent", AlarmChange.RAISED, key)
    assert site.watch() == [("do.silent", "both", False)], "the box's own alarm is the same alarm"
    site.alarm("do.silent", AlarmChange.CLEARED, key)
    assert site.watch(after=timedelta(seconds=10)) == [("do.silent", "cloud", False)], "the store still hears nothing"
    assert {row[0] for row in site.execute("SELECT id FROM alarm WHERE cleared_at IS NOT NULL")} == {first}


def test_what_the_box_has_raised_is_not_raised_again(site: Site) -> None:
    site.now += timedelta(minutes=6)
    site.measure("tank-1.power")
    site.alarm("do.silent", AlarmChange.RAISED, uuid4())
    assert site.watch() == [("do.silent", "edge", False)]


def test_a_certificate_that_nobody_renewed_is_told_two_weeks_before_and_again_in_its_last_days(site: Site) -> None:
    ends = site.now + timedelta(days=20)

    def beat(ends_at: datetime) -> None:
        site.measure()
        body = {"certificate_expires_at": ends_at.isoformat()}
        site.execute(
            "INSERT INTO device_health (device_id, observed_at, body) SELECT id, %s, %s FROM device",
            (site.now, Jsonb(body)),
        )

    def watched(days: float) -> list[str]:
        site.now += timedelta(days=days)
        return [definition for definition, _, _ in site.watch() if definition.startswith("certificate.")]

    beat(ends)
    assert watched(0) == []
    site.watcher = Watcher(site.url, now=lambda: site.now)
    assert watched(6.5) == ["certificate.ending"]
    [(message, severity)] = site.execute("SELECT message, severity FROM alarm WHERE definition = 'certificate.ending'")
    assert f"ends on {ends:%Y-%m-%d}" in message
    assert severity == "minor"
    site.execute("UPDATE device_health SET observed_at = observed_at + INTERVAL '11 days'")
    assert watched(11) == ["certificate.last_days"]
    assert watched(10) == ["certificate.last_days"], "a box that says nothing any more has renewed nothing"
    beat(ends + timedelta(days=365))
    assert watched(0.01) == [], "renewed"
    for word in ("soon", "2026-01-01T00:00:00"):  # no moment, and one of no zone
        site.execute("UPDATE device_health SET body = %s", (Jsonb({"certificate_expires_at": word}),))
        assert watched(0.01) == [], "the watch over all others goes on"


def test_a_slow_probe_is_given_its_time(site: Site) -> None:
    for _ in range(4):
        site.now += timedelta(minutes=15)
        site.measure()
    site.now += timedelta(minutes=30)
    site.heard()
    assert site.watch() == []
    site.now += timedelta(minutes=16)
    site.heard()
    assert [definition for definition, _, _ in site.watch()] == ["do.silent", "power.silent"]


def test_a_probe_that_was_taken_out_is_not_missed(site: Site) -> None:
    site.box.born(Inventory(agent_version="1", channels=()))
    site.now += timedelta(minutes=20)
    site.heard()
    assert site.watch() == []


def test_a_power_cut_of_a_whole_site_calls_once(site: Site) -> None:
    """The box raises everything that follows from the cut, then its battery ends."""
    flow = uuid4()
    site.alarm("power.low.critical", AlarmChange.RAISED, uuid4(), quantity="power")
    site.alarm("flow.low.critical", AlarmChange.RAISED, flow)
    site.alarm("do.silent", AlarmChange.RAISED, uuid4())
    assert site.watch() == [
        ("do.silent", "edge", True),
        ("flow.low.critical", "edge", True),
        ("power.low.critical", "edge", False),
    ]
    assert [definition for definition, _, explained in site.watch(after=timedelta(minutes=5)) if not explained] == [
        "power.low.critical",
        "site.dark",
    ]
    with psycopg.connect(site.url) as database:
        assert len(StoredAlarms().open(database)) == 2


def test_low_oxygen_is_never_explained_away(site: Site) -> None:
    assert not suppressible("do.low.critical", "power.low.critical")
    assert not suppressible("do_sat.low.critical", "site.dark")
    site.alarm("power.low.critical", AlarmChange.RAISED, uuid4(), quantity="power")
    site.alarm("do.low.critical", AlarmChange.RAISED, uuid4())
    assert ("do.low.critical", "edge", False) in site.watch()


def test_two_watchers_raise_one_alarm(site: Site) -> None:
    site.now += timedelta(minutes=10)
    watchers = [Watcher(site.url, now=lambda: site.now) for _ in range(4)]

    def look(watcher: Watcher) -> None:
        with psycopg.connect(site.url, autocommit=True) as database:
            watcher.round(database)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, watchers))
    assert site.watch() == [("site.dark", "cloud", False)]


def test_a_silent_box_beside_a_living_one_is_its_own_alarm(site: Site, tmp_path: Path) -> None:
    ingest = Ingest(site.url, storage_dir=tmp_path)
    other = Box9(ingest, "fjord", "box-2")
    other.born(Inventory(agent_version="1"))
    site.now += timedelta(minutes=10)
    site.execute("UPDATE device SET last_seen_at = %s WHERE slug = 'box-2'", (site.now,))
    assert site.watch() == [("device.silent", "cloud", False)]
    ingest.close()
