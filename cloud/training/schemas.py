"""Training on the HTTP API."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from cloud.training.rules import Outcome, RetrainRule, Trigger
from contracts.base import Slug, UtcDatetime

_SHIPPED = RetrainRule()


class CooldownHours(ApiModel):
    """Hours after a trigger has fired in which it does not fire again."""

    model_config = ConfigDict(extra="forbid")

    wrong_marks: float = Field(default=24, ge=1, le=8760)
    drift: float = Field(default=72, ge=1, le=8760)
    new_labels: float = Field(default=24, ge=1, le=8760)
    schedule: float = Field(default=24, ge=1, le=8760)


class RetrainRuleBody(ApiModel):
    """When a model is trained again. A trigger that is null is off."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    wrong_marks: int | None = Field(default=_SHIPPED.wrong_marks, ge=1, le=1_000_000)
    """Answers marked wrong since the last run."""
    drift_units: int | None = Field(default=_SHIPPED.drift_units, ge=1, le=1_000_000)
    """Units whose answers have drifted, by open advice; drift of pictures alone trains nothing."""
    drift_labels: int = Field(default=_SHIPPED.drift_labels, ge=0, le=1_000_000)
    """Accepted labels since the last run without which drift trains nothing."""
    new_labels: int | None = Field(default=_SHIPPED.new_labels, ge=1, le=1_000_000)
    """Accepted labels since the last run."""
    every_days: int | None = Field(default=_SHIPPED.every_days, ge=1, le=3650)
    """Days since the last run; skipped without new labels."""
    cooldown_hours: CooldownHours = CooldownHours()
    most_per_day: int = Field(default=_SHIPPED.most_per_day, ge=1, le=100)
    """Runs within 24 hours, whatever asks."""

    def rule(self) -> RetrainRule:
        """For deciding."""
        hours = {Trigger(name): value for name, value in self.cooldown_hours.model_dump().items()}
        rest = self.model_dump(exclude={"cooldown_hours"})
        return RetrainRule(cooldown_hours=hours, **rest)


class RetrainRuleOut(ApiModel):
    """A model's rule, and what the last look said."""

    model: str
    rule: RetrainRuleBody
    can_train: bool
    """There is a recipe for it in the settings."""
    changed_at: UtcDatetime | None
    changed_by: str | None
    looked_at: UtcDatetime | None
    said: str | None
    """Why a run was asked for, or why not."""


class RetrainRules(ApiModel):
    """Rules of the models that can be trained."""

    items: list[RetrainRuleOut]


class NewTrainingRun(ApiModel):
    """A run that somebody asks for."""

    model_config = ConfigDict(extra="forbid")

    model: Slug
    reason: str = Field(min_length=1, max_length=500)


class TrainingFigure(ApiModel):
    """A figure with its 95 % interval."""

    value: float | None
    low: float | None = None
    high: float | None = None


class GateReason(ApiModel):
    """One rule of the gate on one slice."""

    metric: str
    slice: str
    verdict: Literal["passed", "failed", "inconclusive"]
    text: str
    waived: bool = False


class TrainingRunOut(ApiModel):
    """One run, and the candidate that came of it. Nothing is promoted by it: a proposal waits for people's signatures."""

    id: UUID
    model: str
    trigger: Trigger
    reason: str
    asked_at: UtcDatetime
    asked_by: str
    state: Outcome
    step: str | None
    """prepare, train, export, evaluate, evaluate_production or gate."""
    progress: float
    """From 0 to 1, as of ``heard_at``."""
    message: str
    """What it is at, in words: ``train: epoch 12 of 40``."""
    starts: int
    """More than 1: it died and went on."""
    started_at: UtcDatetime | None
    heard_at: UtcDatetime | None
    finished_at: UtcDatetime | None
    error: str | None
    version: str | None
    """Of the candidate."""
    sha256: str | None
    bundle: str | None
    """Folder of the candidate's bundle below the storage, for ``shoal fleet``."""
    metrics: dict[str, TrainingFigure]
    """Of the candidate, over everything that was held out."""
    production_metrics: dict[str, TrainingFigure]
    """Of the model in production, on the same pictures."""


class TrainingRunPage(Page[TrainingRunOut]):
    """Some runs, newest first."""


class TrainingRunDetail(TrainingRunOut):
    """A run with its lineage, every slice and every reason."""

    lineage: dict[str, Any]
    """Data set with its hash, git revision, configuration with its hash, seed, and what the bundle itself tells."""
    slices: dict[str, dict[str, TrainingFigure]]
    production_slices: dict[str, dict[str, TrainingFigure]]
    reasons: list[GateReason]
    """Failures first."""
