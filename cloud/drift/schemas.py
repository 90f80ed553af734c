"""Drift on the HTTP API."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from cloud.drift.signals import DriftVerdict, Family, Signal
from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime
from contracts.vision import ModelRef


class SignalOut(ApiModel):
    """What the newest day said of one signal."""

    signal: Signal
    family: Family
    verdict: DriftVerdict
    psi: float
    """Population stability index against the reference; 0.25 and more is a lot."""
    ks: float
    """Largest distance of the two distributions, from 0 to 1."""
    p: float
    """Probability of such a distance by chance, counted by the numbers that are independent."""
    shift: float
    """Of the mean, in usual spreads; of errors, in percentage points."""
    days: int
    """Length of the window that the figures are of."""
    changed_at: UtcDatetime | None
    """When a sudden change began, where one was found."""
    drift_days: int
    """Days in a row that said drift; from two on it is told."""


class DriftSeriesOut(ApiModel):
    """A version of a model at a unit."""

    site: str
    unit_id: int
    unit: str
    unit_name: str
    model: ModelRef
    status: Literal["learning", "stable", "drift"]
    """Of its worst signal; ``learning`` for two weeks after a version began."""
    reference_from: UtcDatetime
    newest_hour: UtcDatetime
    judged_until: UtcDatetime | None
    """Days before this have been judged."""
    signals: list[SignalOut]


class DriftSeriesPage(Page[DriftSeriesOut]):
    """Some versions at units, by unit."""


class DriftAlertOut(ApiModel):
    """Advice that a signal is not what it was. It has called nobody and changed nothing by itself."""

    id: UUID
    site: str
    unit_id: int
    unit: str
    unit_name: str
    model: ModelRef
    signal: Signal
    family: Family
    started_at: UtcDatetime
    told_at: UtcDatetime
    ended_at: UtcDatetime | None
    ended_because: Literal["stable", "accepted", "replaced"] | None
    accepted_by: str | None
    psi: float
    p: float
    shift: float
    text: str
    """All of it in one sentence, with where to look."""
    evidence: list[str]
    """Signed addresses of images since then, newest first."""
    before: list[str]
    """Signed addresses of images of the reference."""


class DriftAlertPage(Page[DriftAlertOut]):
    """Some advice, newest first."""


class DriftHourOut(ApiModel):
    """Means of one hour."""

    hour: UtcDatetime
    """Its begin."""
    observations: int
    signals: dict[str, float]
    mix: dict[str, float]
    """Mean number per frame by label."""


class DriftHours(ApiModel):
    """A version at a unit over a period, for a chart."""

    start: UtcDatetime
    end: UtcDatetime
    items: list[DriftHourOut]
