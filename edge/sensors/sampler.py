"""Deliveries of the drivers to accepted readings: stamp, judge, derive, alarm, batch, persist, then acknowledge.

One thread, so that every channel's readings are handled in order. A batch closes after a second, 200 readings, or as soon as
several messages wait for their acknowledgement (brokers allow few in flight). Drops only when the outbox cannot persist for
so long that the bounded queue overflows; the drop is counted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import structlog

from aquaculture.quality import ChannelQuality, Verdict, default_limits_for
from contracts.devices import ChannelInventory
from contracts.quality import QualityFlag, worst
from contracts.quantities import QUANTITIES
from contracts.telemetry import Reading, ReadingBatch
from edge.clock import Clock
from edge.errors import OutboxUnavailableError
from edge.guard.alarms import AlarmGuard
from edge.outbox.store import Draft, Outbox
from edge.sensors.driver import Delivery, RawReading
from edge.sensors.rules import PARTNER_MAX_AGE, derive_saturation, is_believable, saturation_channel, stamp
from edge.sensors.settings import ChannelSettings
from edge.settings import EdgeSettings

log = structlog.get_logger()

MARK_PREFIX = "mark:"
PAST_PREFIX = "past:"
"""State key of the newest historical reading of a channel: what a node kept while it could not send comes in order."""
NODE_PREFIX = "node:"
"""State key of what a node's clock said last, while ours could not tell whether that is the time."""
BATCH_S = 1.0
BATCH_READINGS = 200
OWED_MESSAGES = 10
"""Messages waiting for their acknowledgement that close a batch: half of what Mosquitto keeps in flight by default."""
QUEUE_DELIVERIES = 10_000
UNPERSISTED_READINGS = 5_000
"""Readings held while the outbox cannot persist; beyond this the queue in front fills."""


def channels_of(settings: EdgeSettings) -> tuple[ChannelInventory, ...]:
    """Every channel the box will report: the configured ones and the saturations derived from them."""
    configured = [channel for sensor in settings.sensors for channel in sensor.channels]
    names = {channel.name for channel in configured}
    warm_units = {channel.unit for channel in configured if channel.quantity == "temperature"}
    found: list[ChannelInventory] = []
    for channel in configured:
        found.append(_inventory(channel.name, channel.unit, channel.quantity))
        derived = saturation_channel(channel.name)
        if channel.quantity == "do" and channel.unit in warm_units and derived not in names:
            found.append(_inventory(derived, channel.unit, "do_sat"))
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
    waiting: int = 0


class Sampler:
    """Turns deliveries into persisted readings.

    Args:
        channels: configured channels, the mapping's own settings.
        derived: names of saturation channels to derive.
        salinity_g_kg: salinity of every unit for when no probe measures it.
    """

    def __init__(
        self,
        outbox: Outbox,
        guard: AlarmGuard,
        *,
        channels: Iterable[ChannelSettings],
        derived: Iterable[str],
        salinity_g_kg: Mapping[str, float],
        clock: Clock,
    ) -> None:
        self.stats = SamplerStats()
        self._outbox = outbox
        self._guard = guard
        self._clock = clock
        self._derived = frozenset(derived)
        self._salinity_g_kg = dict(salinity_g_kg)
        quantities = {channel.name: channel.quantity for channel in channels}
        self._quality = {name: ChannelQuality(default_limits_for(code)) for name, code in quantities.items()}
        self._past_quality = {name: ChannelQuality(default_limits_for(code)) for name, code in quantities.items()}
        self._queue: deque[Delivery] = deque()
        self._arrived = threading.Event()
        self._batch: list[tuple[str | None, Reading]] = []
        """Readings with the timeline of their stamps."""
        self._owed: list[Callable[[], None]] = []
        self._batch_since_s = 0.0
        self._retry_s = 0.0
        self._checked_s = clock.monotonic()
        self._latest: dict[str, Latest] = {}
        self._partners: dict[tuple[str, str], Reading] = {}
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
        for oxygen, saturation in self._derive(readings):
            found.append((timelines[id(oxygen)], saturation))
            readings.append(saturation)
        for reading in readings:
            self._latest[reading.channel] = Latest(reading, delivery.received_s)
        if not self._owed:
            self._batch_since_s = self._clock.monotonic()
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
        verdict = self._quality[channel.name].judge(raw.value, moment.observed_at)
        flag, test = verdict.flag, verdict.test
        if flag is QualityFlag.GOOD and moment.test is not None:
            flag, test = QualityFlag.SUSPECT, moment.test
        reading = _as_reading(raw, moment.observed_at, Verdict(flag, test))
        if flag is not QualityFlag.FAIL and channel.quantity in {"temperature", "salinity"}:
            self._partners[channel.unit, channel.quantity] = reading
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
        return _as_reading(raw, raw.node_time, self._past_quality[channel.name].judge(raw.value, raw.node_time))

    def _derive(self, readings: Sequence[Reading]) -> list[tuple[Reading, Reading]]:
        """Pairs of an oxygen reading and the saturation that follows from it."""
        found: list[tuple[Reading, Reading]] = []
        for oxygen in readings:
            if oxygen.quantity != "do" or saturation_channel(oxygen.channel) not in self._derived:
                continue
            salinity = self._partners.get((oxygen.unit, "salinity"))
            fresh = salinity is not None and abs(oxygen.observed_at - salinity.observed_at) <= PARTNER_MAX_AGE
            salinity_g_kg = salinity.value if salinity is not None and fresh else self._salinity_g_kg[oxygen.unit]
            saturation = derive_saturation(oxygen, self._partners.get((oxygen.unit, "temperature")), salinity_g_kg)
            if saturation is not None:
                found.append((oxygen, saturation))
        return found

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
                self._outbox.accept(drafts, state={**self._marks, **self._nodes})
            except OutboxUnavailableError as error:
                log.error("readings.not_persisted", reason=str(error), waiting=len(batch))  # noqa: TRY400  (the event says it all)
                self._retry_s = self._clock.monotonic() + BATCH_S
                return
        self.stats.accepted += len(batch)
        self._batch, self._owed, self._marks = [], [], {}
        for done in owed:
            done()


def _moments(outbox: Outbox, prefix: str) -> dict[str, datetime]:
    return {key.removeprefix(prefix): datetime.fromisoformat(text) for key, text in outbox.state(prefix).items()}


def _as_reading(raw: RawReading, observed_at: datetime, verdict: Verdict) -> Reading:
    """A reading with the worse of what we and the device itself say of it."""
    flag = verdict.flag if raw.quality is None else worst(verdict.flag, raw.quality)
    return Reading(
        channel=raw.channel.name,
        unit=raw.channel.unit,
        quantity=raw.channel.quantity,
        value=raw.value,
        ucum=QUANTITIES[raw.channel.quantity].ucum,
        observed_at=observed_at,
        quality=flag,
        test=verdict.test if flag is verdict.flag else raw.test,
    )


def _timeline_of(pair: tuple[str | None, Reading]) -> str | None:
    return pair[0]


def _drafts(timeline: str | None, pairs: Iterable[tuple[str | None, Reading]]) -> list[Draft]:
    readings = [reading for _, reading in pairs]
    return [
        Draft.of(ReadingBatch(readings=tuple(readings[start : start + BATCH_READINGS])), timeline=timeline)
        for start in range(0, len(readings), BATCH_READINGS)
    ]
