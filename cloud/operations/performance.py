"""How fast requests were answered over the last minutes, in memory that does not grow with their number.

Every ten seconds a new slice begins; a slice holds for each route a histogram whose bins are 10 % wide, so that a
percentile is off by at most 5 %. No I/O: the time is an argument.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

SLICE_S = 10
MAX_WINDOW_S = 900
MAX_ROUTES = 200
"""Routes of one slice; there are fewer, and what would go beyond counts as ``other``."""
_WIDTH = math.log(1.1)
_FASTEST_S = 1e-4
_BINS = 140
"""From 0.1 ms to about a minute; slower ones count in the last."""


@dataclass
class _Counts:
    bins: dict[int, int] = field(default_factory=dict)
    requests: int = 0
    errors: int = 0
    """Answers of 500 and above."""
    refused: int = 0
    """Answers of 400 to 499."""
    seconds: float = 0.0
    slowest_s: float = 0.0

    def add(self, status: int, seconds: float) -> None:
        bin_ = _bin(seconds)
        self.bins[bin_] = self.bins.get(bin_, 0) + 1
        self.requests += 1
        self.errors += status >= 500  # noqa: PLR2004
        self.refused += 400 <= status < 500  # noqa: PLR2004
        self.seconds += seconds
        self.slowest_s = max(self.slowest_s, seconds)

    def merge(self, other: _Counts) -> None:
        for bin_, count in other.bins.items():
            self.bins[bin_] = self.bins.get(bin_, 0) + count
        self.requests += other.requests
        self.errors += other.errors
        self.refused += other.refused
        self.seconds += other.seconds
        self.slowest_s = max(self.slowest_s, other.slowest_s)

    def quantile(self, share: float) -> float:
        """Seconds below which this share of the requests took; 0 without requests."""
        rank, seen = share * self.requests, 0
        for bin_ in sorted(self.bins):
            seen += self.bins[bin_]
            if seen >= rank:
                return min(_middle(bin_), self.slowest_s)
        return self.slowest_s


@dataclass(frozen=True)
class Figures:
    """What one route, or all together, did within the window. Seconds, and shares from 0 to 1."""

    requests: int
    errors: int
    refused: int
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    slowest_s: float


class PerformanceWindow:
    """The last minutes. One per process, used from its event loop alone."""

    def __init__(self, now_s: float) -> None:
        self._slices: deque[tuple[int, dict[str, _Counts]]] = deque(maxlen=MAX_WINDOW_S // SLICE_S + 1)
        self._began_s = now_s

    def observe(self, route: str, status: int, seconds: float, now_s: float) -> None:
        """Count one answer; ``now_s`` is of a monotonic clock."""
        number = int(now_s // SLICE_S)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, {}))
        routes = self._slices[-1][1]
        if route not in routes and len(routes) >= MAX_ROUTES:
            route = "other"
        routes.setdefault(route, _Counts()).add(status, seconds)

    def covered_s(self, window_s: int, now_s: float) -> float:
        """Seconds of the window that have been watched."""
        return max(0.001, min(float(window_s), now_s - self._began_s))

    def figures(self, window_s: int, now_s: float) -> tuple[Figures, dict[str, Figures]]:
        """All together, and by route."""
        first = int((now_s - window_s) // SLICE_S) + 1
        total, by_route = _Counts(), dict[str, _Counts]()
        for number, routes in self._slices:
            if number >= first:
                for route, counts in routes.items():
                    by_route.setdefault(route, _Counts()).merge(counts)
                    total.merge(counts)
        return _figures(total), {route: _figures(counts) for route, counts in sorted(by_route.items())}

    def reset(self, now_s: float) -> None:
        """Begin anew."""
        self._slices.clear()
        self._began_s = now_s


def _figures(counts: _Counts) -> Figures:
    return Figures(
        requests=counts.requests,
        errors=counts.errors,
        refused=counts.refused,
        mean_s=counts.seconds / counts.requests if counts.requests else 0.0,
        p50_s=counts.quantile(0.50),
        p95_s=counts.quantile(0.95),
        p99_s=counts.quantile(0.99),
        slowest_s=counts.slowest_s,
    )


def _bin(seconds: float) -> int:
    return min(_BINS - 1, max(0, int(math.log(max(seconds, _FASTEST_S) / _FASTEST_S) / _WIDTH)))


def _middle(bin_: int) -> float:
    return _FASTEST_S * math.exp((bin_ + 0.5) * _WIDTH)
