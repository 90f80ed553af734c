"""What it is worth to ask the neighbours: rivers of one valley in the same months, as if they were units of one site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aquaculture.abnormal import TUNINGS, Judgement, Neighbour, State, Stream, moved_too
from tests.benchmarks.abnormal_scores import LEARNING_DAYS, buckets_of, runs_of
from tests.benchmarks.quality_series import Series

_QUARTER = timedelta(minutes=15)


def beside_others(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Unlabelled advice of held-out places per week, alone and with the neighbours asked, in years that several places have."""
    groups: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for one in series:
        groups[one.quantity, one.name[-4:]].append(one)
    rows = []
    for (quantity, year), together in sorted(groups.items()):
        if len(together) > 1:
            rows += _scored(quantity, year, together)
    return rows


def _scored(quantity: str, year: str, together: Sequence[Series]) -> list[dict[str, Any]]:
    judged: dict[str, dict[Any, Judgement]] = {}
    for one in together:
        stream, known = Stream(TUNINGS[quantity]), judged.setdefault(one.name, {})
        for bucket in buckets_of(one, _QUARTER):
            judgement = stream.judge(bucket.at, bucket.value, width=_QUARTER)
            if judgement is not None:
                known[bucket.at] = judgement
    rows = []
    for one in together:
        if one.part != "held out":
            continue
        buckets = buckets_of(one, _QUARTER)
        learned = buckets[0].at + timedelta(days=LEARNING_DAYS)
        told = [
            place
            for place, bucket in enumerate(buckets)
            if bucket.at >= learned and judged[one.name][bucket.at].state is State.ABNORMAL
        ]
        others = [judged[other.name] for other in together if other is not one]
        shared = {
            place
            for place in told
            if moved_too(
                judged[one.name][buckets[place].at],
                [Neighbour("", known[buckets[place].at]) for known in others if buckets[place].at in known],
            )
        }
        runs = runs_of(buckets, told)
        # Advice is shared when the neighbours move with it at its begin.
        alone = [run for run in runs if not any(buckets[place].at == run.start for place in shared)]
        labelled = [bucket.at for bucket in buckets if bucket.wrong is not False]
        false = [run for run in runs if not any(run.start <= at <= run.end for at in labelled)]
        weeks = (buckets[-1].at - learned).total_seconds() / 604_800
        rows.append(
            {
                "quantity": quantity,
                "series": one.name,
                "year": year,
                "neighbours": len(others),
                "weeks": round(weeks, 1),
                "false_per_week_alone": round(len(false) / weeks, 3),
                "false_per_week_with_neighbours": round(len([run for run in false if run in alone]) / weeks, 3),
                "labelled_lost": len([run for run in runs if run not in false and run not in alone]),
            }
        )
    return rows
