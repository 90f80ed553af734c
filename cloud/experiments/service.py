"""Comparing two versions of a model by what people said of their pictures."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from cloud.auth.dependencies import Principal
from cloud.errors import BadRequestError, InvalidRangeError
from cloud.experiments.repository import ExperimentRepository
from cloud.experiments.rules import frames_paired, frames_unpaired, paired, unpaired
from cloud.experiments.schemas import ArmOut, SampleSize, TrialByPicture, TrialByUnit
from cloud.kit.repository import ReadConnection, Row

USUAL = timedelta(days=30)
LONGEST = timedelta(days=366)
ALPHA = 0.05
SEED = 1
"""Of the resampling: the same question has the same answer."""
Verdict = Literal["better", "worse", "not_told"]


def period(start: datetime | None, end: datetime) -> tuple[datetime, datetime]:
    """Of a trial.

    Raises:
        InvalidRangeError: it is empty or too long.
    """
    first = end - USUAL if start is None else start
    if not first < end <= first + LONGEST:
        raise InvalidRangeError(f"start must be before end, and at most {LONGEST.days} days before")
    return first, end


async def by_unit(
    reader: ReadConnection, user: Principal, model: str, span: tuple[datetime, datetime], to_see: float
) -> TrialByUnit:
    """The trial by unit of a model (``SHOAL_PREDICT_SPLIT``)."""
    rows = await ExperimentRepository(reader, user.scope).by_unit(model, *span)
    active, candidate = (_counts(rows, arm) for arm in ("active", "candidate"))
    found = unpaired(active, candidate, seed=SEED)
    verdict: Verdict = "not_told"
    if found.low is not None and found.high is not None and (found.low > 0 or found.high < 0):
        verdict = "better" if found.low > 0 else "worse"
    return TrialByUnit(
        model=model,
        start=span[0],
        end=span[1],
        active=_arm(rows, "active"),
        candidate=_arm(rows, "candidate"),
        **{name: getattr(found, name) for name in ("difference", "low", "high", "design_effect")},
        verdict=verdict,
        needed_of_each_arm=_needed(found.active_accuracy, to_see, found.design_effect or 1.0),
        to_see=to_see,
    )


async def by_picture(
    reader: ReadConnection,
    user: Principal,
    model: str,
    versions: tuple[str, str],
    span: tuple[datetime, datetime],
    to_see: float,
) -> TrialByPicture:
    """Two versions on pictures that both have answered."""
    row = await ExperimentRepository(reader, user.scope).pairs(model, *versions, *span)
    found = paired(row["both"], row["only_active"], row["only_candidate"], row["neither"])
    verdict: Verdict = "not_told"
    if found.p < ALPHA:
        verdict = "better" if found.only_candidate > found.only_active else "worse"
    disagreement = (found.only_active + found.only_candidate) / found.pictures if found.pictures else 0.0
    return TrialByPicture(
        model=model,
        active_version=versions[0],
        candidate_version=versions[1],
        start=span[0],
        end=span[1],
        pictures=found.pictures,
        **row,
        difference=found.difference,
        p=found.p,
        verdict=verdict,
        needed_pictures=frames_paired(disagreement, to_see) if disagreement >= to_see else None,
        to_see=to_see,
    )


def sample_size(
    accuracy: float, difference: float, disagreement: float | None, power: float, design_effect: float
) -> SampleSize:
    """How many looked-at answers show a difference.

    Raises:
        BadRequestError: such a difference cannot be.
    """
    try:
        arms = frames_unpaired(accuracy, difference, power=power, alpha=ALPHA, effect=design_effect)
        pictures = None if disagreement is None else frames_paired(disagreement, difference, power=power, alpha=ALPHA)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return SampleSize(of_each_arm=arms, pictures=pictures, power=power, alpha=ALPHA)


def _counts(rows: list[Row], arm: str) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row["arm"] == arm:
            right, looked_at = counts.get(str(row["unit_id"]), (0, 0))
            counts[str(row["unit_id"])] = (right + row["right"], looked_at + row["looked_at"])
    return counts


def _arm(rows: list[Row], arm: Literal["active", "candidate"]) -> ArmOut:
    counts = _counts(rows, arm).values()
    right, looked_at = sum(one for one, _ in counts), sum(other for _, other in counts)
    figures: dict[str, Any] = {"units": len(counts), "looked_at": looked_at, "right": right}
    versions = sorted({row["version"] for row in rows if row["arm"] == arm})
    return ArmOut(arm=arm, versions=versions, accuracy=right / looked_at if looked_at else None, **figures)


def _needed(accuracy: float | None, to_see: float, effect: float) -> int | None:
    """For a change for the better, or for the worse where there is no room above."""
    if accuracy is None:
        return None
    change = to_see if accuracy + to_see <= 1 else -to_see
    return frames_unpaired(accuracy, change, effect=effect) if accuracy + change >= 0 else None
