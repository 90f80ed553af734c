"""Two clocks kept apart: monotonic seconds decide (delays, ages, back-off), wall time only labels.

A wall clock that jumps or starts in 1970 must neither raise nor hide anything. While it is not trusted the labels come
from a count that never jumps, a *timeline*; when the time is known, one offset makes all of them right (decision 0009).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

import structlog

log = structlog.get_logger()

RELEASED_AT = datetime(2026, 11, 1, tzinfo=timezone.utc)
"""No honest clock can show a time before this program was written."""

_STA_UNSYNC = 0x0040
_TIMEX_BYTES = 512  # larger than struct timex on every Linux ABI
_TIMEX_STATUS_OFFSET = 40 if sys.maxsize > 2**32 else 20


class Clock(Protocol):
    """What the agent asks of time; tests hand in a virtual one."""

    def now(self) -> datetime:
        """Wall time in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, from an arbitrary start."""
        ...

    def trusted(self) -> bool:
        """Whether ``now`` can be believed."""
        ...

    def label(self) -> tuple[datetime, str | None]:
        """``now`` with the timeline that it is on; None when it is the time."""
        ...

    def offset_us(self, timeline: str) -> int | None:
        """Microseconds from a timeline to the time; None while it is not known."""
        ...


class SystemClock:
    """The machine's clocks.

    Args:
        assume_synchronised: True or False overrides what the kernel says; ``None`` asks the kernel.
    """

    def __init__(self, *, assume_synchronised: bool | None = None) -> None:
        self._assumed = assume_synchronised

    def now(self) -> datetime:
        """Wall time in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def trusted(self) -> bool:
        """False before the release date, or while the kernel knows that nothing disciplines its clock."""
        if self.now() < RELEASED_AT:
            return False
        if self._assumed is not None:
            return self._assumed
        synchronised = kernel_synchronised()
        return True if synchronised is None else synchronised

    def label(self) -> tuple[datetime, str | None]:
        """The machine's time, whatever it is worth."""
        return self.now(), None

    def offset_us(self, timeline: str) -> int | None:  # noqa: ARG002  (it has no timelines)
        """Unknown."""
        return None


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_REMEMBERED = 20
"""Timelines kept in the file: rows of older ones have long left the outbox."""


@dataclass(frozen=True)
class Timeline:
    """One count: ``base_us`` is what it showed (microseconds since 1970) at the start of the machine."""

    id: str
    machine_boot: str
    base_us: int
    offset_us: int | None = None
    told: bool = False
    """Whether the offset is safe in the outbox."""


class SteadyClock:
    """The machine's clock when it is right; until then a count from where it stood.

    Nobody's setting of the clock touches the count, and an agent that starts again goes on with it. Once trusted, the
    machine's clock is followed until the machine restarts, also when its synchronisation is lost: it still drifts slowly.

    Args:
        machine: the clocks of the machine.
        file: remembers the timelines over a restart of the agent.
        machine_boot: id of this start of the machine; empty where there is none.
        since_boot_s: seconds since the machine's start, with its sleep.
    """

    def __init__(
        self,
        machine: Clock,
        file: Path,
        *,
        machine_boot: str | None = None,
        since_boot_s: Callable[[], float] | None = None,
    ) -> None:
        self._machine = machine
        self._file = file
        self._since_boot_s = since_boot_s or _since_boot_s
        self._lock = threading.Lock()
        self._timelines = _read_timelines(file)
        self._current: Timeline | None = None
        boot = machine_boot_id() if machine_boot is None else machine_boot
        ours = [timeline for timeline in self._timelines if boot and timeline.machine_boot == boot]
        if machine.trusted() or any(timeline.offset_us is not None for timeline in ours):
            # Also when an earlier agent began a timeline: its offset is as good now as it would have been then.
            self._current = ours[-1] if ours and ours[-1].offset_us is None else None
        elif ours:
            self._current = ours[-1]
        else:
            base_us = _microseconds(machine.now()) - self._since_boot_us()
            self._current = Timeline(uuid.uuid4().hex, boot, base_us)
            self._timelines = [*self._timelines, self._current][-_REMEMBERED:]
            self._save()
        self.learn()

    def now(self) -> datetime:
        """Wall time, or the count."""
        return self.label()[0]

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self._machine.monotonic()

    def trusted(self) -> bool:
        """Whether ``now`` is the time, as far as the machine knows."""
        return self._current is None and self._machine.trusted()

    def label(self) -> tuple[datetime, str | None]:
        """``now`` with the timeline that it is on."""
        with self._lock:
            current = self._current
            if current is None:
                return self._machine.now(), None
            return _EPOCH + timedelta(microseconds=current.base_us + self._since_boot_us()), current.id

    def offset_us(self, timeline: str) -> int | None:
        """Microseconds from a timeline to the time; None while it is not known."""
        return next((known.offset_us for known in self._timelines if known.id == timeline), None)

    def learn(self) -> None:
        """Look whether the machine knows the time by now; if so the count ends. Call it every second or so."""
        with self._lock:
            current = self._current
            if current is None or not self._machine.trusted():
                return
            offset_us = _microseconds(self._machine.now()) - current.base_us - self._since_boot_us()
            self._replace(replace(current, offset_us=offset_us))  # in the file before anyone hears of it
            self._current = None
        log.info("clock.synced", timeline=current.id, offset_s=offset_us / 1e6)

    def untold(self) -> list[Timeline]:
        """Timelines whose offset is known and not yet in the outbox."""
        return [known for known in self._timelines if known.offset_us is not None and not known.told]

    def mark_told(self, timeline: Timeline) -> None:
        """The offset has been persisted for sending."""
        with self._lock:
            self._replace(replace(timeline, told=True))

    def _replace(self, new: Timeline) -> None:
        self._timelines = [new if known.id == new.id else known for known in self._timelines]
        self._save()

    def _since_boot_us(self) -> int:
        return round(self._since_boot_s() * 1e6)

    def _save(self) -> None:
        """Without the file an agent that starts again before the sync begins another count; that is worth no crash."""
        part = self._file.with_suffix(".part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8") as file:
                json.dump([asdict(timeline) for timeline in self._timelines], file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._file)
        except OSError as error:
            log.warning("clock.not_remembered", file=str(self._file), reason=str(error))


def _read_timelines(file: Path) -> list[Timeline]:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return [Timeline(**known) for known in json.loads(file.read_text(encoding="utf-8"))]
    return []


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _since_boot_s() -> float:
    """Of all clocks the one that neither jumps nor stops while the machine sleeps."""
    with_sleep: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # Linux alone has it
    return time.monotonic() if with_sleep is None else time.clock_gettime(with_sleep)


def kernel_synchronised() -> bool | None:
    """Whether NTP or PTP disciplines the kernel clock (adjtimex status); ``None`` where the kernel cannot be asked."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: read only
        if ctypes.CDLL(None).adjtimex(buffer) < 0:
            return None
    except (OSError, AttributeError):
        return None
    status = int.from_bytes(buffer.raw[_TIMEX_STATUS_OFFSET : _TIMEX_STATUS_OFFSET + 4], sys.byteorder)
    return not status & _STA_UNSYNC


def machine_boot_id() -> str:
    """The kernel's id of this machine start; empty where there is none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123  (a kernel file)
            return file.read().strip()
    except OSError:
        return ""
