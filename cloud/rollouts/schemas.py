"""Rollouts on the HTTP API."""

from __future__ import annotations

from enum import Enum
from typing import Literal
from uuid import UUID

from pydantic import Field

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from cloud.rollouts.plan import Plan
from contracts.base import Slug, UtcDatetime
from contracts.deployments import ArtifactKind


class OrderKind(str, Enum):
    """What a person may want of a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    ROLL_BACK = "roll_back"


class NewRollout(ApiModel):
    """A release for a fleet."""

    name: str = Field(min_length=1, max_length=200)
    kind: ArtifactKind = ArtifactKind.MODEL
    """What is rolled out: a model, a configuration of boxes, or a version of the agent."""
    model: Slug
    """Name of the model or configuration; ``agent`` for the agent."""
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    """Must be published in the image repository, with the signatures that its role asks for."""
    back_to: str | None = Field(default=None, pattern=r"^\d+\.\d+\.\d+$")
    """Version that devices go back to, published too. Null: devices that activated keep what they have when it is rolled back."""
    sites: list[Slug] | None = Field(default=None, max_length=1000)
    """Null: every site that you may see."""
    groups: list[Slug] | None = Field(default=None, min_length=1, max_length=100)
    """Only devices of one of these groups. Null: whatever their group."""
    tags: list[Slug] | None = Field(default=None, min_length=1, max_length=20)
    """Only devices that have all of these tags. Null: whatever their tags."""
    leave_out_incompatible: bool = False
    """True leaves out devices that are known to be unable to take it; else they are a reason to refuse the rollout."""
    second_person: bool = False
    """True makes it wait until somebody else approves it, even where that is not the rule."""
    plan: Plan = Plan()
    seed: int = Field(default=1, ge=0, le=2**31 - 1)
    """Draws the devices of the waves; the same seed draws the same."""


class Order(ApiModel):
    """What should be done, and why; the reason stays in the decision log."""

    kind: OrderKind
    reason: str = Field(min_length=3, max_length=500)


class Approval(ApiModel):
    """A second person's word."""

    reason: str = Field(default="", max_length=500)


class GateStanding(ApiModel):
    """A gate in one stratum as it stands."""

    metric: str
    phase: str
    at_most: float | None
    at_least: float | None
    stratum: list[str]
    """Machine, kind of unit, species and water (``clear`` or ``turbid``); empty where it is not known."""
    verdict: str
    """``passed``, ``failed`` or ``inconclusive``."""
    devices: int
    """That have reported."""
    mean: float | None
    low: float | None
    """95 % bounds of the mean, one-sided."""
    high: float | None


class WaveView(ApiModel):
    """A wave as it stands."""

    name: str
    share: float
    began_at: UtcDatetime | None
    released_at: UtcDatetime | None
    """When its devices might activate."""
    passed_at: UtcDatetime | None
    devices: int
    steps: dict[str, int]
    """How many devices are in each step."""


class RolloutSummary(ApiModel):
    """A rollout in a list."""

    id: UUID
    name: str
    kind: ArtifactKind
    model: str
    """Name of the model or configuration; ``agent`` for the agent."""
    version: str
    back_to: str | None
    status: str
    """``proposed`` (a second person must approve), ``asked``, ``refused``, ``running``, ``paused``, ``finished``, ``rolling_back``, ``rolled_back`` or ``canceled``."""
    reason: str
    """The newest decision in words."""
    created_at: UtcDatetime
    created_by: str
    approved_at: UtcDatetime | None
    approved_by: str | None
    """Who agreed to it; null where nobody had to."""
    began_at: UtcDatetime | None
    ended_at: UtcDatetime | None
    """When the last deployment had ended."""


class RolloutView(RolloutSummary):
    """One rollout."""

    plan: Plan
    sites: list[str] | None
    groups: list[str] | None
    tags: list[str] | None
    wave: int | None
    """The open wave, by index; null before the start."""
    waves: list[WaveView]
    gates: list[GateStanding]
    harm_h: float
    """Bad device-hours so far."""


class RolloutPage(Page[RolloutSummary]):
    """Some rollouts, newest first."""


class DeviceView(ApiModel):
    """One device in a rollout."""

    site: str
    device: str
    wave: int
    step: str
    reason: str
    active_at: UtcDatetime | None
    """When its session first reported the new hash."""
    ended_at: UtcDatetime | None
    numbers: dict[str, float]
    """Its newest numbers by ``phase.metric``."""


class RolloutDevicePage(Page[DeviceView]):
    """Some devices of a rollout, by site and name."""


class DesiredView(ApiModel):
    """What a device should run."""

    deployment: str
    name: str
    """Of the model or configuration; ``agent`` for the agent."""
    version: str
    sha256: str
    activate: bool
    """False: it goes as far as the shadow run, until its wave is judged."""
    changed_at: UtcDatetime
    sent: bool
    """Whether the newest version of this was handed to the downlink. That the device has it, only its report tells."""


class ReportedView(ApiModel):
    """What a device last said of a deployment."""

    at: UtcDatetime
    """By its own clock."""
    stored_at: UtcDatetime
    deployment: str
    state: str
    sha256: str | None
    reason: str
    waiting_for: str
    cause: str | None


class RunningView(ApiModel):
    """What really runs: told by the running session, never taken from a wish."""

    sha256: str
    name: str
    """Name and version; empty where only the hash is told."""
    at: UtcDatetime


class StandingView(ApiModel):
    """One kind of artifact on one device."""

    kind: ArtifactKind
    desired: DesiredView | None
    reported: ReportedView | None
    running: RunningView | None
    verified_sha256: str | None
    """The newest that the device has verified completely, as far as its latest 50 reports go back."""
    committed_sha256: str | None
    """The newest that has passed its probation there, likewise."""
    agrees: bool | None
    """Whether what runs is what was wanted; null where either is not known."""


class DeviceStanding(ApiModel):
    """Desired, reported, verified and running on one device."""

    site: str
    device: str
    last_seen_at: UtcDatetime | None
    items: list[StandingView]


class DeviceStandingPage(Page[DeviceStanding]):
    """Some devices, by site and name."""


class ModelChange(ApiModel):
    """A moment at which another model began to look at a unit: counts before and after it are not of the same eyes."""

    at: UtcDatetime
    device: str
    change: Literal["activated", "rolled_back"]
    """``rolled_back`` is also the end of a trial in some units: the unit has the model of its box again."""
    sha256: str | None
    """Of the model that runs since."""
    model: str | None
    """Its name; null where no rollout of the fleet names it."""
    version: str | None
    rollout_id: UUID | None
    reason: str
    count_ratio: float | None = None
    """Fish counted by the model that looks since over those counted by the one before, on the same frames of this box's shadow run;
    null where nobody compared them."""


class ModelChanges(ApiModel):
    """Changes of models at a unit, oldest first."""

    items: list[ModelChange]
    cut: bool
    """Whether there were more than fit; then the newest are shown."""


class CountResolution(str, Enum):
    """Width of the buckets of a chart of counts."""

    FIVE_MINUTES = "five_minutes"
    HOUR = "hour"
    DAY = "day"
    """Of UTC."""


class CountBucket(ApiModel):
    """Fish that cameras saw at a time, as the mean over the bucket's observations; no estimate of the stock."""

    at: UtcDatetime
    """Its begin."""
    observations: int
    mean: float
    """As it was counted then."""
    cast_back: float | None
    """Derived: ``mean`` as the model that looks at the end of the range would have counted it. Null where it was not asked for, and
    where a change in between has no ratio."""


class CountSeries(ApiModel):
    """Counts of a unit over time, with the changes of models that they must be read with."""

    unit_id: int
    resolution: CountResolution
    items: list[CountBucket]
    """Buckets with observations, oldest first."""
    changes: list[ModelChange]
    """Marks for the chart, oldest first."""
    derived: bool
    """Whether ``cast_back`` was asked for. A chart must show it as derived: it is multiplied by measured ratios, not counted."""


class DecisionView(ApiModel):
    """One line of the decision log."""

    at: UtcDatetime
    words: str


class DecisionPage(Page[DecisionView]):
    """Some decisions, newest first."""
