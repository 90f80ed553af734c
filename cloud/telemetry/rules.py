"""Decisions about series and freshness. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from aquaculture.limits import Bound
from contracts.alarms import Severity
from contracts.devices import LimitInEffect

STALE_FLOOR_S = 60.0
"""No value is called stale before this age, however fast its channel is: a page must not flicker over one late batch."""
STALE_PERIODS = 3.0
"""A value is stale when it is older than this many of its channel's usual periods."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
BUCKETS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 7)),
)
"""Bucket widths that people read off a chart without arithmetic, in seconds."""
MAX_RANGE = timedelta(days=366)
"""Longest series of one request."""


@dataclass(frozen=True)
class Shown:
    """A limit as a number of now."""

    definition: str
    severity: Severity
    side: Literal["low", "high"]
    value: float
    source: str | None = None
    """Where the limit comes from, with its evidence tag."""


def shown_limits(watched: Iterable[LimitInEffect], water_c: float | None) -> list[Shown]:
    """Limits in numbers; one that needs a temperature is left out while there is none."""
    found = []
    for limit in watched:
        value = Bound(limit.value, limit.law).at(water_c)
        if value is not None:
            found.append(Shown(limit.definition, limit.severity, limit.side, value, limit.source))
    return found


class Resolution(str, Enum):
    """What a series or an export is read from."""

    RAW = "raw"
    MINUTE = "1m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def width_s(self) -> int:
        """Seconds of one row; 0 of single readings."""
        return _WIDTH_S[self]


_WIDTH_S = {Resolution.RAW: 0, Resolution.MINUTE: _MINUTE, Resolution.HOUR: _HOUR, Resolution.DAY: _DAY}


@dataclass(frozen=True)
class Kept:
    """How many days back each resolution reaches; None is for ever. No resolution outlives a coarser one."""

    raw: float | None = None
    minute: float | None = None
    hour: float | None = None
    day: float | None = None

    def finest(self, start: datetime, now: datetime) -> Resolution:
        """The finest resolution that still has everything since ``start``."""
        for resolution, days in zip(Resolution, (self.raw, self.minute, self.hour), strict=False):
            if days is None or start >= now - timedelta(days=days):
                return resolution
        return Resolution.DAY


def bucket_width_s(start: datetime, end: datetime, max_points: int, *, at_least_s: int = 0) -> int:
    """The narrowest bucket of the ladder with which the range takes at most ``max_points`` buckets.

    A range that starts inside a bucket touches one bucket more than it is long, so that one is counted too.
    """
    span_s = (end - start).total_seconds()
    for width_s in BUCKETS_S:
        if width_s >= at_least_s and span_s / width_s + 1 <= max_points:
            return width_s
    widest = BUCKETS_S[-1]
    return widest * max(1, -(-int(span_s) // (widest * max(1, max_points - 1))))


def resolution_for(bucket_s: int) -> Resolution:
    """The coarsest resolution that buckets of this width (of the ladder) can be made of: the fewest rows."""
    return max((each for each in Resolution if each.width_s <= bucket_s), key=lambda each: each.width_s)


def range_fault(start: datetime, end: datetime) -> str | None:
    """Why a range cannot be charted, or None."""
    if start >= end:
        return "start must be before end"
    if end - start > MAX_RANGE:
        return f"the range may be at most {MAX_RANGE.days} days"
    return None


def stale_after_s(period_s: float | None) -> float:
    """Age in seconds from which a value of a channel with this usual period is stale (None: period not known yet)."""
    return max(STALE_FLOOR_S, STALE_PERIODS * (period_s or 0.0))


def is_stale(age_s: float | None, period_s: float | None) -> bool:
    """Whether a value of this age says nothing about now; a channel without any value (None) is stale."""
    return age_s is None or age_s > stale_after_s(period_s)
