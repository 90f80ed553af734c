"""How many bytes the uplink may send: two buckets that fill at a steady rate, one for images and one for all else. No I/O.

What one bucket cannot hold flows into the other, so an unused share is not lost. A message may be larger than what a bucket
holds: it goes when there is anything in it, and the debt is waited for. Alarms go whatever the bucket says, and are paid for.
"""

from __future__ import annotations

from collections.abc import Callable

from edge.outbox.rules import Priority

BURST_S = 10.0
"""Seconds of the rate that a bucket holds: a quiet while may be made up for at once."""

LOOK_S = 1.0
"""Seconds between two looks at the time of day."""


class Budget:
    """Bytes per second for one uplink.

    Args:
        bytes_per_s: the rate; ``None`` is no bound.
        evidence_share: part of it that images may take, 0 to 1.
        now_s: monotonic seconds.
        rate_now: the rate of this time of day, asked once a second; None keeps ``bytes_per_s`` for ever.
    """

    def __init__(
        self,
        bytes_per_s: float | None,
        *,
        evidence_share: float,
        now_s: float,
        rate_now: Callable[[], float | None] | None = None,
    ) -> None:
        self._evidence_share = evidence_share
        self._rate_now = rate_now
        self._set(bytes_per_s)
        self._levels = [rate * BURST_S for rate in self._rates]
        self._filled_s = self._looked_s = now_s

    def allows(self, priority: Priority, now_s: float) -> bool:
        """Whether a message of this class may go now."""
        self._look(now_s)
        if not self._bounded or priority is Priority.ALARM:
            return True
        self._fill(now_s)
        return self._levels[_bucket(priority)] > 0

    def spend(self, priority: Priority, size: int, now_s: float) -> None:
        """Note a message of ``size`` bytes that goes now."""
        self._look(now_s)
        if self._bounded:
            self._fill(now_s)
            self._levels[_bucket(priority)] -= size

    def _set(self, bytes_per_s: float | None) -> None:
        self._rate = bytes_per_s
        whole = bytes_per_s or 0.0
        self._rates = (whole * (1 - self._evidence_share), whole * self._evidence_share)
        self._bounded = bytes_per_s is not None

    def _look(self, now_s: float) -> None:
        """Take up the rate of this time of day; what was saved beyond the new bucket is lost, a debt stays."""
        if self._rate_now is None or now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        rate = self._rate_now()
        if rate == self._rate:
            return
        self._fill(now_s)
        self._set(rate)
        self._levels = [min(level, rate * BURST_S) for level, rate in zip(self._levels, self._rates, strict=True)]

    def _fill(self, now_s: float) -> None:
        passed_s = max(0.0, now_s - self._filled_s)
        self._filled_s = now_s
        spilled = 0.0
        for bucket, rate in enumerate(self._rates):
            level = self._levels[bucket] + rate * passed_s
            self._levels[bucket] = min(level, rate * BURST_S)
            spilled += level - self._levels[bucket]
        for bucket, rate in enumerate(self._rates):
            room = min(spilled, rate * BURST_S - self._levels[bucket])
            self._levels[bucket] += room
            spilled -= room


def _bucket(priority: Priority) -> int:
    return 1 if priority is Priority.EVIDENCE else 0
