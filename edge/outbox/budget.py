"""How many bytes the uplink may send: two buckets that fill at a steady rate, one for images and one for all else. No I/O.

What one bucket cannot hold flows into the other, so an unused share is not lost. A message may be larger than what a bucket
holds: it goes when there is anything in it, and the debt is waited for. Alarms go whatever the bucket says, and are paid for.
"""

from __future__ import annotations

from edge.outbox.rules import Priority

BURST_S = 10.0
"""Seconds of the rate that a bucket holds: a quiet while may be made up for at once."""


class Budget:
    """Bytes per second for one uplink.

    Args:
        bytes_per_s: the rate; ``None`` is no bound.
        evidence_share: part of it that images may take, 0 to 1.
        now_s: monotonic seconds.
    """

    def __init__(self, bytes_per_s: float | None, *, evidence_share: float, now_s: float) -> None:
        self._rates = (0.0, 0.0)
        if bytes_per_s is not None:
            self._rates = (bytes_per_s * (1 - evidence_share), bytes_per_s * evidence_share)
        self._bounded = bytes_per_s is not None
        self._levels = [rate * BURST_S for rate in self._rates]
        self._filled_s = now_s

    def allows(self, priority: Priority, now_s: float) -> bool:
        """Whether a message of this class may go now."""
        if not self._bounded or priority is Priority.ALARM:
            return True
        self._fill(now_s)
        return self._levels[_bucket(priority)] > 0

    def spend(self, priority: Priority, size: int, now_s: float) -> None:
        """Note a message of ``size`` bytes that goes now."""
        if self._bounded:
            self._fill(now_s)
            self._levels[_bucket(priority)] -= size

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
