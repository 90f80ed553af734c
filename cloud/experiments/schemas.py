"""Trials on the HTTP API."""

from __future__ import annotations

from typing import Literal

from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime


class ArmOut(ApiModel):
    """One arm of a trial by unit."""

    arm: Literal["active", "candidate"]
    versions: list[str]
    """More than one: the arm changed within the period, and the comparison mixes them."""
    units: int
    looked_at: int
    """Answers to pictures whose label people have accepted."""
    right: int
    accuracy: float | None


class TrialByUnit(ApiModel):
    """Two versions on different units at the same time."""

    model: str
    start: UtcDatetime
    end: UtcDatetime
    active: ArmOut
    candidate: ArmOut
    difference: float | None
    """Accuracy of the candidate minus that of the active version."""
    low: float | None
    """95 % interval by resampling units; null with fewer than three units of an arm."""
    high: float | None
    design_effect: float | None
    """How many answers are worth one, because answers of one unit are alike."""
    verdict: Literal["better", "worse", "not_told"]
    needed_of_each_arm: int | None
    """Answers of each arm that would show a difference of ``to_see`` with power 0.8."""
    to_see: float


class TrialByPicture(ApiModel):
    """Two versions on the same pictures: a shadow run, or pictures asked of both."""

    model: str
    active_version: str
    candidate_version: str
    start: UtcDatetime
    end: UtcDatetime
    pictures: int
    both: int
    """Pictures that both have right."""
    only_active: int
    only_candidate: int
    neither: int
    difference: float | None
    p: float
    """Two-sided, exact (McNemar)."""
    verdict: Literal["better", "worse", "not_told"]
    needed_pictures: int | None
    """Pictures that would show a difference of ``to_see`` with power 0.8, at the disagreement seen so far."""
    to_see: float


class SampleSize(ApiModel):
    """How many looked-at answers show a difference."""

    of_each_arm: int
    """On different units."""
    pictures: int | None
    """On the same pictures, where a disagreement was given."""
    power: float
    alpha: float
