"""Operations on the HTTP API."""

from __future__ import annotations

from typing import Literal

from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime


class Dependency(ApiModel):
    """Something that this process needs."""

    name: str
    status: Literal["ok", "degraded", "down", "not_used"]
    required: bool
    """Without it no request can be served."""
    latency_ms: float | None
    """How long it took to answer."""
    detail: str
    """What it said, or what is wrong and what to do."""


class DetailedHealth(ApiModel):
    """How this process does, with everything that it depends on."""

    status: Literal["ok", "degraded", "down"]
    """``down`` when something that is required is down."""
    version: str
    uptime_s: float
    checked_at: UtcDatetime
    dependencies: list[Dependency]


class RouteFigures(ApiModel):
    """How one route answered within the window."""

    requests: int
    requests_per_s: float
    error_rate: float
    """Share of the answers that were 500 and above."""
    refused_rate: float
    """Share of the answers that were 400 to 499."""
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    slowest_ms: float


class Performance(ApiModel):
    """How this process answered over the last minutes. Percentiles are right to 5 %."""

    window_s: int
    covered_s: float
    """Seconds of the window since the start or the last reset."""
    total: RouteFigures
    routes: dict[str, RouteFigures]
    """By path template; requests that match no route are ``other``."""
