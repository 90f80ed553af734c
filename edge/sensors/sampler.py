"""Deliveries of the drivers to accepted readings: stamp, calibrate and judge, derive, alarm, batch, persist, acknowledge.

One thread, so that every channel's readings are handled in order. A batch closes after a second, 200 readings, or as soon as
several messages wait for their acknowledgement (brokers allow few in flight). Drops only when the outbox cannot persist for
so long that the bounded queue overflows; the drop is counted.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import structlog

from aquaculture.quality.verdict import Failed
from contracts.devices import ChannelInventory
from contracts.quality import QualityFlag
from contracts.quantities import QUANTITIES
from contracts.telemetry import Reading, ReadingBatch
from edge.clock import Clock
from edge.errors import OutboxUnavailableError
from edge.guard.alarms import AlarmGuard
from edge.outbox.store import Draft, Outbox
from edge.sensors.derived import PARTNERS, Derivation, derive, possible
from edge.sensors.driver import Delivery, RawReading
from edge.sensors.judge import Judge, Judged
from edge.sensors.oxygen import oxygen_derivations
from edge.sensors.rules import is_believable, stamp
from edge.settings import EdgeSettings
from edge.stages import Stages

log = structlog.get_logger()

MARK_PREFIX = "mark:"
PAST_PREFIX = "past:"
"""State key of the newest historical reading of a channel: what a node kept while it could not send comes in order."""
NODE_PREFIX = "node:"
"""State key of what a node's clock said last, while ours could not tell whether that is the time."""
MEMORY_PREFIX = "quality:"
"""State key of what the quality tests remember."""
MEMORY_EVERY_S = 300.0
"""How often that memory is persisted: a restart loses at most this much of it."""
BATCH_S = 1.0
BATCH_READINGS = 200
OWED_MESSAGES = 10
"""Messages waiting for their acknowledgement that close a batch: half of what Mosquitto keeps in flight by default."""
QUEUE_DELIVERIES = 10_000
UNPERSISTED_READINGS = 5_000
"""Readings held while the outbox cannot persist; beyond this the queue in front fills."""


def channels_of(settings: EdgeSettings) -> tuple[ChannelInventory, ...]:
    """Every channel the box will report: the configured ones and those that are derived from them."""
    configured = [channel for sensor in settings.sensors for channel in sensor.channels]
    kinds = [(channel.name, channel.unit, channel.quantity) for channel in configured]
    derived = possible(kinds, oxygen_derivations(kinds, settings.units, settings.alarms))
    found: list[ChannelInventory] = []
    for channel in configured:
        found.append(_inventory(channel.name, channel.unit, channel.quantity))
        found += [
            _inventory(name, channel.unit, derivation.quantity)
            for name, (main, derivation) in derived.items()
            if main == channel.name
        ]
    return tuple(found)


def _inventory(name: str, unit: str, quantity: str) -> ChannelInventory:
    return ChannelInventory(name=name, unit=unit, quantity=quantity, ucum=QUANTITIES[quantity].ucum)


@dataclass(frozen=True)
class Latest:
    """The newest reading of a channel and the monotonic time when it came."""

    reading: Reading
    received_s: float


@dataclass
class SamplerStats:
    """Counts since the start."""

    accepted: int = 0
    repeats: int = 0
    overflowed: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    """Readings that are not good, by the test that decided it."""
    waiting: int = 0


class Sampler:
    """Turns deliveries into persisted readings.

    Args:
        judge: knows every channel that is delivered or derived.
        derived: derivations by the channel that they are made from.
        salinity_g_kg: salinity of every unit for when no probe measures it.
        stages: gets how long readings take.
    """

    def __init__(
        self,
        outbox: Outbox,
        guard: AlarmGuard,
        *,
        judge: Judge,
        derived: Mapping[str, Sequence[Derivation]],
        salinity_g_kg: Mapping[str, float],
        clock: Clock,
        stages: Stages | None = None,
    ) -> None:
        self.stats = SamplerStats()
        self._stages = stages or Stages()
        self._outbox = outbox
        self._guard = guard
        self._clock = clock
        self._judge = judge
        self._derived = {main: tuple(derivations) for main, derivations in derived.items()}
        self._salinity_g_kg = dict(salinity_g_kg)
        judge.recall({k.removeprefix(MEMORY_PREFIX): text for k, text in outbox.state(MEMORY_PREFIX).items()})
        judge.look(clock.now(), now_s=clock.monotonic())
        self._remembered_s = clock.monotonic()
        self._queue: deque[Delivery] = deque()
        self._arrived = threading.Event()
        self._batch: list[tuple[str | None, Reading]] = []
        """Readings with the timeline of their stamps."""
        self._owed: list[Callable[[], None]] = []
        self._batch_since_s = 0.0
        self._retry_s = 0.0
        self._checked_s = clock.monotonic()
        self._latest: dict[str, Latest] = {}
        self._partners: dict[str, dict[str, Reading]] = {}
        """Newest usable readings by unit and quantity."""
        self._last = _moments(outbox, MARK_PREFIX)
        self._past = _moments(outbox, PAST_PREFIX)
        self._marks: dict[str, str | None] = {}
        """Marks of the readings in the batch; they are persisted with it."""
        self._last_free: dict[tuple[str, str], datetime] = {}
        self._nodes = outbox.state(NODE_PREFIX)

    def deliver(self, delivery: Delivery) -> None:
        """Take a delivery over; returns at once. When the queue is full the oldest is dropped and counted."""
        if len(self._queue) >= QUEUE_DELIVERIES:
            dropped = self._queue.popleft()
            self.stats.overflowed += len(dropped.readings)
            dropped.done()
        self._queue.append(delivery)
        self._arrived.set()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, then persist what is held."""
        while not stop.is_set():
            self._arrived.wait(0.1 if self._batch else 0.5)
            self._arrived.clear()
            self.step()
        self.step()
        self._flush()
        try:
            self._outbox.accept([], state=self._memory(now=True))
        except OutboxUnavailableError as error:
            log.warning("quality.not_remembered", reason=str(error))

    def step(self) -> None:
        """Handle what has arrived, persist a batch that is due, and listen for silence."""
        while self._queue and len(self._batch) < UNPERSISTED_READINGS:
            self._take(self._queue.popleft())
            if self._due():
                self._flush()
        if self._due():
            self._flush()
        now_s = self._clock.monotonic()
        if now_s - self._checked_s >= 1.0:
            self._checked_s = now_s
            self._judge.look(self._clock.now(), now_s=now_s)
            self._guard.check_silence(now_s=now_s)
        self.stats.waiting = len(self._batch)

    def latest(self) -> dict[str, Latest]:
        """The newest reading of every channel that has been heard since the start."""
        return dict(self._latest)

    def _take(self, delivery: Delivery) -> None:
        past = [reading for raw in delivery.readings if (reading := self._historical(raw)) is not None]
        found = [pair for raw in delivery.readings if (pair := self._reading(raw, delivery)) is not None]
        self.stats.repeats += len(delivery.readings) - len(past) - len(found)
        readings = [reading for _, reading in found]
        timelines = {id(reading): timeline for timeline, reading in found}
        for main, reading in self._derive(readings):
            found.append((timelines[id(main)], reading))
            readings.append(reading)
        for reading in readings:
            if reading.test is not None:
                self.stats.flagged[reading.test] += 1
            self._latest[reading.channel] = Latest(reading, delivery.received_s)
        now_s = self._clock.monotonic()
        self._stages.reading_queue.observe(now_s - delivery.received_s)
        if not self._owed:
            self._batch_since_s = now_s
        self._batch += found + [(None, reading) for reading in past]
        # A repeat is acknowledged no earlier than its first copy, which may still be in this batch.
        self._owed.append(delivery.done)
        self._guard.see(readings, now_s=delivery.received_s)

    def _reading(self, raw: RawReading, delivery: Delivery) -> tuple[str | None, Reading] | None:
        if raw.historical:
            return None
        channel = raw.channel
        timeline = delivery.timeline
        if timeline is not None and is_believable(raw.node_time, delivery.received_at):
            timeline = None  # the node's stamp is not on our count
        if timeline is None:
            moment = stamp(raw.node_time, delivery.received_at, self._last.get(channel.name))
        else:
            said = None if raw.node_time is None else raw.node_time.isoformat()
            if said is not None and self._nodes.get(NODE_PREFIX + channel.name) == said:
                return None
            if said is not None:
                self._nodes[NODE_PREFIX + channel.name] = said
            moment = stamp(None, delivery.received_at, self._last_free.get((timeline, channel.name)))
        if moment is None:
            return None
        if timeline is None:
            self._last[channel.name] = moment.observed_at
            self._marks[MARK_PREFIX + channel.name] = moment.observed_at.isoformat()
        else:
            self._last_free[timeline, channel.name] = moment.observed_at
        known = _known(raw, moment.test)
        judged = self._judge.judge(channel.name, raw.value, moment.observed_at, known, time_known=timeline is None)
        reading = _as_reading(raw, moment.observed_at, judged)
        usable = judged.verdict.flag is not QualityFlag.FAIL and judged.verdict.test != "maintenance"
        if usable and channel.quantity in PARTNERS:
            self._partners.setdefault(channel.unit, {})[channel.quantity] = reading
        return timeline, reading

    def _historical(self, raw: RawReading) -> Reading | None:
        """A reading that its node kept: it joins the record at the node's time, and neither alarms nor counts as fresh."""
        channel = raw.channel
        if not raw.historical or raw.node_time is None:
            return None
        last = self._past.get(channel.name)
        if last is not None and raw.node_time <= last:
            return None
        self._past[channel.name] = raw.node_time
        self._marks[PAST_PREFIX + channel.name] = raw.node_time.isoformat()
        return _as_reading(
            raw, raw.node_time, self._judge.judge_past(channel.name, raw.value, raw.node_time, _known(raw, None))
        )

    def _derive(self, readings: Sequence[Reading]) -> list[tuple[Reading, Reading]]:
        """Pairs of a reading and one that follows from it, judged."""
        found: list[tuple[Reading, Reading]] = []
        for main in readings:
            for derivation in self._derived.get(main.channel, ()):
                partners = self._partners.get(main.unit, {})
                reading = derive(derivation, main, partners, salinity_g_kg=self._salinity_g_kg[main.unit])
                if reading is None:
                    continue
                inputs: tuple[Failed, ...] = ((reading.test, reading.quality),) if reading.test is not None else ()
                judged = self._judge.judge(reading.channel, reading.value, reading.observed_at, inputs)
                reading = reading.model_copy(update=_outcome(judged))
                found.append((main, reading))
        return found

    def _memory(self, *, now: bool = False) -> dict[str, str | None]:
        """What the tests remember, when it is time to persist it."""
        now_s = self._clock.monotonic()
        if not now and now_s - self._remembered_s < MEMORY_EVERY_S:
            return {}
        self._remembered_s = now_s
        return {MEMORY_PREFIX + key: text for key, text in self._judge.remember().items()}

    def _due(self) -> bool:
        if self._clock.monotonic() < self._retry_s:
            return False
        if len(self._batch) >= BATCH_READINGS or len(self._owed) >= OWED_MESSAGES:
            return True
        return bool(self._owed) and self._clock.monotonic() - self._batch_since_s >= BATCH_S

    def _flush(self) -> None:
        """Persist the batch with its marks, then acknowledge; on failure everything stays for the next try."""
        batch, owed = self._batch, self._owed
        if batch:
            drafts = [draft for timeline, pairs in groupby(batch, _timeline_of) for draft in _drafts(timeline, pairs)]
            try:
                self._outbox.accept(drafts, state={**self._marks, **self._nodes, **self._memory()})
            except OutboxUnavailableError as error:
                log.error("readings.not_persisted", reason=str(error), waiting=len(batch))  # noqa: TRY400  (the event says it all)
                self._retry_s = self._clock.monotonic() + BATCH_S
                return
            self._stages.reading_persist.observe(self._clock.monotonic() - self._batch_since_s)
        self.stats.accepted += len(batch)
        self._batch, self._owed, self._marks = [], [], {}
        for done in owed:
            done()


def _moments(outbox: Outbox, prefix: str) -> dict[str, datetime]:
    return {key.removeprefix(prefix): datetime.fromisoformat(text) for key, text in outbox.state(prefix).items()}


def _known(raw: RawReading, clock_test: str | None) -> list[Failed]:
    """Tests that failed before ours: what the device says, and what was wrong with the clock."""
    known: list[Failed] = []
    if raw.quality in {QualityFlag.SUSPECT, QualityFlag.FAIL, QualityFlag.MISSING}:
        known.append((raw.test or "device_quality", raw.quality))
    if clock_test is not None:
        known.append((clock_test, QualityFlag.SUSPECT))
    return known


def _as_reading(raw: RawReading, observed_at: datetime, judged: Judged) -> Reading:
    return Reading(
        channel=raw.channel.name,
        unit=raw.channel.unit,
        quantity=raw.channel.quantity,
        value=judged.value,
        ucum=QUANTITIES[raw.channel.quantity].ucum,
        observed_at=observed_at,
        calibration=judged.calibration,
        **_outcome(judged),
    )


def _outcome(judged: Judged) -> dict[str, Any]:
    """The fields of a reading that tell its verdict; further tests cost bytes only when there are some."""
    verdict = judged.verdict
    further = dict.fromkeys(judged.not_evaluated, QualityFlag.NOT_EVALUATED) | dict(verdict.failed[1:])
    return {"quality": verdict.flag, "test": verdict.test, "also": further or None}


def _timeline_of(pair: tuple[str | None, Reading]) -> str | None:
    return pair[0]


def _drafts(timeline: str | None, pairs: Iterable[tuple[str | None, Reading]]) -> list[Draft]:
    readings = [reading for _, reading in pairs]
    return [
        Draft.of(ReadingBatch(readings=tuple(readings[start : start + BATCH_READINGS])), timeline=timeline)
        for start in range(0, len(readings), BATCH_READINGS)
    ]
