"""Where a value is going: its rate of change, and how long until it is critical.

An alarm on a limit comes when the limit is reached; the slope tells while there is still time. Oxygen that falls by 2 mg/L an
hour is an alarm at 8 mg/L for a responder who needs an hour.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import sqrt
from statistics import median

from aquaculture.limits import Side
from aquaculture.ranges import require

LEAST_POINTS = 5
MOST_POINTS = 60
"""The slope is the median of all pairs: 60 points are 1770 pairs, and more would say no more."""


@dataclass(frozen=True)
class Slope:
    """Change in units per hour, with how many pairs of points in the window agree on its sign (0.5 to 1), of how many points."""

    per_hour: float
    agreement: float
    points: int = 0


class Window:
    """The newest points of one channel, thinned to at most 60, over ``span_s``; ``now_s`` is monotonic.

    Args:
        span_s: how far back the slope looks, 60 to 86,400 s.

    Raises:
        OutOfRangeError: a span outside its range.
    """

    def __init__(self, span_s: float) -> None:
        require("span_s", span_s, 60, 86_400, "s")
        self._span_s = span_s
        self._points: deque[tuple[float, float]] = deque(maxlen=MOST_POINTS)

    def add(self, value: float, now_s: float) -> None:
        """Take a point in; one that comes within a sixtieth of the span after the last one replaces nothing and is dropped.

        Source: derived; thinning keeps the span covered whatever the rate of the sensor. A clock that went back starts anew.
        """
        if self._points and now_s < self._points[-1][0]:
            self._points.clear()
        if not self._points or now_s - self._points[-1][0] >= self._span_s / MOST_POINTS:
            self._points.append((now_s, value))
        while now_s - self._points[0][0] > self._span_s:
            self._points.popleft()

    def slope(self) -> Slope | None:
        """The slope of the window; None with fewer than five points or less than half of the span.

        Source: Theil 1950 and Sen 1968 (median of the slopes of all pairs; a third of the points may be wrong).
        """
        points = self._points
        if len(points) < LEAST_POINTS or points[-1][0] - points[0][0] < self._span_s / 2:
            return None
        slopes = [
            (late[1] - early[1]) / (late[0] - early[0])
            for place, early in enumerate(points)
            for late in list(points)[place + 1 :]
        ]
        middle = median(slopes)
        if middle == 0:
            return Slope(0.0, 0.5, len(points))
        agreeing = sum(1 for slope in slopes if slope * middle > 0) / len(slopes)
        return Slope(middle * 3600, max(0.5, agreeing), len(points))


def is_trend(slope: Slope, least_z: float = 4.0) -> bool:
    """Whether more points agree on the sign than noise without a trend would have do so.

    Source: Mann 1945 and Kendall 1975: the surplus of agreeing pairs over its standard deviation, ties counted against it.
    At 4 noise without memory passes once in 30,000 windows, and fewer than ten points never do.
    """
    n = slope.points
    if n < LEAST_POINTS:
        return False
    surplus = (2 * slope.agreement - 1) * n * (n - 1) / 2
    return bool(surplus / sqrt(n * (n - 1) * (2 * n + 5) / 18) >= least_z)


def seconds_to_limit(value: float, limit: float, side: Side, slope: Slope | None) -> float | None:
    """Seconds until the value crosses the limit at this slope; 0 when it has, None when it is not on its way.

    Source: derived; the slope is held constant, so it is a warning and no forecast.
    """
    distance = value - limit if side is Side.LOW else limit - value
    if distance <= 0:
        return 0.0
    if slope is None:
        return None
    approach_per_hour = -slope.per_hour if side is Side.LOW else slope.per_hour
    return distance / approach_per_hour * 3600 if approach_per_hour > 0 else None
