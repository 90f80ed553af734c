"""How good the quality tests are: each test's flags against the labels of real series, by value and by event.

A label's event is a run of wrong values at most an hour apart. It is found when the test flags at least one value of it or within
two readings of it. A false event is a run of flags that touches no labelled value. Values whose label says neither right nor
wrong count for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from aquaculture.quality import ChannelQuality, PeerQuality, QualityLimits, default_limits_for
from tests.benchmarks.quality_series import Point, Series

TOGETHER = timedelta(hours=1)
NEAR = 2
"""Readings before and after a label that still count as the same event."""
SLOW = frozenset({"fouling"})
"""Tests that are scored against the drift label."""
ANY = "any test"


def flags_of(points: Sequence[Point], limits: QualityLimits) -> dict[str, list[int]]:
    """Places that each test flags."""
    quality = ChannelQuality(limits)
    found: dict[str, list[int]] = defaultdict(list)
    for place, point in enumerate(points):
        failed = quality.judge(point.value, point.at).failed
        for test, _ in failed:
            found[test].append(place)
        if any(test not in SLOW for test, _ in failed):
            found[ANY].append(place)
    return dict(found)


def score(series: Series) -> dict[str, Any]:
    """Figures of one series with the defaults that ship."""
    points = series.points
    flagged = flags_of(points, default_limits_for(series.quantity))
    wrong = {place for place, point in enumerate(points) if point.wrong}
    drifts = {place for place, point in enumerate(points) if point.drifts}
    unclear = {place for place, point in enumerate(points) if point.wrong is None}
    return {
        "series": series.name,
        "quantity": series.quantity,
        "part": series.part,
        "readings": len(points),
        "weeks": round(series.weeks, 1),
        "wrong_values": len(wrong),
        "wrong_events": len(_events(points, wrong)),
        "tests": {
            test: _figures(points, places, drifts if test in SLOW else wrong, unclear, series.weeks)
            for test, places in sorted({ANY: [], **flagged}.items())
        },
    }


def _figures(
    points: Sequence[Point], places: Iterable[int], wrong: set[int], unclear: set[int], weeks: float
) -> dict[str, Any]:
    flagged = set(places)
    right, false = len(flagged & wrong), len(flagged - wrong - unclear)
    labelled = wrong | unclear
    events = _events(points, wrong)
    found = sum(any(place in flagged for place in range(first - NEAR, last + NEAR + 1)) for first, last in events)
    false_events = [
        (first, last)
        for first, last in _events(points, flagged)
        if not any(place in labelled for place in range(first - NEAR, last + NEAR + 1))
    ]
    return {
        "flagged": len(flagged),
        "precision": round(right / (right + false), 3) if right + false else None,
        "recall": round(right / len(wrong), 3) if wrong else None,
        "events_found": found,
        "events": len(events),
        "false_events_per_week": round(len(false_events) / weeks, 3),
    }


def _events(points: Sequence[Point], places: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of places at most an hour apart, first and last."""
    runs: list[tuple[int, int]] = []
    for place in sorted(places):
        if runs and points[place].at - points[runs[-1][1]].at <= TOGETHER:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs


def injected(series: Series) -> dict[str, Any]:
    """Faults put into a series that nobody labelled: spikes, a dropout to zero, and a day on which the probe is stuck."""
    points, size = list(series.points), {"temperature": 4.0, "ph": 1.0, "turbidity": 400.0}[series.quantity]
    kinds: dict[str, set[int]] = {"spike": set(range(500, 2500, 100)), "zero": set(range(3000, 3060))}
    half = next(place for place, point in enumerate(points) if point.at >= points[4000].at)
    day = [place for place in range(half, len(points)) if points[place].at - points[half].at < timedelta(days=1)]
    kinds["stuck"] = set(day)
    for place in kinds["spike"]:
        points[place] = Point(points[place].at, points[place].value + size, wrong=True)
    for place in kinds["zero"]:
        points[place] = Point(points[place].at, 0.0, wrong=True)
    for place in kinds["stuck"]:
        points[place] = Point(points[place].at, points[half].value, wrong=True)
    flagged = set(flags_of(points, default_limits_for(series.quantity)).get(ANY, []))
    found: dict[str, Any] = {"series": series.name, "quantity": series.quantity, "weeks": round(series.weeks, 2)}
    for kind, places in kinds.items():
        hits = sorted(flagged & places)
        found[f"{kind}_recall"] = round(len(hits) / len(places), 3)
        if kind == "stuck" and hits:
            found["stuck_after_h"] = round((points[hits[0]].at - points[half].at).total_seconds() / 3600, 1)
    harmed = set().union(*kinds.values())
    right = [place for place in flagged - harmed if all(abs(place - one) > 3 for one in kinds["spike"])]
    events = [
        (first, last) for first, last in _events(points, right) if not harmed & set(range(first - 60, last + NEAR + 1))
    ]
    return found | {"false_events_per_week": round(len(events) / series.weeks, 2)}


def pair(left: Series, right: Series, *, drift_per_day: float) -> dict[str, Any]:
    """Two probes of one tank, as they are (the difference between their places taken off) and with one of them drifting."""
    limits = default_limits_for(left.quantity)
    peers = PeerQuality({"left": limits, "right": limits})
    both = sorted([(p.at, p.value, "left") for p in left.points] + [(p.at, p.value, "right") for p in right.points])
    begins = both[0][0]
    offset = _middle(left.points) - _middle(right.points)
    found: dict[str, float] = {}
    for at, value, name in both:
        days = (at - begins).total_seconds() / 86_400
        shown = value + offset if name == "right" else value + drift_per_day * days
        for test, _ in peers.judge(name, shown, at):
            found.setdefault(test, round(days, 2))
    return {"quantity": left.quantity, "drift_per_day": drift_per_day, "first_flag_after_days": found}


def _middle(points: Sequence[Point]) -> float:
    ordered = sorted(point.value for point in points[: len(points) // 4])
    return ordered[len(ordered) // 2]


def pooled(scores: Sequence[dict[str, Any]]) -> str:
    """All tests together by quantity and place, as a Markdown table."""
    sums: dict[tuple[str, str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in scores:
        total, figures = sums[one["quantity"], one["series"].rstrip("0123456789 "), one["part"]], one["tests"][ANY]
        total["weeks"] += one["weeks"]
        total["wrong"] += one["wrong_values"]
        total["right"] += (figures["recall"] or 0) * one["wrong_values"]
        total["found"] += figures["events_found"]
        total["events"] += figures["events"]
        total["false"] += figures["false_events_per_week"] * one["weeks"]
    lines = [
        "| quantity | place | part | weeks | wrong values found | wrong events found | false events per week |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for (quantity, place, part), total in sorted(sums.items()):
        found = f"{total['right']:.0f}/{total['wrong']:.0f}", f"{total['found']:.0f}/{total['events']:.0f}"
        rate = total["false"] / total["weeks"]
        lines.append(f"| {quantity} | {place} | {part} | {total['weeks']:.0f} | {found[0]} | {found[1]} | {rate:.2f} |")
    return "\n".join(lines)


def table(scores: Sequence[dict[str, Any]]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| series | quantity | part | weeks | test | flagged | precision | recall | events found | false events per week |",
        "|---|---|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for one in scores:
        for test, figures in one["tests"].items():
            cells = [one["series"], one["quantity"], one["part"], one["weeks"], test, figures["flagged"]]
            cells += ["-" if figures[name] is None else f"{figures[name]:.2f}" for name in ("precision", "recall")]
            cells += [f"{figures['events_found']}/{figures['events']}", figures["false_events_per_week"]]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
