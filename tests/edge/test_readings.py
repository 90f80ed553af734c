"""Deliveries to accepted readings: stamps, repeats, quality, derived saturation, batches and acknowledgement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import Envelope, decode
from contracts.quality import QualityFlag
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind
from edge.errors import OutboxUnavailableError
from edge.guard.alarms import AlarmGuard
from edge.outbox.publisher import compose
from edge.outbox.store import Outbox
from edge.sensors.derived import by_main
from edge.sensors.driver import Delivery, RawReading
from edge.sensors.rules import AHEAD_LIMIT, stamp
from edge.sensors.sampler import OWED_MESSAGES, Sampler
from edge.sensors.settings import ChannelSettings
from tests.edge.farm import START, VirtualClock, judge_of, new_outbox

DO = ChannelSettings(name="tank-1.do", unit="tank-1", quantity="do")
WARMTH = ChannelSettings(name="tank-1.temperature", unit="tank-1", quantity="temperature")


class Bench:
    """A sampler on a real outbox in virtual time."""

    def __init__(self, folder: Path, clock: VirtualClock) -> None:
        self.clock = clock
        self.outbox = new_outbox(folder, clock=clock)
        self.guard = AlarmGuard(self.outbox, limits=(), silences=(), clock=clock)
        self.acknowledged = 0
        self.sampler = Sampler(
            self.outbox,
            self.guard,
            judge=judge_of(DO, WARMTH),
            derived=by_main((c.name, c.unit, c.quantity) for c in (DO, WARMTH)),
            salinity_g_kg={"tank-1": 0.0},
            clock=clock,
        )

    def _acknowledge(self) -> None:
        self.acknowledged += 1

    def deliver(self, *readings: RawReading) -> None:
        self.sampler.deliver(Delivery(readings, self.clock.now(), self.clock.monotonic(), self._acknowledge))
        self.sampler.step()

    def flush(self) -> list[Reading]:
        self.clock.advance(1.5)
        self.sampler.step()
        return accepted(self.outbox)


def accepted(outbox: Outbox) -> list[Reading]:
    found: list[Reading] = []
    for row in outbox.rows_after(0, limit=1000):
        envelope = decode(compose(row, site="f", device="d", backfill=False), row.kind)
        assert isinstance(envelope, Envelope)
        if isinstance(envelope.body, ReadingBatch):
            found += envelope.body.readings
    return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, VirtualClock())
    yield bench
    bench.outbox.close()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_readings_are_acknowledged_only_after_they_are_persisted(bench: Bench) -> None:
    bench.deliver(RawReading(DO, 9.0, at(0)))
    assert bench.acknowledged == 0
    assert accepted(bench.outbox) == []
    assert [reading.value for reading in bench.flush()] == [9.0]
    assert bench.acknowledged == 1


def test_a_batch_closes_when_several_messages_wait_for_their_acknowledgement(bench: Bench) -> None:
    for number in range(OWED_MESSAGES):
        bench.deliver(RawReading(DO, 9.0, at(number * 0.01)))
    assert bench.acknowledged == OWED_MESSAGES
    assert bench.outbox.depth().rows == 1


def test_a_redelivery_after_a_restart_is_not_accepted_twice(tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Bench(tmp_path, clock)
    first.deliver(RawReading(DO, 9.0, at(0)), RawReading(WARMTH, 11.0, at(0)))
    first.flush()
    first.outbox.close()
    second = Bench(tmp_path, clock)
    second.deliver(RawReading(DO, 9.0, at(0)), RawReading(WARMTH, 11.0, at(0)))
    second.deliver(RawReading(DO, 9.1, at(1)))
    assert [reading.value for reading in second.flush() if not reading.derived] == [9.0, 11.0, 9.1]
    assert second.sampler.stats.repeats == 2
    assert second.acknowledged == 2
    second.outbox.close()


def test_a_repeat_is_acknowledged_no_earlier_than_its_first_copy(bench: Bench) -> None:
    bench.deliver(RawReading(DO, 9.0, at(0)))
    bench.deliver(RawReading(DO, 9.0, at(0)))
    assert bench.acknowledged == 0
    bench.flush()
    assert bench.acknowledged == 2


def test_nothing_is_acknowledged_or_lost_while_the_outbox_cannot_persist(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OutboxUnavailableError("disk full")

    monkeypatch.setattr(bench.outbox, "accept", refuse)
    for number in range(30):
        bench.deliver(RawReading(DO, float(number), at(number)))
        bench.clock.advance(1)
    assert bench.acknowledged == 0
    monkeypatch.undo()
    bench.clock.advance(2)
    assert [reading.value for reading in bench.flush()] == [float(number) for number in range(30)]
    assert bench.acknowledged == 30


def test_saturation_is_derived_from_oxygen_temperature_and_salinity(bench: Bench) -> None:
    bench.deliver(RawReading(DO, 9.0, at(0)), RawReading(WARMTH, 12.0, at(0)))
    derived = [reading for reading in bench.flush() if reading.derived]
    assert [(reading.channel, reading.quantity, reading.ucum) for reading in derived] == [
        ("tank-1.do_sat", "do_sat", "%")
    ]
    assert derived[0].value == pytest.approx(83.5, abs=0.2)  # 10.78 mg/L is saturation at 12 Cel in fresh water


def test_no_saturation_without_a_fresh_and_usable_temperature(bench: Bench) -> None:
    bench.deliver(RawReading(DO, 9.0, at(0)))
    bench.deliver(RawReading(WARMTH, 99.0, None))
    bench.deliver(RawReading(DO, 9.0, at(1)))
    bench.clock.advance(3600)
    assert not any(reading.derived for reading in bench.flush())


def test_gross_range_fails_and_says_which_test(bench: Bench) -> None:
    bench.deliver(RawReading(DO, 77.0, at(0)))
    found = bench.flush()[0]
    assert (found.quality, found.test) == (QualityFlag.FAIL, "gross_range")


def test_a_node_clock_of_1970_is_not_believed_and_the_reading_is_suspect(bench: Bench) -> None:
    bench.deliver(RawReading(DO, 9.0, datetime.fromisoformat("1970-01-01T00:00:07+00:00")))
    found = bench.flush()[0]
    assert found.observed_at == START
    assert (found.quality, found.test) == (QualityFlag.SUSPECT, "node_clock")


def test_readings_without_a_node_time_are_unique_although_the_clock_steps_back(bench: Bench) -> None:
    for _ in range(3):
        bench.deliver(RawReading(WARMTH, 11.0, None))
    bench.clock.wall -= timedelta(days=1)
    bench.deliver(RawReading(WARMTH, 11.0, None))
    times = [reading.observed_at for reading in bench.flush()]
    assert times == sorted(set(times))
    assert len(times) == 4


@given(
    node=st.none() | st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)),
    last=st.none() | st.timedeltas(min_value=timedelta(days=-40), max_value=timedelta(days=40)),
)
def test_stamps_always_increase(node: timedelta | None, last: timedelta | None) -> None:
    before = START + last if last is not None else None
    given_time = START + node if node is not None else None
    found = stamp(given_time, START, before)
    if found is not None and before is not None:
        assert found.observed_at > before
    if found is not None and found.test is None and given_time is not None:
        assert abs(found.observed_at - START) <= timedelta(days=7) + AHEAD_LIMIT


def test_kinds_of_rows(bench: Bench) -> None:
    bench.deliver(RawReading(DO, 9.0, at(0)))
    bench.flush()
    assert [row.kind for row in bench.outbox.rows_after(0, limit=5)] == [Kind.READINGS]


def test_what_the_device_says_of_its_own_value_is_believed_when_it_is_worse(bench: Bench) -> None:
    sentinel = RawReading(DO, 0.0, at(0), quality=QualityFlag.FAIL, test="sentinel")
    bench.deliver(sentinel, RawReading(WARMTH, 11.0, at(0), quality=QualityFlag.GOOD))
    found = {reading.channel: (reading.quality, reading.test) for reading in bench.flush()}
    assert found == {
        "tank-1.do": (QualityFlag.FAIL, "sentinel"),
        "tank-1.temperature": (QualityFlag.GOOD, None),
    }


def test_history_joins_the_record_once_and_neither_shows_nor_alarms(tmp_path: Path) -> None:
    bench = Bench(tmp_path, VirtualClock())
    bench.deliver(RawReading(DO, 9.0, at(0)))
    kept = [RawReading(DO, 7.0 + number / 10, at(number - 600), historical=True) for number in range(3)]
    bench.deliver(*kept)
    bench.deliver(*kept)
    assert [(reading.value, reading.observed_at) for reading in bench.flush()] == [
        (9.0, at(0)),
        *((7.0 + number / 10, at(number - 600)) for number in range(3)),
    ]
    assert bench.sampler.latest()["tank-1.do"].reading.value == 9.0
    assert bench.sampler.stats.repeats == 3
    bench.outbox.close()
    again = Bench(tmp_path, VirtualClock())
    again.deliver(*kept)
    again.deliver(RawReading(DO, 9.1, at(1)))
    assert again.sampler.stats.repeats == 3
    again.outbox.close()
