"""Hours of a signal with what is known of them: made ones that never drift or drift by a known size, and real ones of a river.

A made series has the habit of a day, hours that remember the hour before (first-order autoregression), and days that remember the
day before, as weather does. One unit of a drift is the standard deviation of the hours alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from cloud.drift.rules import Floats
from cloud.drift.signals import DAY_HOURS, Hours
from tests.benchmarks.quality_series import logan_river

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_MEAN, _SD, _DIURNAL, _DAY_MEMORY = 0.7, 0.03, 1.5, 0.7


@dataclass(frozen=True)
class Weather:
    """How much hours and days of a made series hang together."""

    name: str
    hour_memory: float
    day_sd: float


WEATHERS = (
    Weather("even days", 0.8, 0.0),
    Weather("days differ", 0.8, 0.5),
    Weather("days differ as much as hours", 0.8, 1.0),
    Weather("slow hours", 0.95, 0.0),
)


def made(weather: Weather, days: int, seed: int) -> Floats:
    """A series without drift, one value an hour."""
    draw = np.random.default_rng(seed)
    hours = _remembering(draw.normal(size=days * DAY_HOURS), weather.hour_memory)
    of_days = _remembering(draw.normal(size=days), _DAY_MEMORY)
    habit = _DIURNAL * np.sin(2 * np.pi * np.arange(days * DAY_HOURS) / DAY_HOURS)
    values: Floats = _MEAN + _SD * (hours + habit + weather.day_sd * np.repeat(of_days, DAY_HOURS))
    return values


def drifting(values: Floats, day: int, size: float) -> Floats:
    """The same, lower by ``size`` standard deviations from the beginning of a day on."""
    lower: Floats = np.array(values, np.float64)
    lower[day * DAY_HOURS :] -= size * _SD
    return lower


def as_hours(values: Floats) -> Hours:
    """With their moments."""
    return [(START + timedelta(hours=place), float(value)) for place, value in enumerate(values)]


def river(data: Path) -> Iterator[tuple[str, Hours]]:
    """Hourly medians of turbidity and temperature: what light and clarity of a picture follow, seasons included."""
    for series in logan_river(data):
        if series.quantity not in {"turbidity", "temperature"}:
            continue
        by_hour: dict[datetime, list[float]] = defaultdict(list)
        for point in series.points:
            if not point.wrong and not point.drifts:
                by_hour[point.at.replace(minute=0, second=0, microsecond=0)].append(point.value)
        yield (
            f"{series.name} {series.quantity}",
            [(at, float(np.median(values))) for at, values in sorted(by_hour.items())],
        )


def _remembering(noise: Floats, memory: float) -> Floats:
    out = np.empty_like(noise)
    out[0] = noise[0]
    for place in range(1, len(noise)):
        out[place] = memory * out[place - 1] + np.sqrt(1 - memory**2) * noise[place]
    return out
