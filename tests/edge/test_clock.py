"""A box that does not know the time counts; whoever sets its clock, and however often it restarts, one offset is enough."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from contracts.devices import DeviceEvent, EventBatch
from contracts.envelope import Envelope, decode
from contracts.topics import Kind
from edge.clock import SteadyClock
from edge.guard.alarms import AlarmGuard
from edge.outbox.publisher import compose
from edge.outbox.store import Draft, Outbox
from edge.sensors.driver import Delivery, RawReading
from edge.sensors.sampler import Sampler
from edge.sensors.settings import ChannelSettings
from tests.edge.farm import START, judge_of

LONG_AGO = datetime(1970, 1, 1, 0, 1, tzinfo=timezone.utc)
TRUE_START = START


class Machine:
    """A machine whose wall clock somebody sets while another counter goes on."""

    def __init__(self) -> None:
        self.wall = LONG_AGO
        self.since_boot_s = 60.0
        self.synchronised = False

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.since_boot_s

    def trusted(self) -> bool:
        return self.synchronised

    def label(self) -> tuple[datetime, str | None]:
        return self.wall, None

    def offset_us(self, timeline: str) -> int | None:
        return None

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.since_boot_s += seconds

    def clock(self, folder: Path, *, boot: str = "machine-1") -> SteadyClock:
        return SteadyClock(self, folder / "clock.json", machine_boot=boot, since_boot_s=lambda: self.since_boot_s)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_one_offset_makes_every_label_right_whatever_happened_to_the_wall_clock(
    machine: Machine, tmp_path: Path
) -> None:
    clock = machine.clock(tmp_path)
    truth: list[tuple[datetime, datetime]] = []
    for step in range(5):
        machine.advance(10)
        truth.append((clock.now(), TRUE_START + timedelta(seconds=10 * step)))
        if step == 2:
            machine.wall += timedelta(days=400)  # somebody typed a date
    assert not clock.trusted()
    machine.wall, machine.synchronised = truth[-1][1], True
    clock.learn()
    assert clock.trusted()
    (timeline,) = clock.untold()
    assert timeline.offset_us is not None
    assert [label + timedelta(microseconds=timeline.offset_us) for label, _ in truth] == [true for _, true in truth]
    assert clock.label() == (machine.wall, None)


def test_an_agent_that_starts_again_goes_on_counting(machine: Machine, tmp_path: Path) -> None:
    first = machine.clock(tmp_path)
    before = first.label()
    machine.advance(30)
    machine.wall += timedelta(hours=5)
    again = machine.clock(tmp_path)
    assert again.label() == (before[0] + timedelta(seconds=30), before[1])
    machine.advance(30)
    machine.synchronised, machine.wall = True, TRUE_START
    last = machine.clock(tmp_path)
    assert last.offset_us(str(before[1])) == (TRUE_START - before[0] - timedelta(seconds=60)) // timedelta(
        microseconds=1
    )
    assert last.trusted()


def test_a_machine_that_starts_again_begins_another_count(machine: Machine, tmp_path: Path) -> None:
    _, first = machine.clock(tmp_path).label()
    machine.wall, machine.since_boot_s = LONG_AGO, 5.0
    clock = machine.clock(tmp_path, boot="machine-2")
    assert clock.label()[1] not in {first, None}
    machine.synchronised, machine.wall = True, TRUE_START
    clock.learn()
    assert clock.offset_us(str(first)) is None, "nobody knows how long the machine was off"


def test_an_offset_is_told_until_it_is_persisted(machine: Machine, tmp_path: Path) -> None:
    machine.clock(tmp_path)
    machine.synchronised, machine.wall = True, TRUE_START
    (timeline,) = machine.clock(tmp_path).untold()
    clock = machine.clock(tmp_path, boot="machine-2")
    clock.mark_told(timeline)
    assert machine.clock(tmp_path).untold() == []


def test_a_clock_that_loses_its_synchronisation_is_followed(machine: Machine, tmp_path: Path) -> None:
    machine.synchronised, machine.wall = True, TRUE_START
    clock = machine.clock(tmp_path)
    machine.synchronised = False
    assert clock.label() == (machine.wall, None)
    assert not clock.trusted()


@pytest.mark.parametrize("content", ["", "[", "{}", '[{"id": 1}]', "[7]"])
def test_a_spoiled_memory_is_no_obstacle(machine: Machine, tmp_path: Path, content: str) -> None:
    (tmp_path / "clock.json").write_text(content)
    assert machine.clock(tmp_path).label()[0] == LONG_AGO
    assert json.loads((tmp_path / "clock.json").read_text())


def test_readings_of_1970_reach_the_outbox_on_their_timeline_and_travel_with_their_offset(
    machine: Machine, tmp_path: Path
) -> None:
    clock = machine.clock(tmp_path)
    outbox = Outbox(tmp_path / "outbox.db", boot="boot-0001", clock=clock, max_bytes=1_000_000)
    outbox.accept([], state={"mark:tank-1.do": (START - timedelta(days=1)).isoformat()})  # from when the time was known
    channel = ChannelSettings(name="tank-1.do", unit="tank-1", quantity="do")
    guard = AlarmGuard(outbox, limits=[], silences=[], clock=clock)
    sampler = Sampler(outbox, guard, judge=judge_of(channel), derived={}, salinity_g_kg={"tank-1": 0.0}, clock=clock)

    def deliver(node_time: datetime | None) -> None:
        received_at, timeline = clock.label()
        raw = RawReading(channel, 9.0, node_time)
        sampler.deliver(Delivery((raw,), received_at, clock.monotonic(), lambda: None, timeline))
        machine.advance(5)
        sampler.step()

    deliver(None)
    deliver(START)  # a node that knows the time: ours cannot tell, so the arrival counts
    deliver(START)  # the same message again
    machine.synchronised, machine.wall = True, START + timedelta(seconds=15)
    clock.learn()
    deliver(START + timedelta(seconds=14))
    machine.advance(5)
    sampler.step()

    messages = [
        decode(compose(row, site="farm", device="edge-1", backfill=False, offset_us=offset), Kind.READINGS)
        for row in outbox.rows_after(0, limit=10)
        for offset in (None if row.timeline is None else clock.offset_us(row.timeline),)
    ]
    stamps = []
    for message in messages:
        assert isinstance(message, Envelope)
        offset = message.free_clock.offset_us if message.free_clock is not None else 0
        stamps += [r.observed_at + timedelta(microseconds=offset or 0) for r in message.body.readings]  # type: ignore[union-attr]
    assert stamps == [START, START + timedelta(seconds=5), START + timedelta(seconds=14)]
    assert [m.free_clock is None for m in messages if isinstance(m, Envelope)][-1]
    outbox.close()


def test_whatever_the_box_stamps_itself_travels_on_its_timeline(machine: Machine, tmp_path: Path) -> None:
    clock = machine.clock(tmp_path)
    outbox = Outbox(tmp_path / "outbox.db", boot="boot-0001", clock=clock, max_bytes=1_000_000)

    def lose_a_camera() -> None:
        event = DeviceEvent(name="camera.lost", occurred_at=clock.now())
        outbox.accept([Draft.of(EventBatch(events=(event,)))])

    lose_a_camera()
    machine.synchronised, machine.wall = True, START
    clock.learn()
    lose_a_camera()
    (timeline,) = clock.untold()
    assert [row.timeline for row in outbox.rows_after(0, limit=10)] == [timeline.id, None]
    outbox.close()
