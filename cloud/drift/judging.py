"""Judges what models saw and said, once a day for each series; people decide what to do about it.

    observations -> hours -> each complete day of each series -> signals against their reference -> advice begins or ends

Doing a day twice changes nothing: hours are replaced by themselves, a series knows until when it was judged, and advice is one
row for each signal and begin. A series is one transaction, so that a death in the middle loses at most a series' day, which is
judged again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from anyio import to_thread

from cloud.drift.repository import DriftWriter
from cloud.drift.signals import DAY, HOURLY, Comparison, Days, DriftVerdict, Signal, Tuning
from cloud.drift.words import explain
from cloud.kit.repository import Database, Row
from cloud.tasks.kinds import Kind, NoParams, Work

log = structlog.get_logger()

EVERY = timedelta(hours=1)
LATE = timedelta(hours=6)
"""Hours are made again for so long, because a box may have been away; what comes later than that is not judged."""
CATCH_UP = timedelta(days=7)
"""Days of the past that are judged one by one; older ones are only looked at as the reference."""
HISTORY = timedelta(days=60)
"""Observations that a new installation makes hours of."""
KEPT = timedelta(days=400)
SERIES = 2000
"""Series that one run judges at most; the rest is due in the next."""
NEWEST = timedelta(days=35)
"""Newest days that are looked at beside the reference."""
ERRORS_OF = timedelta(days=28)
"""Newest days whose accepted labels are compared with those before."""
REPLACED_AFTER = timedelta(days=2)
IMAGES = 6


@dataclass(frozen=True)
class Judged:
    """One signal after one more day."""

    signal: Signal
    comparison: Comparison
    drift_days: int
    calm_days: int


async def judge(work: Work, params: NoParams) -> dict[str, Any]:
    """Make the hours that are complete and judge the days that are; the work of the kind ``drift``."""
    del params
    tuning, now = Tuning(), work.now
    until = now.replace(minute=0, second=0, microsecond=0)
    work.progress(0.0, "Hours")
    await _make_hours(work.database, until)
    today = (now - LATE).replace(hour=0, minute=0, second=0, microsecond=0)
    async with work.database.read() as reader:
        waiting = await DriftWriter(reader).due(today, rows=SERIES)
    told = 0
    for position, series in enumerate(waiting):
        work.progress(0.2 + 0.8 * position / len(waiting), f"{series['unit_name']}, {series['model_name']}")
        told += await judge_series(work.database, series, today, tuning, now)
    async with work.database.write() as writer:
        replaced = await DriftWriter(writer).end_replaced(now - REPLACED_AFTER, now)
        forgotten = await DriftWriter(writer).forget(now - KEPT)
    return {"series": len(waiting), "told": told, "replaced": replaced, "forgotten_hours": forgotten}


async def judge_series(database: Database, series: Row, today: datetime, tuning: Tuning, now: datetime) -> int:
    """Every day of a series that has not been judged, in order; how much advice began."""
    unit_id, model = series["unit_id"], series["model_sha256"]
    first = max(series["judged_until"] or today - CATCH_UP, today - CATCH_UP, _day_of(series["reference_from"]))
    async with database.read() as reader:
        repository = DriftWriter(reader)
        rows = await repository.hours(
            unit_id, model, series["reference_from"], today, learned=tuning.reference_days * DAY, newest=NEWEST
        )
        known = await repository.signals(unit_id, model)
        opened = await repository.open_signals(unit_id, model)
    state: dict[Signal, Judged] = {}
    begun: dict[Signal, datetime] = {}
    day = first + DAY
    while day <= today:
        # Numbers alone, some milliseconds each: in a thread, so that an API that judges by itself goes on answering.
        compared = await to_thread.run_sync(_compare_all, rows, day, tuning)
        async with database.read() as reader:
            counts = await DriftWriter(reader).errors(unit_id, model, series["reference_from"], day - ERRORS_OF, day)
        if counts["newest"] + counts["before"]:
            before, newest = (counts["before_wrong"], counts["before"]), (counts["newest_wrong"], counts["newest"])
            from cloud.drift.rules import compare_errors  # numpy waits until something is judged

            compared[Signal.ERRORS] = compare_errors(before, newest, tuning)
        for signal, comparison in compared.items():
            drifts = comparison.verdict is DriftVerdict.DRIFT
            drifted, calm = _days_in(state.get(signal), known.get(signal.value))
            state[signal] = Judged(signal, comparison, drifted + 1 if drifts else 0, 0 if drifts else calm + 1)
            if state[signal].drift_days == tuning.days_in_a_row:
                begun[signal] = day
        day += DAY
    told = 0
    async with database.write() as writer:
        repository = DriftWriter(writer)
        await repository.judged(series, today, [_row(unit_id, model, one) for one in state.values()])
        for one in state.values():
            if one.drift_days >= tuning.days_in_a_row and one.signal.value not in opened:
                told += await _tell(repository, series, one, begun.get(one.signal, today), tuning, now)
            elif one.calm_days >= tuning.days_in_a_row and one.signal.value in opened:
                await repository.end(unit_id, model, one.signal.value, now, "stable")
    return told


def drift_kind() -> Kind[NoParams]:
    """The kind of work that judges, on a schedule."""
    return Kind("drift", "data", NoParams, judge, timedelta(minutes=30), every=EVERY)


async def _make_hours(database: Database, until: datetime) -> None:
    """A day in a transaction, so that no statement grows with the time that nobody asked."""
    async with database.read() as reader:
        newest = await DriftWriter(reader).newest_hour()
    start = until - HISTORY if newest is None else max(newest - LATE, until - HISTORY)
    while start < until:
        end = min(start + DAY, until)
        async with database.write() as writer:
            await DriftWriter(writer).make_hours(start, end)
        start = end


def _compare_all(rows: Sequence[Row], until: datetime, tuning: Tuning) -> dict[Signal, Comparison]:
    """Every signal that has hours."""
    from cloud.drift.rules import compare, compare_mix

    series: dict[Signal, list[tuple[datetime, float]]] = {Signal(signal): [] for signal in HOURLY}
    mix: dict[datetime, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        for signal, values in series.items():
            if (value := row["signals"].get(signal.value)) is not None:
                values.append((row["hour"], float(value)))
        for label, number in row["mix"].items():
            mix[_day_of(row["hour"])][label] += float(number)
    found: dict[Signal, Comparison] = {}
    for signal, values in series.items():
        if values:
            found[signal] = compare(values, until, tuning)
    days: Days = sorted(mix.items())
    if len({label for _, labels in days for label in labels}) > 1:
        found[Signal.CLASSES] = compare_mix(days, until, tuning)
    return found


async def _tell(
    repository: DriftWriter, series: Row, one: Judged, begun: datetime, tuning: Tuning, now: datetime
) -> bool:
    compared, unit_id = one.comparison, series["unit_id"]
    window = ERRORS_OF if one.signal is Signal.ERRORS else (compared.days or tuning.window_days) * DAY
    since = compared.changed_at or begun - window
    reference = series["reference_from"]
    learned_until = min(reference + tuning.reference_days * DAY, since)
    words = explain(
        one.signal, compared, unit=series["unit_name"], model=f"{series['model_name']} {series['model_version']}"
    )
    told = await repository.tell(
        {
            "id": uuid4(),
            "site_id": series["site_id"],
            **{name: series[name] for name in ("unit_id", "model_name", "model_version", "model_sha256")},
            "signal": one.signal.value,
            "family": one.signal.family.value,
            "started_at": since,
            "told_at": now,
            "psi": compared.psi,
            "p": compared.p,
            "shift": compared.shift,
            "text": words,
            "evidence": await repository.images(unit_id, since, now, rows=IMAGES),
            "before": await repository.images(unit_id, reference, learned_until, rows=IMAGES // 2),
        }
    )
    if told:
        log.info("drift", text=words)
    return told


def _row(unit_id: int, model: str, one: Judged) -> Row:
    compared = one.comparison
    return {
        "unit_id": unit_id,
        "model_sha256": model,
        "signal": one.signal.value,
        "verdict": compared.verdict.value,
        "psi": compared.psi,
        "ks": compared.ks,
        "p": compared.p,
        "shift": compared.shift,
        "days": compared.days,
        "reference_worth": compared.effective[0],
        "window_worth": compared.effective[1],
        "changed_at": compared.changed_at,
        "drift_days": one.drift_days,
        "calm_days": one.calm_days,
    }


def _days_in(judged: Judged | None, known: Row | None) -> tuple[int, int]:
    """Days in a row with drift and without, before the day that is judged."""
    if judged is not None:
        return judged.drift_days, judged.calm_days
    return (0, 0) if known is None else (known["drift_days"], known["calm_days"])


def _day_of(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
