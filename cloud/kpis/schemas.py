"""Figures on the HTTP API."""

from __future__ import annotations

from cloud.kit.schemas import ApiModel
from cloud.kpis.rules import KpiVerdict
from contracts.base import UtcDatetime


class KpiTarget(ApiModel):
    """What a figure shall be."""

    value: float
    below: bool
    """True: below the value. False: at least the value."""


class Kpi(ApiModel):
    """One figure."""

    name: str
    label: str
    ucum: str
    value: float | None
    """Null when it cannot be told; ``missing`` says why."""
    target: KpiTarget | None
    verdict: KpiVerdict
    computed_from: list[str]
    missing: str | None


class SiteKpis(ApiModel):
    """The figures of a site, a unit or a batch in a time."""

    site: str
    unit: str | None
    batch: str | None
    start: UtcDatetime
    end: UtcDatetime
    """Not later than now: the future has no figures."""
    kpis: list[Kpi]
