"""Drift: daily comparisons per second on one core, how often they are wrong where nothing drifts, and how late where it does.

`value` compares the newest week of a signal with its reference as the cloud does; the floor is the two-sample
Kolmogorov-Smirnov test on the same raw hours. `details` has false alarms per series and week on made series without drift and on
a river's real hours (whose seasons are real drift), beside three usual methods on raw values; and the days until an injected
drift was told. `python -m tests.benchmarks.drift` prints the tables of docs/models.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import numpy as np

from cloud.drift.rules import Floats, adwin, compare, histograms, ks_distance, ks_probability, psi
from cloud.drift.signals import DAY, DAY_HOURS, DriftVerdict, Hours, Tuning
from tests.benchmarks.abnormal_tables import rate
from tests.benchmarks.drift_series import WEATHERS, Weather, as_hours, drifting, made, river
from tests.benchmarks.harness import paired_rates, result
from tests.benchmarks.quality_series import folder

TUNING = Tuning()
SEEDS = 12
"""Series of each kind."""
WEEKS = 12
"""Judged weeks of each made series."""
SIZES = (1.0, 2.0, 3.0)
WATCHED_DAYS = 28
"""Days after an injected drift."""
_BEGIN = TUNING.reference_days + TUNING.window_days
_USUAL_P = 0.05
Method: TypeAlias = Callable[[Hours, datetime], bool]


def ours(hours: Hours, until: datetime) -> bool:
    """As the cloud compares."""
    return compare(hours, until, TUNING).verdict is DriftVerdict.DRIFT


def raw_ks(hours: Hours, until: datetime) -> bool:
    """Kolmogorov-Smirnov at p below 0.05 on raw hours, as tutorials do."""
    reference, newest = _parts(hours, until)
    return ks_probability(ks_distance(reference, newest), len(reference), len(newest)) < _USUAL_P


def raw_psi(hours: Hours, until: datetime) -> bool:
    """Population stability index of 0.25 on raw hours."""
    return psi(*histograms(*_parts(hours, until))) >= TUNING.psi


def raw_adwin(hours: Hours, until: datetime) -> bool:
    """ADWIN on raw hours, since the newest change that it found."""
    values = np.array([value for at, value in hours if at < until])[-(_BEGIN * DAY_HOURS) :]
    low, high = float(values.min()), float(values.max())
    return high > low and adwin((values - low) / (high - low), TUNING.delta) is not None


METHODS: dict[str, tuple[Method, int]] = {
    "ours": (ours, TUNING.days_in_a_row),
    "ks on raw hours": (raw_ks, 1),
    "psi on raw hours": (raw_psi, 1),
    "adwin on raw hours": (raw_adwin, 1),
}
"""By name: the daily question, and on how many days in a row it must say so."""


def run(quick: bool) -> dict[str, Any]:
    """Measure; quick takes two series of one kind."""
    hours = as_hours(made(WEATHERS[1], _BEGIN + 7 * WEEKS, seed=0))
    pairs = paired_rates(_comparing(hours, ours), _comparing(hours, raw_ks), rounds=1 if quick else 3)
    data = None if quick else folder()
    weathers, seeds = (WEATHERS[1:2], 2) if quick else (WEATHERS, SEEDS)
    details: dict[str, Any] = {
        "false_alarms": [false_alarms(weather, seeds) for weather in weathers],
        "injected": [injected(weather, size, seeds) for weather in weathers for size in SIZES],
        "river": "not scored: set SHOAL_TEST_DATA to the folder that holds water_lro/"
        if data is None
        else of_river(data),
    }
    return result("drift", pairs, unit="comparisons/s", details=details)


def false_alarms(weather: Weather, seeds: int) -> dict[str, Any]:
    """Alarms of each method on series that do not drift."""
    counted = dict.fromkeys(METHODS, 0)
    for seed in range(seeds):
        hours = as_hours(made(weather, _BEGIN + 7 * WEEKS, seed))
        for name in METHODS:
            counted[name] += len(list(_told(hours, name, _BEGIN, _BEGIN + 7 * WEEKS)))
    weeks = seeds * WEEKS
    return {"series": weather.name, "weeks": weeks, **{name: rate(number, weeks) for name, number in counted.items()}}


def injected(weather: Weather, size: float, seeds: int) -> dict[str, Any]:
    """How many drifts of a size were told within four weeks, and after how many days."""
    delays = []
    for seed in range(seeds):
        begin = _BEGIN + 7
        values = drifting(made(weather, begin + WATCHED_DAYS, 1000 + seed), begin, size)
        first = next(_told(as_hours(values), "ours", begin, begin + WATCHED_DAYS), None)
        if first is not None:
            delays.append(first - begin)
    return {
        "series": weather.name,
        "size_sd": size,
        "drifts": seeds,
        "told": len(delays),
        "delay_days": median(delays) if delays else None,
    }


def of_river(data: Path) -> list[dict[str, Any]]:
    """Alarms of each method on real hours, over four weeks after each new reference."""
    rows = []
    for quantity in ("temperature", "turbidity"):
        counted, weeks = dict.fromkeys(METHODS, 0), 0.0
        for name, hours in river(data):
            if not name.endswith(quantity):
                continue
            for part in _restarts(hours):
                weeks += (WATCHED_DAYS - 1) / 7
                for method in METHODS:
                    counted[method] += len(list(_told(part, method, _BEGIN, _BEGIN + WATCHED_DAYS - 1)))
        rows.append({"series": quantity, "weeks": round(weeks, 1), **{k: rate(n, weeks) for k, n in counted.items()}})
    return rows


def _restarts(hours: Hours) -> Iterator[Hours]:
    """Nine weeks at a time, as if a version had begun at each."""
    length = timedelta(days=_BEGIN + WATCHED_DAYS)
    begin = hours[0][0].replace(hour=0)
    while begin + length <= hours[-1][0]:
        part = [one for one in hours if begin <= one[0] < begin + length]
        if len(part) > 0.9 * length / timedelta(hours=1):
            yield part
        begin += length


def _told(hours: Hours, name: str, first: int, last: int) -> Iterator[int]:
    """Days after the begin on which a method begins to tell."""
    method, needed = METHODS[name]
    start, row = hours[0][0].replace(hour=0), 0
    for day in range(first, last + 1):
        row = row + 1 if method(hours, start + day * DAY) else 0
        if row == needed:
            yield day


def _parts(hours: Hours, until: datetime) -> tuple[Floats, Floats]:
    learned = hours[0][0] + TUNING.reference_days * DAY
    begin = until - TUNING.window_days * DAY
    return (
        np.array([value for at, value in hours if at < learned]),
        np.array([value for at, value in hours if begin <= at < until]),
    )


def _comparing(hours: Hours, method: Method) -> Callable[[], float]:
    def work() -> float:
        days = range(_BEGIN, _BEGIN + 20)
        for day in days:
            method(hours, hours[0][0] + day * DAY)
        return float(len(days))

    return work


def _cell(rate: dict[str, float]) -> str:
    """Alarms a week with their interval, as the table shows them."""
    return f"{rate['per_week']:.3f} ({rate['low']:.3f} to {rate['high']:.3f})"


def _tables() -> str:
    data = folder()
    names = list(METHODS)
    lines = ["| series | weeks | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    nulls = [false_alarms(weather, SEEDS) for weather in WEATHERS] + ([] if data is None else of_river(data))
    lines += [
        f"| {row['series']} | {row['weeks']} | " + " | ".join(_cell(row[name]) for name in names) + " |"
        for row in nulls
    ]
    lines += ["", "| series | drift, sd | told | days until told |", "|---|---|---|---|"]
    for weather in WEATHERS:
        for size in SIZES:
            row = injected(weather, size, SEEDS)
            lines.append(f"| {row['series']} | {size} | {row['told']} of {row['drifts']} | {row['delay_days']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(_tables())
