"""What can happen on a link, as frozen events; how long to wait before the next attempt, and which to log. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from contracts.devices import Watermark


@dataclass(frozen=True)
class Connected:
    """The broker has accepted the connection and the subscriptions are on their way."""


@dataclass(frozen=True)
class Disconnected:
    """The connection is gone; the client is already trying again."""

    reason: str


@dataclass(frozen=True)
class Acknowledged:
    """The broker has taken over the message with this id (PUBACK)."""

    mid: int


@dataclass(frozen=True)
class Committed:
    """The store says what it has committed."""

    watermark: Watermark


LinkEvent: TypeAlias = Connected | Disconnected | Acknowledged | Committed


def backoff_s(attempt: int, *, first_s: float, longest_s: float, jitter: float) -> float:
    """Seconds before connection attempt number ``attempt`` (from 1): doubling, bounded, spread by ``jitter`` in 0..1.

    Half of the wait is fixed and half is random, so that a farm's boxes do not knock in step after a power cut.
    """
    full = min(first_s * 2.0 ** min(attempt - 1, 30), longest_s)
    return full / 2 + full / 2 * jitter


class Outage:
    """Which failed attempts to connect are worth a line in the log: an island without a link must not fill its disk.

    The first, the first of each other reason, and then one in every ``every_s`` seconds.
    """

    _REASONS_MAX = 8

    def __init__(self, *, every_s: float = 3600.0) -> None:
        self._every_s = every_s
        self._reasons: set[str] = set()
        self._attempts = 0
        self._next_s = float("-inf")

    def failed(self, reason: str, now_s: float) -> int:
        """An attempt has failed at ``now_s`` (monotonic); returns how many have since the last line, 0 for no line."""
        self._attempts += 1
        new = reason not in self._reasons and len(self._reasons) < self._REASONS_MAX
        if not new and now_s < self._next_s:
            return 0
        self._reasons.add(reason)
        self._next_s = now_s + self._every_s
        attempts, self._attempts = self._attempts, 0
        return attempts

    def ended(self) -> None:
        """There is a connection."""
        self._reasons.clear()
        self._attempts, self._next_s = 0, float("-inf")
