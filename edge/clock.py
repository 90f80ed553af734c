"""Two clocks kept apart: monotonic seconds decide (delays, ages, back-off), wall time only labels.

A wall clock that jumps or starts in 1970 must neither raise nor hide anything; it is labelled as not trusted instead.
"""

from __future__ import annotations

import ctypes
import sys
import time
from datetime import datetime, timezone
from typing import Protocol

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
