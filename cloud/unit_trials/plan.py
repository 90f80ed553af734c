"""What a trial in some units must not show: failures of boxes and gates on the comparison, as data. Nothing here decides.

The fields are those of a rollout's plan (``cloud.rollouts.plan``), where they mean the same. A trial has no waves: all of its boxes begin at
once, in part of their units each, and the other units of the same boxes are what it is judged by.
"""

from __future__ import annotations

from enum import Enum

from pydantic import Field, model_validator

from contracts.base import Fraction, WireModel

LEAST_BOXES = 3
"""Without which an interval would be an accident."""


class TrialMetric(str, Enum):
    """What units with the release are compared by with the other units of the same boxes."""

    COUNT = "count"
    """Ratio of the counts, over what it was before the trial."""
    CONFIDENCE = "confidence"
    """Difference of the mean confidence, over what it was before."""
    COUNT_ERROR = "count_error"
    """How much further the counts are off what people found on the same pictures, as a share; negative is better."""


class TrialGate(WireModel):
    """One condition: a trial whose whole 95 % interval lies beyond a limit ends in all boxes."""

    metric: TrialMetric
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    min_devices: int = Field(default=LEAST_BOXES, ge=LEAST_BOXES, le=10_000)
    """Boxes that must have given a number; with fewer the gate is inconclusive."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> TrialGate:
        if self.at_most is None and self.at_least is None:
            raise ValueError(f"gate on {self.metric.value}: give at_most, at_least or both")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError(f"gate on {self.metric.value}: at_least {self.at_least} is above at_most {self.at_most}")
        return self


class TrialPlan(WireModel):
    """When a trial ends in all boxes without a person."""

    max_failed: int = Field(default=1, ge=0, le=10_000)
    """Boxes that may go back by themselves before their share counts: one alone may have a bad disk."""
    max_failed_share: Fraction = 0.1
    """Of all boxes; as many make it the release's fault."""
    gates: tuple[TrialGate, ...] = Field(
        default=(
            # As in a box's shadow run: between these a release may differ unseen.
            TrialGate(metric=TrialMetric.COUNT, at_least=0.6, at_most=1.7),
            TrialGate(metric=TrialMetric.COUNT_ERROR, at_most=0.1),
        ),
        max_length=20,
    )
