"""Limits judged in the cloud: one alarm per condition, whoever sees it, and only from readings that tell of the present."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from prometheus_client import REGISTRY

from cloud.alarms.evaluation import GRACE
from cloud.alarms.evaluator import MAX_WAITING, Evaluator
from cloud.alarms.watcher import Watcher
from cloud.consumers import Ingest
from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.devices import ChannelInventory, Inventory, LimitInEffect
from contracts.envelope import Envelope
from contracts.quality import QualityFlag
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind
from tests.cloud.api.farm import Box9

STEP = timedelta(seconds=10)
LOW = "do.low.critical"
OXYGEN = LimitInEffect(
    channel="tank-1.do",
    definition=LOW,
    severity=Severity.CRITICAL,
    side="low",
    value=5.0,
    hysteresis=0.5,
    on_delay_s=30,
    off_delay_s=60,
)
SATURATION = LimitInEffect(
    channel="tank-1.do_sat",
    definition="do_sat.low.critical",
    severity=Severity.CRITICAL,
    side="low",
    value=0.0,
    law="los",
    on_delay_s=30,
)
CHANNELS = (("do", "mg/L"), ("do_sat", "%"), ("temperature", "Cel"))


@dataclass
class Farm:
    """A box whose readings the cloud hears, and which raises alarms only when the test says so."""

    url: str
    box: Box9
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc) - timedelta(hours=4))
    """Behind the real clock, because the store refuses what comes from the future."""
    sequence: count[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.evaluator = self.another()

    def another(self) -> Evaluator:
        return Evaluator(self.url, now=lambda: self.now)

    def born(self, *limits: LimitInEffect) -> None:
        channels = tuple(
            ChannelInventory(name=f"tank-1.{quantity}", unit="tank-1", quantity=quantity, ucum=ucum)
            for quantity, ucum in CHANNELS
        )
        self.box.born(Inventory(agent_version="1", channels=channels, limits=limits))

    def message(self, value: float, *, quantity: str = "do", **more: Any) -> Envelope:
        told: dict[str, Any] = {
            "channel": f"tank-1.{quantity}",
            "unit": "tank-1",
            "quantity": quantity,
            "value": value,
            "ucum": dict(CHANNELS)[quantity],
            "observed_at": self.now,
            "quality": QualityFlag.GOOD,
        }
        reading = Reading(**(told | more))
        return Envelope(
            site="fjord",
            device="box-1",
            boot="boot-0001",
            stream="stream-box-1",
            seq=next(self.sequence),
            sent_at=self.now,
            body=ReadingBatch(readings=(reading,)),
        )

    def hold(self, value: float, *, seconds: float, quantity: str = "do", **more: Any) -> None:
        """The probe shows a value for a while; the evaluator looks after each reading."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self.now += STEP
            self.evaluator.judge([self.message(value, quantity=quantity, **more)])
            self.look()

    def look(self, evaluator: Evaluator | None = None) -> None:
        with psycopg.connect(self.url, autocommit=True) as database:
            (evaluator or self.evaluator).round(database)

    def raised_by_box(self, change: AlarmChange, key: UUID, *, definition: str = LOW) -> None:
        event = AlarmEvent(
            alarm_id=key,
            definition=definition,
            change=change,
            severity=Severity.CRITICAL,
            unit="tank-1",
            channel="tank-1.do",
            quantity="do",
            occurred_at=self.now,
            message="on the box",
        )
        self.box.send(AlarmBatch(alarms=(event,)), Kind.ALARMS)

    def open(self) -> list[tuple[str, str]]:
        return [
            (definition, origin)
            for definition, origin in self.ask("SELECT definition, origin FROM alarm WHERE cleared_at IS NULL")
        ]

    def all(self) -> int:
        [(rows,)] = self.ask("SELECT count(*) FROM alarm")
        return int(rows)

    def ask(self, statement: str) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as database:
            return database.execute(statement).fetchall()


@pytest.fixture
def farm(database_url: str, tmp_path: Path) -> Iterator[Farm]:
    ingest = Ingest(database_url, storage_dir=tmp_path)
    farm = Farm(database_url, Box9(ingest, "fjord", "box-1"))
    farm.born(OXYGEN, SATURATION)
    farm.look()
    yield farm
    ingest.close()


def test_oxygen_falls_and_the_box_is_mute_so_the_cloud_raises_one_alarm_after_the_grace(farm: Farm) -> None:
    farm.hold(8.0, seconds=60)
    farm.hold(4.2, seconds=60)
    assert farm.open() == [], "the on-delay is over, the grace is not"
    farm.hold(4.0, seconds=600)
    assert farm.open() == [(LOW, "cloud")]
    [(message, severity, value, limit, ucum, delay)] = farm.ask(
        "SELECT message, severity, value, limit_value, ucum, raised_at - condition_since FROM alarm"
    )
    assert message == "Dissolved oxygen in Tank 1 was 4.20 mg/L, below 5.00 mg/L"
    assert (severity, value, limit, ucum, delay) == ("critical", 4.2, 5.0, "mg/L", timedelta(seconds=30))

    farm.hold(5.2, seconds=120)
    assert farm.open() == [(LOW, "cloud")], "not beyond the deadband"
    farm.hold(6.0, seconds=80)
    assert farm.open() == []
    assert farm.all() == 1
    assert farm.ask("SELECT change, actor FROM alarm_change ORDER BY occurred_at") == [
        ("raised", "evaluator"),
        ("cleared", "evaluator"),
    ]


def test_where_the_box_speaks_first_the_cloud_is_silent_until_the_end(farm: Farm) -> None:
    key = uuid4()
    farm.hold(4.0, seconds=40)
    farm.raised_by_box(AlarmChange.RAISED, key)
    farm.hold(4.0, seconds=300)
    assert farm.open() == [(LOW, "edge")]
    farm.hold(7.0, seconds=60)
    farm.raised_by_box(AlarmChange.CLEARED, key)
    farm.hold(7.0, seconds=300)
    assert farm.open() == []
    assert farm.all() == 1


def test_where_the_box_speaks_later_it_is_the_same_alarm_and_the_box_ends_it(farm: Farm) -> None:
    farm.hold(4.0, seconds=120)
    key = uuid4()
    farm.raised_by_box(AlarmChange.RAISED, key)
    assert farm.open() == [(LOW, "both")]
    farm.hold(7.0, seconds=300)
    assert farm.open() == [(LOW, "both")], "the box has not cleared it"
    farm.raised_by_box(AlarmChange.CLEARED, key)
    assert farm.open() == []
    assert farm.all() == 1


def test_a_box_that_clears_while_the_oxygen_is_still_low_is_contradicted(farm: Farm) -> None:
    key = uuid4()
    farm.hold(4.0, seconds=40)
    farm.raised_by_box(AlarmChange.RAISED, key)
    farm.hold(4.0, seconds=60)
    farm.raised_by_box(AlarmChange.CLEARED, key)
    farm.hold(4.0, seconds=20)
    assert farm.open() == []
    farm.hold(4.0, seconds=40)
    assert farm.open() == [(LOW, "cloud")]


def test_a_killed_evaluator_raises_once_and_the_next_one_clears(farm: Farm) -> None:
    farm.hold(4.0, seconds=30)
    farm.now += timedelta(seconds=10)
    farm.evaluator.judge([farm.message(4.0)])
    farm.now += GRACE
    database = psycopg.connect(farm.url)
    farm.evaluator.round(database)
    assert database.execute("SELECT count(*) FROM alarm").fetchone() == (1,)
    database.close()  # killed between the raise and its commit
    assert farm.all() == 0
    farm.evaluator = farm.another()
    farm.look()
    farm.hold(4.0, seconds=120)
    assert farm.open() == [(LOW, "cloud")]

    farm.evaluator = farm.another()
    farm.look()
    farm.hold(4.0, seconds=120)
    assert farm.all() == 1
    farm.hold(7.0, seconds=90)
    assert farm.open() == []


def test_two_evaluators_raise_one_alarm(farm: Farm) -> None:
    evaluators = [farm.evaluator, farm.another(), farm.another(), farm.another()]
    for evaluator in evaluators:
        farm.look(evaluator)
    for _ in range(5):
        farm.now += STEP
        for evaluator in evaluators:
            evaluator.judge([farm.message(4.0)])
    farm.now += GRACE
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(farm.look, evaluators))
    assert farm.open() == [(LOW, "cloud")]


def test_a_flapping_value_raises_nothing_and_does_not_clear_what_is_raised(farm: Farm) -> None:
    for _ in range(20):
        farm.hold(4.8, seconds=10)
        farm.hold(5.1, seconds=10)
    assert farm.all() == 0
    farm.hold(4.8, seconds=120)
    for _ in range(20):
        farm.hold(4.8, seconds=10)
        farm.hold(6.0, seconds=20)
    assert farm.open() == [(LOW, "cloud")]
    assert farm.all() == 1


@pytest.mark.parametrize(
    "more",
    [
        {"quality": QualityFlag.SUSPECT, "test": "maintenance"},
        {"quality": QualityFlag.SUSPECT, "test": "spike", "also": {"maintenance": QualityFlag.SUSPECT}},
        {"quality": QualityFlag.FAIL, "test": "gross_range"},
        {"quality": QualityFlag.MISSING},
    ],
)
def test_a_probe_in_maintenance_or_without_a_usable_value_decides_nothing(farm: Farm, more: dict[str, Any]) -> None:
    farm.hold(0.1, seconds=300, **more)
    assert farm.all() == 0


def test_the_limiting_saturation_follows_the_temperature_and_without_one_nothing_is_judged(farm: Farm) -> None:
    farm.hold(30.0, seconds=120, quantity="do_sat")
    assert farm.all() == 0, "no temperature, no limit"
    farm.hold(7.0, seconds=10, quantity="temperature")
    farm.hold(30.0, seconds=120, quantity="do_sat")
    assert farm.all() == 0, "24 % at 7 degrees"
    farm.hold(19.0, seconds=10, quantity="temperature")
    farm.hold(30.0, seconds=120, quantity="do_sat")
    assert farm.open() == [("do_sat.low.critical", "cloud")]
    assert farm.ask("SELECT limit_value FROM alarm") == [(40.0,)]


def test_what_comes_again_or_late_changes_nothing(farm: Farm) -> None:
    sent = []
    for _ in range(12):
        farm.now += STEP
        sent.append(farm.message(4.0))
    farm.evaluator.judge(sent[:2])
    farm.evaluator.judge(sent[:2] * 50)
    farm.look()
    farm.now += timedelta(hours=1)
    farm.evaluator.judge(sent)
    farm.look()
    farm.now += GRACE
    farm.look()
    assert farm.all() == 0


def test_an_alarm_whose_limit_its_box_no_longer_tells_is_closed(farm: Farm) -> None:
    farm.hold(4.0, seconds=120)
    farm.born(SATURATION)
    farm.now += timedelta(seconds=31)
    farm.look()
    assert farm.open() == []


def test_watcher_and_evaluator_leave_each_others_alarms_alone(farm: Farm) -> None:
    farm.hold(4.0, seconds=120)
    with psycopg.connect(farm.url, autocommit=True) as database:
        Watcher(farm.url, now=lambda: datetime.now(timezone.utc)).round(database)
    assert farm.open() == [(LOW, "cloud")]


def test_what_waits_to_be_judged_is_bounded_and_the_newest_is_kept(farm: Farm) -> None:
    def dropped() -> float:
        return REGISTRY.get_sample_value("shoal_evaluator_readings_total", {"outcome": "dropped"}) or 0

    before = dropped()
    farm.evaluator.offer([farm.message(8.0)] * (MAX_WAITING + 500))
    assert dropped() - before == 500


def test_what_a_box_has_stored_is_judged_in_threads_of_its_own(farm: Farm) -> None:
    farm.evaluator.start()
    for _ in range(5):
        farm.now += STEP
        farm.evaluator.offer([farm.message(4.0)])
    judged_by = time.monotonic() + 20
    while not farm.open() and time.monotonic() < judged_by:
        time.sleep(0.05)
        farm.now += timedelta(seconds=1)
        farm.evaluator.offer([farm.message(4.0)])
    farm.evaluator.stop()
    farm.evaluator.stop()
    assert farm.open() == [(LOW, "cloud")]
