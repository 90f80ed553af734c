"""Dependencies with their latency, and how fast the process answers."""

from __future__ import annotations

import httpx
import pytest

from cloud.operations.schemas import DetailedHealth, Performance
from tests.cloud.api.test_access import is_problem

OPERATIONS = (("GET", "/health/detailed"), ("GET", "/api/v1/metrics/performance"))


@pytest.mark.parametrize(("method", "path"), [*OPERATIONS, ("POST", "/api/v1/metrics/performance/reset")])
def test_operations_are_for_fleet_admins(
    anonymous: httpx.Client, operator: httpx.Client, method: str, path: str
) -> None:
    assert is_problem(anonymous.request(method, path), 401, "unauthenticated")
    assert is_problem(operator.request(method, path), 403, "forbidden")


def test_every_dependency_is_told_with_its_latency(fleet_admin: httpx.Client) -> None:
    health = DetailedHealth.model_validate_json(fleet_admin.get("/health/detailed").content)
    by_name = {each.name: each for each in health.dependencies}
    database = by_name["database"]
    assert (database.status, database.required) == ("ok", True)
    assert "PostgreSQL" in database.detail
    assert database.latency_ms is not None
    assert database.latency_ms > 0
    assert {"image_store", "live"} <= by_name.keys()
    assert health.status in {"ok", "degraded"}


def test_performance_counts_what_was_asked_since_the_reset(fleet_admin: httpx.Client) -> None:
    assert fleet_admin.post("/api/v1/metrics/performance/reset").status_code == 204
    for _ in range(5):
        fleet_admin.get("/api/v1/sites").raise_for_status()
    fleet_admin.get("/api/v1/sites/nowhere")
    told = Performance.model_validate_json(fleet_admin.get("/api/v1/metrics/performance?window_s=60").content)
    sites = told.routes["GET /api/v1/sites"]
    assert (sites.requests, sites.error_rate) == (5, 0)
    assert 0 < sites.p50_ms <= sites.p99_ms <= sites.slowest_ms
    assert told.routes["GET /api/v1/sites/{site}"].refused_rate == 1
    assert told.total.requests >= 6


def test_metrics_tell_what_the_newest_values_are_worth(anonymous: httpx.Client) -> None:
    text = anonymous.get("/metrics").text
    assert 'shoal_data_channels{site="fjord",state="good"}' in text
    assert "shoal_live_look_seconds" in text
