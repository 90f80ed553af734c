"""Somebody sets the clock, by a day or to 1970, while water is measured: no reading is lost, no alarm is lost or doubled.

Sampler, guard, outbox and publisher as the agent composes them, on a machine whose wall clock jumps while its count goes on.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from contracts.alarms import AlarmChange, AlarmEvent
from contracts.envelope import Envelope, decode
from contracts.telemetry import Reading
from contracts.topics import parse_uplink
from edge.guard.alarms import AlarmGuard
from edge.guard.rules import plan, plan_silence
from edge.messaging.state import Acknowledged, Connected
from edge.outbox.publisher import WATERMARK_WAIT_S, Publisher
from edge.sensors.driver import Delivery, RawReading
from edge.sensors.sampler import Sampler
from edge.sensors.settings import ChannelSettings
from edge.settings import UnitSettings
from tests.edge.farm import START, VirtualClock, judge_of, new_outbox
from tests.edge.test_guard import OXYGEN, SETTINGS

CHANNEL = ChannelSettings(name="tank-1.do", unit="tank-1", quantity="do")
TANK = UnitSettings(slug="tank-1", species="salmo_salar", stage="fry")
EVERY_S = 10.0
DAY = timedelta(days=1)


class Far:
    """The far side: keeps what comes, once by its sequence."""

    max_payload_bytes = 1_000_000

    def __init__(self) -> None:
        self.messages: dict[tuple[str, int], Envelope] = {}
        self.sent = 0
        self.publisher: Publisher | None = None

    def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:
        envelope = decode(payload, parse_uplink(topic).kind)
        assert isinstance(envelope, Envelope)
        self.messages.setdefault((envelope.stream, envelope.seq), envelope)
        self.sent += 1
        assert self.publisher is not None
        self.publisher.handle(Acknowledged(self.sent))
        return self.sent

    def readings(self) -> list[Reading]:
        found = [m.body.readings for m in self.messages.values() if m.body.type == "readings"]
        return [reading for batch in found for reading in batch]

    def alarms(self) -> list[AlarmEvent]:
        return [alarm for m in self.messages.values() if m.body.type == "alarms" for alarm in m.body.alarms]


class Box:
    """The agent's water side in virtual time."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self.outbox = new_outbox(folder, clock=self.clock)
        self.far = Far()
        self.guard = AlarmGuard(
            self.outbox,
            limits=plan(OXYGEN, [TANK], SETTINGS),
            silences=plan_silence(OXYGEN, [TANK], SETTINGS),
            clock=self.clock,
        )
        self.sampler = Sampler(
            self.outbox,
            self.guard,
            judge=judge_of(CHANNEL),
            derived={},
            salinity_g_kg={"tank-1": 0.0},
            clock=self.clock,
        )
        self.publisher = self.far.publisher = Publisher(
            self.outbox, self.far, site="farm", device="edge-1", clock=self.clock, resend_after_s=1e6
        )
        self.delivered = 0
        self.acknowledged = 0
        self.truth_s = 0.0
        self.publisher.handle(Connected())
        self.send()
        self.wait(WATERMARK_WAIT_S)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.truth_s += seconds

    def send(self) -> None:
        for _ in range(4):
            self.publisher._take_events(timeout_s=0.001)
            self.publisher._apply_watermark()
            self.publisher._pump()

    def measure(self, value: float, *, for_s: float, node_knows_time: bool) -> None:
        for _ in range(int(for_s / EVERY_S)):
            node_time = START + timedelta(seconds=self.truth_s) if node_knows_time else None
            received_at, timeline = self.clock.label()
            raw = RawReading(CHANNEL, value, node_time)
            self.delivered += 1
            self.sampler.deliver(Delivery((raw,), received_at, self.clock.monotonic(), self._acknowledge, timeline))
            self.wait(EVERY_S)
            self.sampler.step()
            self.send()

    def finish(self) -> None:
        self.wait(EVERY_S)
        self.sampler.step()
        self.send()
        self.outbox.close()

    def _acknowledge(self) -> None:
        self.acknowledged += 1


@pytest.mark.faults
@pytest.mark.parametrize("node_knows_time", [True, False], ids=["node-time", "arrival-time"])
@pytest.mark.parametrize(
    "jumps",
    [(DAY,), (-DAY,), (DAY, -DAY), (-DAY, DAY), (-20_000 * DAY,), (30 * DAY, -30 * DAY), (DAY / 24, -DAY / 24)],
    ids=["day-ahead", "day-back", "ahead-and-back", "back-and-ahead", "to-1970", "month-and-back", "hour-and-back"],
)
def test_a_jumping_clock_costs_no_reading_and_neither_loses_nor_doubles_an_alarm(
    tmp_path: Path, jumps: tuple[timedelta, ...], node_knows_time: bool
) -> None:
    box = Box(tmp_path)
    for jump in (timedelta(0), *jumps):
        box.clock.wall += jump
        box.measure(9.0, for_s=100, node_knows_time=node_knows_time)
        box.measure(2.0, for_s=60, node_knows_time=node_knows_time)
        box.clock.wall += timedelta(microseconds=1)
        box.measure(9.0, for_s=200, node_knows_time=node_knows_time)
    box.finish()
    readings = box.far.readings()
    assert box.delivered == box.acknowledged == len(readings)
    assert len({reading.observed_at for reading in readings}) == len(readings), "each has a stamp of its own"
    rounds = 1 + len(jumps)
    told = [(alarm.definition, alarm.change) for alarm in box.far.alarms()]
    for definition in ("do.low.critical", "do.low.warning"):
        assert told.count((definition, AlarmChange.RAISED)) == rounds
        assert told.count((definition, AlarmChange.CLEARED)) == rounds
    assert not any(definition.endswith("silent") for definition, _ in told), "a jump is no silence"
    assert not any(message.backfill for message in box.far.messages.values()), "nothing has waited"


@pytest.mark.faults
@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["ahead", "back"])
def test_a_jump_during_an_outage_neither_hides_nor_invents_its_backfill(tmp_path: Path, jump: timedelta) -> None:
    box = Box(tmp_path)
    box.publisher._connected = False
    box.measure(9.0, for_s=120, node_knows_time=True)
    box.clock.wall += jump
    box.publisher.handle(Connected())
    box.send()
    box.wait(WATERMARK_WAIT_S)
    box.measure(9.0, for_s=60, node_knows_time=True)
    box.finish()
    messages = [message for _, message in sorted(box.far.messages.items())]
    flags = [message.backfill for message in messages]
    assert len(box.far.readings()) == box.delivered
    assert flags == sorted(flags, reverse=True)
    late = [message.body.readings for message in messages if message.backfill and message.body.type == "readings"]
    assert 80 / EVERY_S <= sum(map(len, late)) <= 120 / EVERY_S
