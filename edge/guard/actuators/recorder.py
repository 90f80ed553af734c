"""What was done, into the outbox, and what is wrong, into alarms: in a thread of its own, so that a disk delays no relay."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from contracts.devices import DeviceEvent, EventBatch
from edge.clock import Clock
from edge.errors import OutboxUnavailableError
from edge.guard.alarms import AlarmGuard
from edge.outbox.store import Draft, Outbox

log = structlog.get_logger()

WAITING_MAX = 1000
"""Records that wait for the disk; beyond it the oldest is dropped and counted."""
LOOK_S = 0.5
RETRY_S = 1.0


@dataclass(frozen=True)
class Record:
    """An event, if it is worth one, and the state to remember with it."""

    event: DeviceEvent | None = None
    state: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """Whether something that is watched is wrong right now; ``key`` names its watch."""

    key: str
    present: bool
    message: str


class Recorder:
    """Persists records in order and keeps the fault alarms true.

    Args:
        faults: every watched fault as it is now.
    """

    def __init__(
        self, outbox: Outbox, alarms: AlarmGuard, *, faults: Callable[[], Iterable[Fault]], clock: Clock
    ) -> None:
        self.lost = 0
        self._outbox = outbox
        self._alarms = alarms
        self._faults = faults
        self._clock = clock
        self._waiting: deque[Record] = deque()
        self._arrived = threading.Event()

    def put(self, record: Record) -> None:
        """Take a record over; returns at once."""
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(record)
        self._arrived.set()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, then persist what is held."""
        while not stop.is_set():
            self._arrived.wait(LOOK_S)
            self._arrived.clear()
            if not self.record():
                stop.wait(RETRY_S)
        self.record()

    def record(self) -> bool:
        """Tell the faults and persist what waits; False when the outbox could not."""
        for fault in self._faults():
            self._alarms.fault(fault.key, present=fault.present, message=fault.message, now_s=self._clock.monotonic())
        while self._waiting:
            record = self._waiting[0]
            drafts = [Draft.of(EventBatch(events=(record.event,)))] if record.event is not None else []
            try:
                self._outbox.accept(drafts, state=record.state)
            except OutboxUnavailableError as error:
                log.warning("actuation.not_recorded", reason=str(error), waiting=len(self._waiting))
                return False
            if self._waiting and self._waiting[0] is record:  # an overflow may have taken it meanwhile
                self._waiting.popleft()
        return True
