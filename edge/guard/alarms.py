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
from uuid import UUID

import structlog

from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from edge.clock import Clock
from edge.errors import OutboxUnavailableError
from edge.guard.rules import Remembered, Step, Watch, dump, load, orphan_clear, take
from edge.outbox.store import Draft, Outbox
from edge.sensors.rules import PARTNER_MAX_AGE

log = structlog.get_logger()

STATE_PREFIX = "alarm:"
UNUSABLE = frozenset({QualityFlag.FAIL, QualityFlag.MISSING})
"""Flags of values that decide nothing; a SUSPECT value still can raise an alarm, which errs to the safe side."""


@dataclass(frozen=True)
class ActiveAlarm:
    """An alarm that is active now, for the page."""

    definition: str
    unit: str
    channel: str
    severity: Severity
    raised_at: datetime
    message: str


class AlarmGuard:
    """Watches limits and silence of the box's channels.

    Args:
        limits: watches on values.
        silences: watches on the age of a channel's last usable value.
        new_id: makes the identity of an alarm occurrence.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        limits: Sequence[Watch],
        silences: Sequence[Watch],
        clock: Clock,
        new_id: Callable[[], UUID] = uuid.uuid4,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._new_id = new_id
        self._silences = tuple(silences)
        self._by_channel: dict[str, list[Watch]] = {}
        for watch in limits:
            self._by_channel.setdefault(watch.channel, []).append(watch)
        self._watches = {watch.key: watch for watch in (*limits, *silences)}
        self._lock = threading.Lock()
        started = clock.monotonic()
        self._heard_s = {watch.channel: started for watch in silences}
        self._temperature: dict[str, tuple[float, float]] = {}
        self._memory = {key: Remembered() for key in self._watches}
        self._restore()

    def see(self, readings: Sequence[Reading], *, now_s: float) -> None:
        """Judge readings, in order; what changes is persisted before this returns."""
        for reading in readings:
            if reading.quality in UNUSABLE:
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
            self._judge((watch,), now_s - self._heard_s[watch.channel], now_s, now, watch.unit)

    def active(self) -> list[ActiveAlarm]:
        """Alarms that are active now, most severe first."""
        order = list(Severity)
        with self._lock:
            alarms = [
                ActiveAlarm(
                    watch.rule.definition,
                    watch.unit,
                    watch.channel,
                    watch.rule.severity,
                    memory.raised_at,
                    memory.message,
                )
                for key, watch in self._watches.items()
                if (memory := self._memory[key]).alarm_id is not None and memory.raised_at is not None
            ]
        return sorted(alarms, key=lambda alarm: (order.index(alarm.severity), alarm.raised_at))

    def _judge(self, watches: Sequence[Watch], value: float, now_s: float, at: datetime, unit: str) -> None:
        temperature, since_s = self._temperature.get(unit, (None, now_s))
        if now_s - since_s > PARTNER_MAX_AGE.total_seconds():
            temperature = None
        steps: list[Step] = []
        for watch in watches:
            step = take(
                watch,
                self._memory[watch.key],
                value=value,
                temperature_c=temperature,
                now_s=now_s,
                occurred_at=at,
                new_id=self._new_id,
            )
            if step is not None:
                steps.append(step)
        self._adopt(steps)

    def _adopt(self, steps: Sequence[Step]) -> None:
        changed = [step for step in steps if step.event is not None]
        if changed:
            events = tuple(step.event for step in changed if step.event is not None)
            state = {STATE_PREFIX + step.watch.key: dump(step.memory) for step in changed}
            try:
                self._outbox.accept([Draft.of(AlarmBatch(alarms=events))], state=state)
            except OutboxUnavailableError as error:
                log.error("alarm.not_persisted", reason=str(error), alarms=[event.message for event in events])  # noqa: TRY400  (the event says it all)
                steps = [step for step in steps if step.event is None]
            else:
                for event in events:
                    self._tell(event)
        with self._lock:
            for step in steps:
                self._memory[step.watch.key] = step.memory

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
