"""How much of the time water was within its limits. Source: the definition (time in range), with the limits' own sources.

A bucket of a rollup counts as in range when its mean is: the time that sensors were silent is neither in nor out of range.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from aquaculture.limits import Bound, Side
from contracts.alarms import Severity

TARGET_PERCENT = 99.5
"""Share of the measured time that shall be in range."""


_MILDEST_LAST = tuple(Severity)
"""Severities are declared from most to least severe."""


class JudgingLimit(Protocol):
    """What a limit must say to judge water: a row of the table (``aquaculture.limits.Limit``), or what a box follows."""

    @property
    def quantity(self) -> str:
        """Code of the quantity."""

    @property
    def side(self) -> Side:
        """Where the trouble is."""

    @property
    def severity(self) -> Severity:
        """Of the alarm that it makes."""

    @property
    def bound(self) -> Bound:
        """In the quantity's own unit."""

    @property
    def cited(self) -> str:
        """Source with its evidence tag."""


AnyLimit = TypeVar("AnyLimit", bound=JudgingLimit)


@dataclass(frozen=True)
class Exceedance:
    """One stretch of time beyond a limit; buckets that touch are one."""

    start: datetime
    end: datetime
    side: Side
    limit: float
    worst: float
    """The farthest bucket mean, in the quantity's own unit."""
    source: str


@dataclass(frozen=True)
class Compliance:
    """The judgement on one channel."""

    measured: int
    """Buckets that were judged."""
    in_range: int
    exceedances: tuple[Exceedance, ...]

    @property
    def percent(self) -> float | None:
        """Time in range in percent of the measured time; None when nothing was judged."""
        return 100 * self.in_range / self.measured if self.measured else None


def warning_limits(limits: Iterable[AnyLimit]) -> dict[str, tuple[AnyLimit, ...]]:
    """The range to stay in, by quantity: on each side the mildest limit, which is the warning where there is one.

    Source: the limits' own.
    """
    chosen: dict[tuple[str, Side], AnyLimit] = {}
    for limit in limits:
        other = chosen.get((limit.quantity, limit.side))
        if other is None or _MILDEST_LAST.index(limit.severity) > _MILDEST_LAST.index(other.severity):
            chosen[limit.quantity, limit.side] = limit
    found: dict[str, tuple[AnyLimit, ...]] = {}
    for (quantity, _), limit in chosen.items():
        found[quantity] = (*found.get(quantity, ()), limit)
    return found


def compliance(
    means: Sequence[tuple[datetime, float]],
    limits: Sequence[JudgingLimit],
    *,
    width: timedelta,
    temperatures_c: Mapping[datetime, float] | None = None,
) -> Compliance:
    """Judge bucket means in time order against the limits of their quantity (source: module docstring).

    A bucket whose limit follows the temperature is not judged where none was measured.

    Args:
        means: start of the bucket and its mean.
        limits: those of one quantity, in the unit of the means.
        width: of a bucket.
        temperatures_c: water temperature in Cel by the start of the bucket.
    """
    measured = in_range = 0
    found: list[Exceedance] = []
    for moment, mean in means:
        temperature_c = (temperatures_c or {}).get(moment)
        bounds = [(limit, bound) for limit in limits if (bound := limit.bound.at(temperature_c)) is not None]
        if len(bounds) < len(limits):
            continue
        measured += 1
        beyond = [pair for pair in bounds if (mean < pair[1] if pair[0].side is Side.LOW else mean > pair[1])]
        in_range += not beyond
        for limit, bound in beyond:
            _note(found, Exceedance(moment, moment + width, limit.side, bound, mean, limit.cited))
    return Compliance(measured, in_range, tuple(found))


def _note(found: list[Exceedance], new: Exceedance) -> None:
    last = found[-1] if found else None
    if last is None or last.end != new.start or last.side is not new.side:
        found.append(new)
        return
    worse = min if new.side is Side.LOW else max
    found[-1] = Exceedance(last.start, new.end, last.side, last.limit, worse(last.worst, new.worst), last.source)
