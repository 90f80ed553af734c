"""Trials in some units on the HTTP API."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from cloud.unit_trials.plan import TrialMetric, TrialPlan
from contracts.base import Slug, UtcDatetime

Place = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}/[a-z0-9][a-z0-9_-]{0,62}$")]


class NewUnitTrial(ApiModel):
    """A release for some of the units of each box, beside the model of the box."""

    name: str = Field(min_length=1, max_length=200)
    model: Slug
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    """Must be published in the image repository."""
    days: float = Field(default=14.0, gt=0, le=90)
    """How long it lasts. The end is signed: boxes keep to it without a network."""
    share: float | None = Field(default=None, gt=0, lt=1)
    """Of the units of each box, chosen by ``seed``; at least one has the release and one has not. Half of them when no units are named."""
    units: list[Place] | None = Field(default=None, min_length=1, max_length=1000)
    """Named ones, ``site/unit``, instead of a share."""
    sites: list[Slug] | None = Field(default=None, max_length=1000)
    """Null: every site that you may see."""
    groups: list[Slug] | None = Field(default=None, min_length=1, max_length=100)
    """Only boxes of one of these groups."""
    tags: list[Slug] | None = Field(default=None, min_length=1, max_length=20)
    """Only boxes that have all of these tags."""
    second_person: bool = False
    """True makes it wait until somebody else approves it, even where that is not the rule."""
    seed: int = Field(default=1, ge=0, le=2**31 - 1)
    """Chooses the units; the same seed chooses the same."""
    plan: TrialPlan | None = None
    """When it ends in all boxes without a person. Null: two failures and a tenth, and the careful gates."""

    @model_validator(mode="after")
    def _names_or_shares(self) -> NewUnitTrial:
        if self.units is not None and self.share is not None:
            raise ValueError("give units or a share, not both")
        return self


class TrialApproval(ApiModel):
    """A second person's word."""

    reason: str = Field(default="", max_length=500)


class TrialEnd(ApiModel):
    """Why a trial should end."""

    reason: str = Field(min_length=3, max_length=200)
    """Boxes keep it in their records."""


class TrialAdoption(ApiModel):
    """The release of a trial for all units of the fleet: an ordinary rollout."""

    back_to: str | None = Field(default=None, pattern=r"^\d+\.\d+\.\d+$")
    """Version that devices go back to when the rollout is rolled back."""
    second_person: bool | None = None
    """True makes the rollout wait until somebody else approves it, even where that is not the rule. Null: as the trial waited."""


class UnitTrialSummary(ApiModel):
    """A trial in a list."""

    id: UUID
    name: str
    model: str
    version: str
    sha256: str | None
    share: float | None
    units: list[str] | None
    days: float
    status: Literal["proposed", "asked", "refused", "running", "ending", "ended"]
    reason: str
    """Why it stands as it does."""
    created_at: UtcDatetime
    created_by: str
    approved_at: UtcDatetime | None
    approved_by: str | None
    began_at: UtcDatetime | None
    ends_at: UtcDatetime | None
    """When boxes end it by themselves."""
    ended_by: str | None
    ended_at: UtcDatetime | None


class UnitTrialView(UnitTrialSummary):
    """One trial."""

    plan: TrialPlan
    """When it ends in all boxes without a person."""


class UnitTrialPage(Page[UnitTrialSummary]):
    """Some trials, newest first."""


class TrialUnit(ApiModel):
    """One unit of a box in a trial."""

    unit: str
    in_trial: bool
    running_sha256: str | None
    """What looks at it, by the newest heartbeat of the last seven days: the running session's word."""
    running: str
    """Name and version of it."""


class TrialBox(ApiModel):
    """One box in a trial: what is desired, what it says, what runs."""

    site: str
    device: str
    state: str
    """``told``, and then what the box says: ``downloading``, ``shadow_run``, ``probation``, ``committed`` (it runs), ``withdrawn``, ``rolled_back``, ``refused``."""
    reason: str
    active_at: UtcDatetime | None
    ended_at: UtcDatetime | None
    heard_at: UtcDatetime | None
    """Of the heartbeat."""
    units: list[TrialUnit]
    agrees: bool | None
    """Whether every unit is looked at by what it should be; null while that is not known."""


class TrialBoxPage(Page[TrialBox]):
    """Some boxes, by site and name."""


class TrialDifference(ApiModel):
    """Units with the release against the other units of the same boxes, one number of each box."""

    measure: Literal["count", "confidence", "count_error"]
    """``count``: ratio of the counts, over what it was before the trial. ``confidence``: difference, over what it was before.
    ``count_error``: how far the counts are off what people found on the same pictures, as a share; less is better."""
    boxes: int
    mean: float | None
    low: float | None
    """95 % interval by resampling boxes; null with fewer than three."""
    high: float | None
    p: float | None
    """Of so large a difference by chance, by flipping the boxes' signs."""
    verdict: Literal["better", "worse", "higher", "lower", "not_told"]
    """Told when the interval leaves no difference out and ``p`` is below 0.05, for which it takes six boxes that agree."""


class TrialGateStanding(ApiModel):
    """A gate of a trial as it stands."""

    metric: TrialMetric
    at_most: float | None
    at_least: float | None
    min_devices: int
    verdict: Literal["passed", "failed", "inconclusive"]
    """``failed``: the whole interval lies beyond a limit, which ends the trial. ``inconclusive``: too few boxes, or a limit lies within it."""
    devices: int
    """Boxes that have given a number."""
    mean: float | None
    low: float | None
    """95 % interval."""
    high: float | None


class TrialComparison(ApiModel):
    """What the release makes of the same water, box by box."""

    trial_id: UUID
    version: str
    boxes: int
    """That take part and have had it for a whole hour."""
    hours: int
    """Of the trial that are compared, of all boxes; each has units with and without it."""
    labelled: int
    """Pictures of the trial whose label people have accepted."""
    differences: list[TrialDifference]
    gates: list[TrialGateStanding] = Field(default_factory=list)
    """Of the trial's plan."""
