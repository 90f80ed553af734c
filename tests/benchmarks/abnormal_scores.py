"""How good the detection of abnormal series is, by event: ours beside two simple methods, on the same buckets.

A label's event is a run of labelled buckets at most an hour apart; it is found when a method is on within it or within half an
hour of it. A false event is a run of a method that touches no labelled bucket. Every method gets the same first four weeks to
learn, which are not scored. Values that a probe cannot have reported are dropped first, as the quality tests do in the product.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, pstdev
from typing import Any

from aquaculture.abnormal import State, Stream, Tuning
from contracts.quantities import QUANTITIES
from tests.benchmarks.quality_series import Series

TOGETHER = timedelta(hours=1)
NEAR = timedelta(minutes=30)
SIGMAS = 3.0
LEARNING_DAYS = 28


@dataclass(frozen=True)
class Bucket:
    """Mean of some minutes; ``wrong`` as in ``Point``."""

    at: datetime
    value: float
    wrong: bool | None


@dataclass(frozen=True)
class Run:
    """A time in which a label, or a method, says that something is off; both ends included."""

    start: datetime
    end: datetime


Method = Callable[[Sequence[Bucket], Tuning, timedelta, datetime], list[int]]


def buckets_of(series: Series, width: timedelta) -> list[Bucket]:
    """Means over ``width``."""
    known = QUANTITIES[series.quantity]
    found: list[Bucket] = []
    group: list[Any] = []
    number = None
    for point in series.points:
        here = int(point.at.timestamp() // width.total_seconds())
        if here != number and group:
            found.append(_bucket(group, width))
            group = []
        number = here
        if known.low <= point.value <= known.high:
            group.append(point)
    return [*found, _bucket(group, width)] if group else found


def _bucket(group: Sequence[Any], width: timedelta) -> Bucket:
    first = group[0].at
    at = first - timedelta(seconds=first.timestamp() % width.total_seconds())
    labels = {point.wrong for point in group}
    wrong = True if True in labels else None if None in labels else False
    return Bucket(at, fmean(point.value for point in group), wrong)


def ours(buckets: Sequence[Bucket], tuning: Tuning, width: timedelta, _learned: datetime) -> list[int]:
    """Places at which the product advises."""
    stream = Stream(tuning)
    judged = [stream.judge(one.at, one.value, width=width) for one in buckets]
    return [place for place, one in enumerate(judged) if one is not None and one.state is State.ABNORMAL]


def fixed(buckets: Sequence[Bucket], _tuning: Tuning, _width: timedelta, learned: datetime) -> list[int]:
    """Beyond three standard deviations of the time of learning."""
    first = [one.value for one in buckets if one.at < learned]
    middle, spread = fmean(first), pstdev(first)
    return [place for place, one in enumerate(buckets) if abs(one.value - middle) > SIGMAS * spread]


def seasonal_naive(buckets: Sequence[Bucket], _tuning: Tuning, _width: timedelta, learned: datetime) -> list[int]:
    """Away from the value a day before by more than three standard deviations of that in the time of learning."""
    by_time = {one.at: one.value for one in buckets}
    day = timedelta(days=1)
    moved = [one.value - by_time[one.at - day] if one.at - day in by_time else None for one in buckets]
    spread = pstdev([by for by, one in zip(moved, buckets, strict=True) if by is not None and one.at < learned])
    return [place for place, by in enumerate(moved) if by is not None and abs(by) > SIGMAS * spread]


METHODS: dict[str, Method] = {"ours": ours, "fixed 3 sigma": fixed, "seasonal naive": seasonal_naive}


def runs_of(buckets: Sequence[Bucket], places: Iterable[int]) -> list[Run]:
    """Runs of places at most an hour apart."""
    runs: list[Run] = []
    for place in sorted(places):
        at = buckets[place].at
        if runs and at - runs[-1].end <= TOGETHER:
            runs[-1] = Run(runs[-1].start, at)
        else:
            runs.append(Run(at, at))
    return runs


def _touches(run: Run, others: Sequence[Run], slack: timedelta) -> bool:
    return any(one.start <= run.end + slack and one.end >= run.start - slack for one in others)


def score(series: Series, width: timedelta, tuning: Tuning, methods: dict[str, Method] = METHODS) -> dict[str, Any]:
    """Counts of one series for each method; they add up over series."""
    buckets = buckets_of(series, width)
    learned = buckets[0].at + timedelta(days=LEARNING_DAYS)
    begins = bisect_left([one.at for one in buckets], learned)
    scored = range(begins, len(buckets))
    wrong = runs_of(buckets, (place for place in scored if buckets[place].wrong))
    unclear = runs_of(buckets, (place for place in scored if buckets[place].wrong is None))
    weeks = (buckets[-1].at - learned).total_seconds() / 604_800
    found: dict[str, Any] = {}
    for name, method in methods.items():
        told = runs_of(buckets, (place for place in method(buckets, tuning, width, learned) if place >= begins))
        hits = [run for run in told if _touches(run, wrong, NEAR)]
        false = [run for run in told if not _touches(run, wrong, NEAR) and not _touches(run, unclear, NEAR)]
        delays = [
            max(
                0.0, (min(one.start for one in told if _touches(one, [event], NEAR)) - event.start).total_seconds() / 60
            )
            for event in wrong
            if _touches(event, told, NEAR)
        ]
        found[name] = {"right": len(hits), "false": len(false), "found": len(delays), "delays_min": delays}
        found[name]["long_found"] = sum(_touches(event, told, NEAR) for event in wrong if _lasts(event))
    return {
        "series": series.name,
        "quantity": series.quantity,
        "part": series.part,
        "weeks": round(weeks, 2),
        "events": len(wrong),
        "long_events": sum(_lasts(event) for event in wrong),
        "methods": found,
    }


def _lasts(event: Run) -> bool:
    return event.end - event.start >= timedelta(hours=1)
