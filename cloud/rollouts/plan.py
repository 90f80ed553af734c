"""What a rollout is asked to do: waves, gates and bounds, as data. Nothing here decides.

A plan that could not protect anybody is refused: a wave that advances before a silent box would be missed, a gate whose
metric nobody reports, a share that reaches nobody new.
"""

from __future__ import annotations

from enum import Enum
from itertools import pairwise
from typing import Any

from pydantic import Field, model_validator

from contracts.base import Fraction, Sha256Hex, Slug, WireModel
from contracts.deployments import ArtifactKind, agent_sha256

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Metric(str, Enum):
    """What devices report of a model in shadow or in service, one number per device and report."""

    DISAGREEMENT = "disagreement"
    """Share of frames on which candidate and active model differ beyond the manifest's tolerance, 0 to 1."""
    COUNT_RATIO = "count_ratio"
    """Fish counted by the candidate over those counted by the active model, on the same frames."""
    CONFIDENCE_DROP = "confidence_drop"
    """Mean confidence of the active model less that of the candidate."""
    LATENCY_RATIO = "latency_ratio"
    """Candidate's median inference time over that of the active model."""
    MEMORY_MB = "memory_mb"
    """Resident memory of the inference worker, MB."""
    ERRORS = "errors"
    """Inferences that failed, per thousand frames."""
    WRONG_MARKS = "wrong_marks"
    """Results that an operator marked as wrong, per thousand frames shown."""


class Phase(str, Enum):
    """Where a metric was measured."""

    SHADOW = "shadow"
    """The candidate sees the frames, its results go nowhere."""
    LIVE = "live"
    """The candidate is in service."""


class Gate(WireModel):
    """One condition that a stratum must meet before the next wave begins."""

    metric: Metric
    phase: Phase = Phase.SHADOW
    at_most: float | None = None
    at_least: float | None = None
    window_s: float = Field(default=12 * HOUR_S, gt=0, le=30 * DAY_S)
    """Reports older than this say nothing."""
    min_devices: int = Field(default=1, ge=1, le=10_000)
    """Devices of a stratum that must have reported; with fewer the gate is inconclusive."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> Gate:
        if self.at_most is None and self.at_least is None:
            raise ValueError(f"gate on {self.metric.value}: give at_most, at_least or both")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError(f"gate on {self.metric.value}: at_least {self.at_least} is above at_most {self.at_most}")
        return self


class Wave(WireModel):
    """A part of the fleet that gets the release at about the same time."""

    name: Slug
    share: Fraction = Field(gt=0)
    """Of every stratum, counted from the beginning of the rollout: 0.01, then 0.1, then 1."""
    bake_s: float = Field(ge=0, le=30 * DAY_S)
    """From the last activation of the wave until its gates are asked."""


class Artifact(WireModel):
    """What is rolled out, and what a device goes back to: one version of a model, a configuration or the agent.

    ``contracts.deployments.Release`` is what people sign, every file by hash; this is what the state machine needs of it.
    """

    kind: ArtifactKind = ArtifactKind.MODEL
    name: str = Field(min_length=1, max_length=64)
    """Of the model or configuration; ``agent`` for the agent."""
    version: str
    sha256: Sha256Hex
    """What a device reports as running when it runs it."""
    approved: bool = False
    """Whether the image repository names this hash with the signatures that its role asks for."""

    @property
    def is_a_wish(self) -> bool:
        """Whether it is a version of the agent that nobody signed, because nobody may: boxes get it by the machine's own ways."""
        return self.kind is ArtifactKind.AGENT and self.sha256 == agent_sha256(self.version)

    @model_validator(mode="before")
    @classmethod
    def _reads_older(cls, values: Any) -> Any:
        """States that were saved before there were kinds say ``model`` instead of ``name``."""
        if isinstance(values, dict) and "model" in values:
            values = {**values, "name": values["model"]}
            del values["model"]
        return values


class Plan(WireModel):
    """A rollout as its author wrote it. Times in seconds.

    The defaults are those of the policy that harmed nobody in simulation: half a day of shadow before anything is in
    service, a canary of every stratum, and a bake that outlasts the lease, so that a box which never reports is missed
    before the next wave (tests/benchmarks/rollout_sim.py).
    """

    waves: tuple[Wave, ...] = Field(
        default=(
            Wave(name="canary", share=0.01, bake_s=12 * HOUR_S),
            Wave(name="early", share=0.1, bake_s=12 * HOUR_S),
            Wave(name="half", share=0.5, bake_s=6 * HOUR_S),
            Wave(name="all", share=1.0, bake_s=0),
        ),
        min_length=1,
        max_length=20,
    )
    min_per_stratum: int = Field(default=2, ge=1, le=100)
    """Devices of every stratum that a wave takes at least, where there are as many: one alone may have a full disk."""
    min_first: int = Field(default=40, ge=1, le=10_000)
    """Devices that the first wave takes at least, up to a tenth of the fleet: a fault on one device in five shows itself at most
    once among eighteen in every eighth fleet, and would go on to the next wave; among forty in one of seven hundred."""
    shadow_s: float = Field(default=12 * HOUR_S, ge=0, le=14 * DAY_S)
    """How long a device runs the candidate beside the active model before it may activate; 0 skips it."""
    soak_s: float = Field(default=0.5 * HOUR_S, ge=0, le=7 * DAY_S)
    """How long the running session must report the new hash before the device counts as done."""
    lease_s: float = Field(default=2 * HOUR_S, gt=0, le=7 * DAY_S)
    """How long a device may be in a step without progress before it counts as timed out. Shadow and soak come on top."""
    wait_s: float = Field(default=DAY_S, ge=0, le=30 * DAY_S)
    """How long a device may wait for a good moment (feeding, treatment, low oxygen, harvest) on top of the lease."""
    seen_within_s: float = Field(default=0.5 * HOUR_S, gt=0, le=7 * DAY_S)
    """A device counts as seen when it was heard from within this time; others are in no denominator."""
    settled_share: Fraction = 0.8
    """Share of a wave's seen devices that must have ended before the wave can pass."""
    max_failed_share: Fraction = 0.05
    """Of a wave's seen devices; more failures than that send everybody back."""
    max_failed: int = Field(default=1, ge=0, le=10_000)
    """Failures that a wave may have before the share counts, so that one broken disk in a canary of five stops nothing."""
    max_refused_share: Fraction = 0.3
    """Of a wave's seen devices; when more lack room or are not compatible, the rollout pauses for a person."""
    harm_budget_h: float = Field(default=24.0, gt=0)
    """Bad device-hours: time that devices spent with a release which they then lost. Beyond it everything goes back."""
    max_active: int = Field(default=500, ge=1, le=20_000)
    """Devices under way at once; the rest of a wave waits."""
    inconclusive_s: float = Field(default=12 * HOUR_S, ge=0, le=30 * DAY_S)
    """How long after the bake a gate may lack data before the rollout pauses for a person."""
    deadline_s: float = Field(default=60 * DAY_S, gt=0, le=366 * DAY_S)
    """After this the deployments that never began are ended as missed."""
    gates: tuple[Gate, ...] = Field(
        default=(
            Gate(metric=Metric.DISAGREEMENT, at_most=0.15),
            Gate(metric=Metric.COUNT_RATIO, at_least=0.8, at_most=1.25),
            Gate(metric=Metric.CONFIDENCE_DROP, at_most=0.1),
            Gate(metric=Metric.LATENCY_RATIO, at_most=1.5),
        ),
        max_length=50,
    )

    @model_validator(mode="after")
    def _protects_somebody(self) -> Plan:
        for before, after in pairwise(self.waves):
            if after.share <= before.share:
                raise ValueError(
                    f"wave {after.name}: share {after.share} reaches nobody after {before.name} with {before.share};"
                    " shares count from the beginning"
                )
        if len({wave.name for wave in self.waves}) != len(self.waves):
            raise ValueError("waves: every wave needs a name of its own")
        if self.waves[-1].share != 1:
            raise ValueError(f"waves: the last one must reach everybody (share 1), not {self.waves[-1].share}")
        for wave in self.waves[:-1]:
            if wave.bake_s < self.lease_s:
                raise ValueError(
                    f"wave {wave.name}: bake_s {wave.bake_s:g} is shorter than lease_s {self.lease_s:g}, so the next wave"
                    " would begin before a device that never comes back is missed; make bake_s at least lease_s"
                )
        if self.shadow_s == 0 and any(gate.phase is Phase.SHADOW for gate in self.gates):
            raise ValueError("gates: a gate on shadow metrics can never be met with shadow_s 0; give it the phase live")
        return self
