"""Known changes put into series where the labels say that all is well: which of them are told, and after how long.

Each is added to what was measured, with the water's own life left in. They come every five and a half days, so that they meet
every time of day, first up and then down. The size is what a farm would want to hear of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from aquaculture.abnormal import Tuning
from tests.benchmarks.abnormal_scores import METHODS, Bucket, Method, buckets_of, runs_of
from tests.benchmarks.quality_series import Series

SIZES = {"do": 1.5, "do_sat": 15.0, "temperature": 1.5, "ph": 0.4, "conductivity": 0.2, "turbidity": 4.0}
"""In the quantity's unit; of conductivity a share, of turbidity (upwards alone) a factor less one."""
EVERY = timedelta(days=5, hours=13)


class Shape(str, Enum):
    """How a change comes."""

    STEP = "step of 6 h"
    RAMP = "ramp over 12 h"


_LASTS = {Shape.STEP: timedelta(hours=6), Shape.RAMP: timedelta(hours=12)}


@dataclass(frozen=True)
class Change:
    """One of them."""

    start: datetime
    end: datetime
    way: int


def score_injected(
    series: Series,
    width: timedelta,
    tuning: Tuning,
    shape: Shape,
    *,
    learning_days: float,
    methods: dict[str, Method] = METHODS,
) -> dict[str, Any]:
    """How many of the changes each method tells, and when, over what it tells anyway."""
    clean = buckets_of(series, width)
    learned = clean[0].at + timedelta(days=learning_days)
    changes = list(_changes(clean, learned, _LASTS[shape]))
    harmed = _harm(clean, changes, series.quantity, shape)
    found = {}
    for name, method in methods.items():
        before = {clean[place].at for place in method(clean, tuning, width, learned)}
        told = runs_of(harmed, method(harmed, tuning, width, learned))
        delays = []
        for change in changes:
            heard = [
                max(run.start, change.start) for run in told if run.start <= change.end and run.end >= change.start
            ]
            # What is told of the water as it was is no merit.
            if heard and min(heard) not in before:
                delays.append((min(heard) + width - change.start).total_seconds() / 60)
        found[name] = {"found": len(delays), "delays_min": delays}
    return {
        "series": series.name,
        "quantity": series.quantity,
        "shape": shape.value,
        "changes": len(changes),
        "methods": found,
    }


def _changes(buckets: Sequence[Bucket], learned: datetime, lasts: timedelta) -> Iterator[Change]:
    labelled = [one.at for one in buckets if one.wrong is not False]
    start, number = learned + timedelta(days=1), 0
    while start + lasts < buckets[-1].at:
        near = (start - timedelta(days=1), start + lasts + timedelta(hours=6))
        have = sum(start <= one.at <= start + lasts for one in buckets)
        if have >= 12 and not any(near[0] <= at <= near[1] for at in labelled):
            yield Change(start, start + lasts, 1 if number % 2 == 0 else -1)
            number += 1
        start += EVERY


def _harm(buckets: Sequence[Bucket], changes: Sequence[Change], quantity: str, shape: Shape) -> list[Bucket]:
    harmed, place = list(buckets), 0
    for change in changes:
        while place < len(buckets) and buckets[place].at < change.start:
            place += 1
        while place < len(buckets) and buckets[place].at <= change.end:
            one = buckets[place]
            share = 1.0 if shape is Shape.STEP else (one.at - change.start) / (change.end - change.start)
            harmed[place] = replace(one, value=_changed(one.value, quantity, share, change.way))
            place += 1
    return harmed


def _changed(value: float, quantity: str, share: float, way: int) -> float:
    size = SIZES[quantity] * share
    if quantity == "turbidity":
        return value * (1 + size)
    if quantity == "conductivity":
        return value * math.exp(way * math.log1p(size))
    return value + way * size
