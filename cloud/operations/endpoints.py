"""For those who run the platform: dependencies with their latency, and how fast this process answers."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from cloud.auth.dependencies import FleetAdmin
from cloud.kit.problems import problems
from cloud.operations.checks import checked
from cloud.operations.performance import MAX_WINDOW_S, SLICE_S, Figures, PerformanceWindow
from cloud.operations.schemas import DetailedHealth, Performance, RouteFigures

router = APIRouter(prefix="/metrics", tags=["operations"])
probes = APIRouter(tags=["operations"])


@probes.get("/health/detailed", summary="Everything this process depends on", responses=problems(401, 403))
async def get_detailed_health(request: Request, user: FleetAdmin) -> DetailedHealth:
    """Asks every dependency at once and tells how long each took; always 200, so that it can be read when one is down."""
    del user
    state = request.app.state
    dependencies = await asyncio.gather(
        *(checked(name, check, required=required) for name, check, required in state.checks)
    )
    if any(each.status == "down" and each.required for each in dependencies):
        status = "down"
    elif any(each.status in {"down", "degraded"} for each in dependencies):
        status = "degraded"
    else:
        status = "ok"
    return DetailedHealth.model_validate(
        {
            "status": status,
            "version": state.product_version,
            "uptime_s": round(monotonic() - state.started, 1),
            "checked_at": datetime.now(timezone.utc),
            "dependencies": dependencies,
        }
    )


@router.get("/performance", summary="How fast this process answers", responses=problems(401, 403))
async def get_performance(
    request: Request,
    user: FleetAdmin,
    window_s: Annotated[int, Query(ge=SLICE_S, le=MAX_WINDOW_S, description="Seconds back from now.")] = 300,
) -> Performance:
    """Requests, throughput, errors and latency by route over a sliding window, of the process that answers."""
    del user
    window: PerformanceWindow = request.app.state.performance
    now_s = monotonic()
    covered_s = window.covered_s(window_s, now_s)
    total, routes = window.figures(window_s, now_s)
    return Performance(
        window_s=window_s,
        covered_s=round(covered_s, 1),
        total=_shown(total, covered_s),
        routes={route: _shown(figures, covered_s) for route, figures in routes.items()},
    )


@router.post("/performance/reset", summary="Begin the window anew", status_code=204, responses=problems(401, 403))
async def reset_performance(request: Request, user: FleetAdmin) -> Response:
    """Forget the figures of the process that answers. What Prometheus reads is not touched: its counters only grow."""
    del user
    window: PerformanceWindow = request.app.state.performance
    window.reset(monotonic())
    return Response(status_code=204)


def _shown(figures: Figures, covered_s: float) -> RouteFigures:
    requests = max(1, figures.requests)
    return RouteFigures(
        requests=figures.requests,
        requests_per_s=round(figures.requests / covered_s, 3),
        error_rate=round(figures.errors / requests, 5),
        refused_rate=round(figures.refused / requests, 5),
        mean_ms=round(figures.mean_s * 1000, 3),
        p50_ms=round(figures.p50_s * 1000, 3),
        p95_ms=round(figures.p95_s * 1000, 3),
        p99_ms=round(figures.p99_s * 1000, 3),
        slowest_ms=round(figures.slowest_s * 1000, 3),
    )
