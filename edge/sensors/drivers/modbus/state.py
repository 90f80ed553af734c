"""Whose turn it is on a line, and which slaves are left alone for a while. Pure: ``now_s`` is an argument.

Modbus is half duplex: while one waits for a dead slave nobody speaks. So a turn is one slave, an unanswered request ends
the turn, a slave that answers goes before one that did not, and after a few silent turns a breaker opens: the slave is
then asked once in a while, with one request (half-open), until it answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FAILURES_TO_OPEN = 3
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
UNWELL_WAITS_S = 5.0
"""A slave that did not answer stands this far behind its due time in the queue, so a full line still asks it."""


@dataclass
class Slave:
    """What is known of one slave."""

    name: str
    every_s: float
    due_s: float
    failures: int = 0
    """Turns in a row without an answer."""
    silent_since_s: float | None = None
    reason: str = ""
    answered_s: float | None = None
    """When it answered last."""
    back_s: float | None = None
    """When it came back after its breaker had been open."""

    @property
    def open(self) -> bool:
        """Whether it is only probed."""
        return self.failures >= FAILURES_TO_OPEN


class BusSchedule:
    """The turns on one line.

    Args:
        periods: seconds between two turns of each slave.
    """

    def __init__(self, periods: Iterable[tuple[str, float]], *, now_s: float) -> None:
        self._slaves = {name: Slave(name, every_s, now_s) for name, every_s in periods}

    def slave(self, name: str) -> Slave:
        """What is known of this slave."""
        return self._slaves[name]

    def slaves(self) -> tuple[Slave, ...]:
        """All of them."""
        return tuple(self._slaves.values())

    def next(self, now_s: float) -> Slave | None:
        """Whose turn it is; None when nobody is due."""
        due = [slave for slave in self._slaves.values() if slave.due_s <= now_s]
        return min(due, key=lambda slave: slave.due_s + (UNWELL_WAITS_S if slave.failures else 0.0), default=None)

    def wait_s(self, now_s: float) -> float:
        """Seconds until somebody is due."""
        return max(0.0, min(slave.due_s for slave in self._slaves.values()) - now_s)

    def answered(self, name: str, now_s: float) -> None:
        """It answered: the breaker closes."""
        slave = self._slaves[name]
        if slave.open:
            slave.back_s = now_s
        slave.failures, slave.silent_since_s, slave.reason = 0, None, ""
        slave.answered_s = now_s
        # A line that is too slow for its slaves skips turns; it never owes them.
        slave.due_s = max(slave.due_s + slave.every_s, now_s)

    def failed(self, name: str, now_s: float, reason: str) -> None:
        """It did not answer, or what it answered is of no use."""
        slave = self._slaves[name]
        slave.failures += 1
        slave.reason = reason
        if slave.silent_since_s is None:
            slave.silent_since_s = now_s
        pause_s = slave.every_s
        if slave.open:
            pause_s = max(pause_s, min(FIRST_PAUSE_S * 2.0 ** (slave.failures - FAILURES_TO_OPEN), LONGEST_PAUSE_S))
        slave.due_s = now_s + pause_s
