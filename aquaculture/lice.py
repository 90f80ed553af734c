"""Sea lice: how sure a count is, and which limit holds where and when (``lice_limits.csv``).

Counts of lice on a sample of fish are treated as Poisson; that is narrow when lice cluster on few fish, so the interval is a
lower bound on the doubt. Source of the Norwegian limits: FOR-2012-12-05-1140 section 8, read in part (see the evidence column).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from importlib import resources

from aquaculture.ranges import require

MIN_FISH = 20
"""Fish to examine per pen (Mattilsynet: at least 20 from every pen in the season of the low limit)."""


class Verdict(str, Enum):
    """A mean against a limit, with its interval."""

    BELOW = "below"
    """The whole interval is under the limit."""
    UNSURE = "unsure"
    """The limit lies in the interval: count more fish."""
    ABOVE = "above"
    """The whole interval is over the limit."""


@dataclass(frozen=True)
class LiceMean:
    """Lice per fish with its 95 % interval."""

    mean: float
    low: float
    high: float
    fish: int

    def against(self, limit: float) -> Verdict:
        """Where the interval lies; a limit is kept when the mean is *below* it."""
        if self.high < limit:
            return Verdict.BELOW
        return Verdict.ABOVE if self.low >= limit else Verdict.UNSURE


@dataclass(frozen=True)
class LiceLimit:
    """One row of ``lice_limits.csv``: adult females per fish, in some weeks, in some region."""

    region: str
    from_week: int
    to_week: int
    adult_females: float
    valid_from: date
    source: str
    evidence: str


def lice_mean(lice: int, fish: int, *, confidence: float = 0.95) -> LiceMean:
    """Mean lice per fish with the exact Poisson interval.

    Source: Garwood 1936, Biometrika 28:437 (the interval of a Poisson count from its distribution function).

    Raises:
        OutOfRangeError: fewer than 1 or more than 100,000 fish, lice outside 0 to 10,000, or a confidence outside 0.5 to 0.999.
    """
    require("fish", fish, 1, 100_000, "{fish}")
    require("lice", lice, 0, 10_000, "{lice}")
    require("confidence", confidence, 0.5, 0.999, "1")
    tail = (1 - confidence) / 2
    low = 0.0 if lice == 0 else _rate(lambda rate: 1 - _poisson_cdf(lice - 1, rate), tail, lice)
    high = _rate(lambda rate: 1 - _poisson_cdf(lice, rate), 1 - tail, lice)
    return LiceMean(lice / fish, low / fish, high / fish, fish)


def lice_limit(region: str, day: date) -> LiceLimit | None:
    """The strictest row that holds in the region on this day, by ISO week; None when there is none.

    Source: ``lice_limits.csv``, each row its own.
    """
    week = day.isocalendar().week
    fitting = [
        row
        for row in lice_limits()
        if row.region == region and row.from_week <= week <= row.to_week and row.valid_from <= day
    ]
    return min(fitting, key=lambda row: row.adult_females, default=None)


@lru_cache(maxsize=1)
def lice_limits() -> tuple[LiceLimit, ...]:
    """All rows of ``lice_limits.csv`` (source: the file's own column)."""
    text = resources.files("aquaculture").joinpath("lice_limits.csv").read_text(encoding="utf-8")
    return tuple(
        LiceLimit(
            row["region"],
            int(row["from_week"]),
            int(row["to_week"]),
            float(row["adult_females"]),
            date.fromisoformat(row["valid_from"]),
            row["source"],
            row["evidence"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def _poisson_cdf(count: int, rate: float) -> float:
    """P(X <= count); summed in logarithms, so that large counts do not overflow."""
    if rate == 0:
        return 1.0
    return min(1.0, math.fsum(math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(count + 1)))


def _rate(exceeds: Callable[[float], float], wanted: float, count: int) -> float:
    """The rate at which a rising function of the rate reaches ``wanted``; by bisection."""
    low, high = 0.0, count + 10 * math.sqrt(count + 1) + 20
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if exceeds(middle) < wanted else (low, middle)
    return (low + high) / 2
