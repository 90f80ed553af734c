"""Abnormal series: buckets judged per second on one core, and how often the advice is right, against two simple methods.

`value` judges buckets of quarter hours with habit, spread and sum; the floor compares each with the value a day before.
`details` has recall, precision and false events on real labelled series, by quantity and place, and changes of known size that
were put into them. `python -m tests.benchmarks.abnormal` prints the tables of docs/abnormal.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from aquaculture.abnormal import TUNINGS, Stream
from tests.benchmarks.abnormal_injected import Shape, score_injected
from tests.benchmarks.abnormal_neighbours import beside_others
from tests.benchmarks.abnormal_scores import LEARNING_DAYS, score
from tests.benchmarks.abnormal_tables import pooled, pooled_changes, table_of_changes, table_of_scores
from tests.benchmarks.harness import paired_rates, result
from tests.benchmarks.quality_series import folder, gecco, logan_river, tank

QUARTER = timedelta(minutes=15)
FIVE = timedelta(minutes=5)
_TANK_DAYS = 4.5
"""The tank's series is a week long."""


def run(quick: bool) -> dict[str, Any]:
    """Measure speed, and score what data there is; quick takes one site and no injected changes."""
    pairs = paired_rates(_judging(quick), _comparing(quick), rounds=1 if quick else 5)
    data = folder()
    if data is None:
        details: dict[str, Any] = {"scores": "not scored: set SHOAL_TEST_DATA to the folder that holds water_lro/"}
    else:
        scores, changes = scores_of(data, quick=quick)
        details = {"scores": pooled(scores), "injected": pooled_changes(changes)}
        if not quick:
            details["beside_others"] = beside_others(list(logan_river(data)))
    return result("abnormal", pairs, unit="buckets/s", details=details)


def full() -> dict[str, Any]:
    """Each series for itself."""
    data = folder()
    if data is None:
        return {}
    scores, changes = scores_of(data, quick=False)
    return {"series": scores, "injected": changes}


def scores_of(data: Path, *, quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Scores against labels, and of injected changes."""
    rivers = [one for one in logan_river(data) if not quick or one.name == "FranklinBasin2020"]
    scores = [score(one, QUARTER, TUNINGS[one.quantity]) for one in rivers]
    if quick:
        return scores, []
    scores += [score(one, FIVE, TUNINGS[one.quantity]) for one in gecco(data)]
    changes = [
        score_injected(one, QUARTER, TUNINGS[one.quantity], shape, learning_days=LEARNING_DAYS)
        for one in rivers
        for shape in Shape
    ]
    changes += [
        score_injected(one, FIVE, TUNINGS[one.quantity], Shape.STEP, learning_days=_TANK_DAYS)
        for depth in tank(data).values()
        for one in depth.values()
    ]
    return scores, changes


def _series(quick: bool) -> Sequence[tuple[datetime, float]]:
    start, count = datetime(2026, 1, 1, tzinfo=timezone.utc), 2_000 if quick else 20_000
    return [(start + place * QUARTER, 8.0 + (place % 96) / 96 + 0.01 * (place % 7)) for place in range(count)]


def _judging(quick: bool) -> Any:
    buckets = _series(quick)

    def ours_() -> float:
        stream = Stream(TUNINGS["do"])
        for at, value in buckets:
            stream.judge(at, value, width=QUARTER)
        return float(len(buckets))

    return ours_


def _comparing(quick: bool) -> Any:
    buckets = _series(quick)

    def floor() -> float:
        kept: dict[int, float] = {}
        far = 0
        for at, value in buckets:
            number = int(at.timestamp() // 900)
            far += abs(value - kept.get(number - 96, value)) > 1.0
            kept[number % 96] = value
        return float(len(buckets))

    return floor


if __name__ == "__main__":
    here = folder()
    if here is None:
        raise SystemExit("set SHOAL_TEST_DATA to the folder that holds water_lro/")
    every, put_in = scores_of(here, quick=False)
    print(table_of_scores(pooled(every)), table_of_changes(pooled_changes(put_in)), sep="\n\n")
