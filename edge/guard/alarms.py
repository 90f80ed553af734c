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
from edge.guard.rules import Remembered, Step, Watch, acknowledged, dump, load, orphan_clear, take, take_fault
from edge.outbox.store import Draft, Outbox
from edge.sensors.rules import PARTNER_MAX_AGE

log = structlog.get_logger()

STATE_PREFIX = "alarm:"
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
        self._first: ReadingsListener | None = None
        self._restore()

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
        """Judge how long every life-critical channel has been silent; call about once a second."""
        now = self._clock.now()
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
            found = [key for key, memory in self._memory.items() if memory.alarm_id == alarm_id]
            if not found:
                return False
            step = acknowledged(self._watches[found[0]], self._memory[found[0]], by=by, now=self._clock.now())
            if step is not None and not self._adopt([step]):
                raise OutboxUnavailableError("the acknowledgement could not be persisted; try again")
            return True

    def active(self) -> list[ActiveAlarm]:
        """Alarms that are active now, most severe first; also those that the outbox could not keep yet."""
        order = list(Severity)
        with self._lock:
            kept = [(key, memory, True) for key, memory in self._memory.items() if key not in self._unpersisted]
            kept += [(key, memory, False) for key, memory in self._unpersisted.items()]
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
            events = tuple(step.event for step in changed if step.event is not None)
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
