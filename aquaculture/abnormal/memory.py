"""What a stream usually is at each half hour of the day, and how well that was foretold: rings of fixed size.

The level is the median of the last day of half hours. The habit of a half hour is the median, over days, of its distance from
the level; the spread is the median, over days and the half hours beside it, of how far the foretold value was off. A steady
trend is in the habit by itself, because the level always lags by the same half day.

Sources: as in ``stream``.
"""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Any

SLOT_S = 1800
"""Half hours: short enough for a tank's daily curve, long enough for several values."""
SLOTS = 86_400 // SLOT_S
_ENOUGH = SLOTS // 2
"""Half hours of the last day that a level needs."""
_MAD_TO_SIGMA = 1.4826
"""From a normal distribution's median absolute deviation to its standard deviation (Leys et al. 2013)."""
_DIGITS = 5
"""Significant digits that are kept: far finer than any probe."""


class Habit:
    """The memory of one stream, in the numbers that are judged."""

    def __init__(self, *, days: int, floor: float) -> None:
        self._floor = floor
        self._day_count = days
        self._distances: list[deque[float]] = []
        self._misses: list[deque[float]] = []
        self._recent: deque[float | None] = deque(maxlen=SLOTS)
        self._habit: list[float | None] = []
        self._spread: list[float | None] = []
        self._level: float | None = None
        self._number: int | None = None
        self._clear()

    def enter(self, number: int, slot: int) -> int:
        """Go to the half hour ``number`` since 1970, which is the ``slot``-th of its day at the farm. Source: by definition."""
        if self._number is not None and number != self._number:
            self._close()
            missed = number - self._number - 1
            if missed > self._day_count * SLOTS or missed < 0:
                self._clear()
            else:
                self._recent.extend([None] * min(missed, SLOTS))
            self._level = self._middle()
        self._number, self._slot = number, slot
        return slot

    def usual(self, slot: int, *, minimum_days: int) -> tuple[float, float] | None:
        """Expected value and its spread, or None with too little history. Source: see the module."""
        habit, spread = self._habit[slot], self._spread[slot]
        if self._level is None or habit is None or spread is None or len(self._distances[slot]) < minimum_days:
            return None
        return self._level + habit, spread

    def learn(self, value: float) -> None:
        """Add a value to the half hour. Source: by definition."""
        self._sum += value
        self._count += 1

    def dump(self) -> dict[str, Any]:
        """All of it, for JSON (definition)."""
        return {
            "distances": [[_short(one) for one in ring] for ring in self._distances],
            "misses": [[_short(one) for one in ring] for ring in self._misses],
            "recent": [None if one is None else _short(one, 3) for one in self._recent],
            "number": self._number,
            "slot": self._slot,
            "sum": self._sum,
            "count": self._count,
        }

    def load(self, kept: dict[str, Any]) -> None:
        """What ``dump`` gave (definition)."""
        self._clear()
        for slot in range(SLOTS):
            self._distances[slot].extend(kept["distances"][slot])
            self._misses[slot].extend(kept["misses"][slot])
        self._recent.extend(kept["recent"])
        self._number, self._slot = kept["number"], kept["slot"]
        self._sum, self._count = kept["sum"], kept["count"]
        self._level = self._middle()
        for slot in range(SLOTS):
            self._again(slot)

    def _clear(self) -> None:
        self._distances = [deque(maxlen=self._day_count) for _ in range(SLOTS)]
        self._misses = [deque(maxlen=self._day_count) for _ in range(SLOTS)]
        self._recent.clear()
        self._habit, self._spread = [None] * SLOTS, [None] * SLOTS
        self._level = self._number = None
        self._slot, self._sum, self._count = 0, 0.0, 0

    def _close(self) -> None:
        """The half hour is over: its mean enters the rings."""
        mean = self._sum / self._count if self._count else None
        self._sum, self._count = 0.0, 0
        if mean is not None and self._level is not None:
            habit = self._habit[self._slot]
            if habit is not None:
                self._misses[self._slot].append(abs(mean - self._level - habit))
            self._distances[self._slot].append(mean - self._level)
            for slot in (self._slot - 1, self._slot, (self._slot + 1) % SLOTS):
                self._again(slot)
        self._recent.append(mean)

    def _again(self, slot: int) -> None:
        if distances := self._distances[slot]:
            self._habit[slot] = median(distances)
        near = [*self._misses[slot - 1], *self._misses[slot], *self._misses[(slot + 1) % SLOTS]]
        if near:
            # Few days know the spread badly: it is widened, by half with six of them.
            doubt = 1 + 3 / len(distances) if distances else 1.0
            self._spread[slot] = max(self._floor, _MAD_TO_SIGMA * median(near) * doubt)

    def _middle(self) -> float | None:
        """Level of the last day, or None when too little of it is known."""
        known = [one for one in self._recent if one is not None]
        return median(known) if len(known) >= _ENOUGH else None


def _short(value: float, more: int = 0) -> float:
    return float(f"{value:.{_DIGITS + more}g}")
