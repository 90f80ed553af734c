"""Readings and silence in, alarm changes into the outbox, remembered in the same transaction.

A kill at any moment therefore neither raises an alarm twice nor forgets to clear it. Works without any network. When the
outbox cannot persist a change, the change has not happened: the next reading tries again.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from edge.clock import Clock
from edge.errors import OutboxUnavailableError
from edge.guard import shelf
from edge.guard.rules import Remembered, Step, Watch, acknowledged, dump, load, orphan_clear, take, take_fault
from edge.guard.shelf import Shelved, put_on_shelf, shelf_event
from edge.outbox.store import Draft, Outbox
from edge.sensors.rules import PARTNER_MAX_AGE

log = structlog.get_logger()

STATE_PREFIX = "alarm:"
SHELF_PREFIX = "shelf:"
UNUSABLE = frozenset({QualityFlag.FAIL, QualityFlag.MISSING})
"""Flags of values that decide nothing; a SUSPECT value still can raise an alarm, which errs to the safe side."""


class ReadingsListener(Protocol):
    """Gets every delivery's readings; returns at once."""

    def __call__(self, readings: Sequence[Reading], *, now_s: float) -> None:
        """Take readings in."""
        ...


@dataclass(frozen=True)
class ActiveAlarm:
    """An alarm that is active now, for the page."""

    definition: str
    unit: str
    channel: str
    severity: Severity
    raised_at: datetime
    message: str
    alarm_id: UUID
    acknowledged: bool = False
    persisted: bool = True
    """False while the outbox could not keep it: it is as real as any, and sounds the siren."""
    shelved: Shelved | None = None
    """Why nobody is told of it for a while; None: people are told."""
    operable: bool = True
    """Whether it can be acknowledged and shelved on the box."""


class AlarmGuard:
    """Watches limits and silence of the box's channels.

    Args:
        limits: watches on values.
        silences: watches on the age of a channel's last usable value.
        faults: watches on what is either wrong or not; see ``fault``.
        in_maintenance: whether somebody works on a channel's probe; its value and its silence decide nothing meanwhile, and an
            alarm that is active stays so.
        new_id: makes the identity of an alarm occurrence.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        limits: Sequence[Watch],
        silences: Sequence[Watch],
        faults: Sequence[Watch] = (),
        clock: Clock,
        in_maintenance: Callable[[str], bool] = lambda _channel: False,
        new_id: Callable[[], UUID] = uuid.uuid4,
    ) -> None:
        self._outbox = outbox
        self._in_maintenance = in_maintenance
        self._clock = clock
        self._new_id = new_id
        self._silences = tuple(silences)
        self._by_channel: dict[str, list[Watch]] = {}
        for watch in limits:
            self._by_channel.setdefault(watch.channel, []).append(watch)
        self._watches = {watch.key: watch for watch in (*limits, *silences, *faults)}
        self._lock = threading.Lock()
        """For reading and writing the memory; never held while something is persisted."""
        self._changing = threading.RLock()
        """One change at a time, from decision to commit."""
        self._unpersisted: dict[str, Remembered] = {}
        started = clock.monotonic()
        self._heard_s = {watch.channel: started for watch in silences}
        self._temperature: dict[str, tuple[float, float]] = {}
        self._memory = {key: Remembered() for key in self._watches}
        self._shelf: dict[str, Shelved] = {}
        self._first: ReadingsListener | None = None
        self._restore()
        self._restore_shelf()

    def tell_first(self, listener: ReadingsListener) -> None:
        """Give readings to ``listener`` before anything is persisted: what acts must not wait for a disk."""
        self._first = listener

    def see(self, readings: Sequence[Reading], *, now_s: float) -> None:
        """Judge readings, in order; what changes is persisted before this returns."""
        if self._first is not None:
            self._first(readings, now_s=now_s)
        for reading in readings:
            if reading.quality in UNUSABLE or self._in_maintenance(reading.channel):
                continue
            if reading.channel in self._heard_s:
                self._heard_s[reading.channel] = now_s
            if reading.quantity == "temperature":
                self._temperature[reading.unit] = (reading.value, now_s)
            self._judge(
                self._by_channel.get(reading.channel, ()), reading.value, now_s, reading.observed_at, reading.unit
            )

    def check_silence(self, *, now_s: float) -> None:
        """Judge how long every life-critical channel has been silent, and what is on the shelf; call about once a second."""
        now = self._clock.now()
        self._end_shelves(now=now, now_s=now_s)
        for watch in self._silences:
            if self._in_maintenance(watch.channel):
                self._heard_s[watch.channel] = now_s  # afterwards the silence counts from the end of the work
                continue
            self._judge((watch,), now_s - self._heard_s[watch.channel], now_s, now, watch.unit)

    def fault(self, key: str, *, present: bool, message: str, now_s: float) -> None:
        """Tell whether a fault is there; what changes is persisted before this returns."""
        with self._changing:
            watch = self._watches[key]
            step = take_fault(
                watch,
                self._memory[key],
                present=present,
                message=message,
                now_s=now_s,
                occurred_at=self._clock.now(),
                new_id=partial(self._identity, key),
            )
            self._adopt([step])

    def acknowledge(self, alarm_id: UUID, *, by: str) -> bool:
        """A person has seen this occurrence; False when there is no such active alarm. May be repeated.

        Raises:
            OutboxUnavailableError: it could not be persisted, so it has not happened.
        """
        with self._changing:
            key = self._key_of(alarm_id)
            if key is None:
                return False
            step = acknowledged(self._watches[key], self._memory[key], by=by, now=self._clock.now())
            if step is not None and not self._adopt([step]):
                raise OutboxUnavailableError("the acknowledgement could not be persisted; try again")
            return True

    def shelve(self, alarm_id: UUID, *, reason: str, by: str, minutes: float) -> Shelved | None:
        """Tell nobody of this alarm, and of its next occurrences, for a while; None when there is no such active alarm.

        Raises:
            ValueError: no reason, or a time outside 1 to 480 minutes; the text says which.
            OutboxUnavailableError: it could not be persisted, so it has not happened.
        """
        now, now_s = self._clock.now(), self._clock.monotonic()
        shelved = put_on_shelf(reason=reason, by=by, minutes=minutes, now=now, now_s=now_s)
        with self._changing:
            key = self._key_of(alarm_id)
            if key is None:
                return None
            event = shelf_event(self._watches[key], self._memory[key], shelved, AlarmChange.SHELVED, at=now, by=by)
            self._keep_shelf(key, event, shelf.dump(shelved))
            with self._lock:
                self._shelf[key] = shelved
        return shelved

    def unshelve(self, alarm_id: UUID, *, by: str) -> bool:
        """Tell people of it again; False when there is no such active alarm on the shelf.

        Raises:
            OutboxUnavailableError: it could not be persisted, so it has not happened.
        """
        with self._changing:
            key = self._key_of(alarm_id)
            if key is None or key not in self._shelf:
                return False
            memory, shelved = self._memory[key], self._shelf[key]
            event = shelf_event(self._watches[key], memory, shelved, AlarmChange.UNSHELVED, at=self._clock.now(), by=by)
            self._keep_shelf(key, event, None)
            with self._lock:
                del self._shelf[key]
        return True

    def active(self) -> list[ActiveAlarm]:
        """Alarms that are active now, most severe first; also those that the outbox could not keep yet."""
        order = list(Severity)
        with self._lock:
            kept = [(key, memory, True) for key, memory in self._memory.items() if key not in self._unpersisted]
            kept += [(key, memory, False) for key, memory in self._unpersisted.items()]
            on_shelf = dict(self._shelf)
        alarms = [
            ActiveAlarm(
                self._watches[key].rule.definition,
                self._watches[key].unit,
                self._watches[key].channel,
                self._watches[key].rule.severity,
                memory.raised_at,
                memory.message,
                memory.alarm_id,
                memory.state.acknowledged,
                persisted,
                on_shelf.get(key),
            )
            for key, memory, persisted in kept
            if memory.alarm_id is not None and memory.raised_at is not None
        ]
        return sorted(alarms, key=lambda alarm: (order.index(alarm.severity), alarm.raised_at))

    def _judge(self, watches: Sequence[Watch], value: float, now_s: float, at: datetime, unit: str) -> None:
        temperature, since_s = self._temperature.get(unit, (None, now_s))
        if now_s - since_s > PARTNER_MAX_AGE.total_seconds():
            temperature = None
        steps: list[Step] = []
        with self._changing:
            for watch in watches:
                step = take(
                    watch,
                    self._memory[watch.key],
                    value=value,
                    temperature_c=temperature,
                    now_s=now_s,
                    occurred_at=at,
                    new_id=partial(self._identity, watch.key),
                )
                if step is not None:
                    steps.append(step)
            self._adopt(steps)

    def _identity(self, key: str) -> UUID:
        """Name of a new occurrence; one that the outbox has refused keeps the name it was given then."""
        refused = self._unpersisted.get(key)
        return refused.alarm_id if refused is not None and refused.alarm_id is not None else self._new_id()

    def _adopt(self, steps: Sequence[Step]) -> bool:
        """Persist what changed and remember it; False when it could not be persisted."""
        refused: dict[str, Remembered] = {}
        changed = [step for step in steps if step.event is not None]
        if changed:
            events = tuple(event for step in changed for event in self._told_of(step))
            state = {STATE_PREFIX + step.watch.key: dump(step.memory) for step in changed}
            try:
                self._outbox.accept([Draft.of(AlarmBatch(alarms=events))], state=state)
            except OutboxUnavailableError as error:
                log.error("alarm.not_persisted", reason=str(error), alarms=[event.message for event in events])  # noqa: TRY400  (the event says it all)
                refused = {step.watch.key: step.memory for step in changed}
                steps = [step for step in steps if step.event is None]
            else:
                for event in events:
                    self._tell(event)
        with self._lock:
            for step in steps:
                self._memory[step.watch.key] = step.memory
                self._unpersisted.pop(step.watch.key, None)
            for key, memory in refused.items():
                self._unpersisted[key] = memory
        return not refused

    def _told_of(self, step: Step) -> list[AlarmEvent]:
        """The change; an occurrence that begins on the shelf is told to be there, so that it wakes nobody elsewhere."""
        found = [step.event] if step.event is not None else []
        shelved = self._shelf.get(step.watch.key)
        if step.event is not None and step.event.change is AlarmChange.RAISED and shelved is not None:
            at = step.event.occurred_at
            also = shelf_event(step.watch, step.memory, shelved, AlarmChange.SHELVED, at=at, by=shelved.by)
            found += [] if also is None else [also]
        return found

    def _key_of(self, alarm_id: UUID) -> str | None:
        return next((key for key, memory in self._memory.items() if memory.alarm_id == alarm_id), None)

    def _keep_shelf(self, key: str, event: AlarmEvent | None, text: str | None) -> None:
        drafts = [] if event is None else [Draft.of(AlarmBatch(alarms=(event,)))]
        self._outbox.accept(drafts, state={SHELF_PREFIX + key: text})
        if event is not None:
            self._tell(event)

    def _end_shelves(self, *, now: datetime, now_s: float) -> None:
        """Tell people again of what has been on the shelf long enough; a disk that refuses keeps nothing there."""
        with self._lock:
            over = [key for key, shelved in self._shelf.items() if shelved.over(now=now, now_s=now_s)]
        for key in over:
            with self._changing:
                with self._lock:
                    shelved = self._shelf.pop(key, None)
                if shelved is not None:
                    self._off_the_shelf(key, shelved, now)

    def _off_the_shelf(self, key: str, shelved: Shelved, now: datetime) -> None:
        event = shelf_event(self._watches[key], self._memory[key], shelved, AlarmChange.UNSHELVED, at=now, by=None)
        try:
            self._keep_shelf(key, event, None)
        except OutboxUnavailableError as error:
            log.warning("alarm.unshelving_not_persisted", key=key, reason=str(error))

    def _restore_shelf(self) -> None:
        now, now_s, trusted = self._clock.now(), self._clock.monotonic(), self._clock.trusted()
        for kept, text in self._outbox.state(SHELF_PREFIX).items():
            key = kept.removeprefix(SHELF_PREFIX)
            shelved = shelf.load(text, now=now, now_s=now_s, trusted=trusted)
            if key not in self._watches:
                self._outbox.accept([], state={kept: None})
            elif shelved.over(now=now, now_s=now_s):
                self._off_the_shelf(key, shelved, now)
            else:
                self._shelf[key] = shelved

    @staticmethod
    def _tell(event: AlarmEvent) -> None:
        tell = log.warning if event.change is AlarmChange.RAISED else log.info
        tell(f"alarm.{event.change.value}", unit=event.unit, definition=event.definition, message=event.message)

    def _restore(self) -> None:
        orphans: list[AlarmEvent] = []
        forget: dict[str, str | None] = {}
        for key, text in self._outbox.state(STATE_PREFIX).items():
            name = key.removeprefix(STATE_PREFIX)
            memory = load(text)
            if name in self._memory:
                self._memory[name] = memory
                continue
            clear = orphan_clear(name, memory, self._clock.now())
            if clear is not None:
                orphans.append(clear)
            forget[key] = None
        if orphans:
            drafts = [Draft.of(AlarmBatch(alarms=(event,))) for event in orphans]
            self._outbox.accept(drafts, state=forget)
