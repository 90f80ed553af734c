"""Model health on the HTTP API."""

from __future__ import annotations

from cloud.kit.schemas import ApiModel
from cloud.model_health.rules import Status
from contracts.base import UtcDatetime
from contracts.vision import ModelRef


class UnitModelHealth(ApiModel):
    """How the model of one unit does."""

    unit_id: int
    unit: str
    unit_name: str
    status: Status
    reason: str
    since: UtcDatetime
    """Since when it has had this status."""
    looked_at: UtcDatetime
    newest_at: UtcDatetime | None
    """End of its newest observation."""
    model: ModelRef | None
    latency_ms: float | None
    """Mean of the last hour, from capture to result."""
    confidence: float | None
    """Mean of the last hour."""
    drift: list[str]
    """Signals with open advice on drift."""


class SiteModelHealth(ApiModel):
    """Every unit of a site that has a camera; looked at every five minutes."""

    items: list[UnitModelHealth]
