"""Fouling: the daily means of a channel creep one way for days, which living water rarely does and a growing film does.

Slope by Theil-Sen over at most fourteen days, which two odd days do not move, and a share of agreeing pairs (as in the
Mann-Kendall test), so that weather that comes and goes is not taken for fouling. Source: Wagner et al. 2006, USGS Techniques
and Methods 1-D3, treats fouling drift as linear between cleanings; slope after Sen 1968, J. Am. Stat. Assoc. 63:1379.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any

DAYS = 14
"""Daily means that are remembered."""
MIN_DAYS = 7
"""Days that a judgement needs."""
AGREEMENT = 0.85
"""Share of all pairs of days that must go the suspicious way."""
MIN_HOURS = 18
"""Hours of a day that must hold a reading, so that a morning is not compared with an evening."""
_DAY_S, _HOUR_S = 86_400, 3_600


class DailyTrend:
    """Judges the creep of one channel's daily means.

    Args:
        limit_per_day: slope in the channel's unit per day that is suspicious; its sign is the direction.
    """

    def __init__(self, limit_per_day: float) -> None:
        self.limit_per_day = limit_per_day
        self._days: deque[tuple[int, float]] = deque(maxlen=DAYS)
        self._day: int | None = None
        self._sum = 0.0
        self._count = 0
        self._hours = 0
        """One bit per hour that had a reading."""
        self._creeps = False

    @property
    def ready(self) -> bool:
        """Whether there are enough days for a judgement."""
        return len(self._days) >= MIN_DAYS

    def add(self, value: float, now_s: float) -> bool:
        """Take one reading; True while the channel creeps. Judged once, when a day (UTC) ends."""
        day = int(now_s // _DAY_S)
        if day != self._day:
            self._close(day)
        self._sum += value
        self._count += 1
        self._hours |= 1 << int(now_s % _DAY_S // _HOUR_S)
        return self._creeps

    def _close(self, day: int) -> None:
        if self._day is not None and self._hours.bit_count() >= MIN_HOURS:
            self._days.append((self._day, self._sum / self._count))
        if self._day is not None and day < self._day:
            self._days.clear()  # the clock was set back: days would repeat
        while self._days and day - self._days[0][0] > DAYS:
            self._days.popleft()
        self._creeps = self.ready and self._judge()
        self._day, self._sum, self._count, self._hours = day, 0.0, 0, 0

    def _judge(self) -> bool:
        days = list(self._days)
        slopes = [
            (mean - before) / (then - earlier)
            for index, (then, mean) in enumerate(days)
            for earlier, before in days[:index]
        ]
        sign = math.copysign(1.0, self.limit_per_day)
        agreeing = sum(slope * sign > 0 for slope in slopes)
        return agreeing >= AGREEMENT * len(slopes) and median(slopes) * sign >= abs(self.limit_per_day)

    def remember(self) -> dict[str, Any]:
        """The memory as JSON-ready data."""
        return {
            "days": list(self._days),
            "day": self._day,
            "sum": self._sum,
            "count": self._count,
            "hours": self._hours,
            "creeps": self._creeps,
        }

    @classmethod
    def recalled(cls, limit_per_day: float, memory: Any) -> DailyTrend:
        """A trend that goes on from ``remember``; from nothing when there is none.

        Raises:
            KeyError, TypeError, ValueError: not a memory of ours.
        """
        trend = cls(limit_per_day)
        if memory is None:
            return trend
        days = sorted({int(day): float(mean) for day, mean in memory["days"]}.items())
        total, count = float(memory["sum"]), int(memory["count"])
        if not all(math.isfinite(mean) for _, mean in days) or not math.isfinite(total) or count < 0:
            raise ValueError("not finite")
        trend._days.extend(days)
        trend._day = None if memory["day"] is None else int(memory["day"])
        trend._sum, trend._count, trend._hours = total, count, int(memory["hours"]) & (1 << 24) - 1
        trend._creeps = bool(memory["creeps"])
        return trend
