"""Every endpoint: anonymous 401, another organization 404, too low a role 403, and no nasty input above 499."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from uuid import uuid4

import httpx
import pytest

from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api
from tests.servers.presence import missing

RANGE = "start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z"
IMAGE = f"/images/{farms.JPEG_SHA256}"
READS = (
    "/auth/me",
    "/sites",
    "/sites/fjord",
    "/sites/fjord/units",
    "/sites/fjord/latest",
    "/units/1",
    "/units/1/observations",
    f"/channels/1/series?{RANGE}",
    "/channels/1/calibrations",
    f"/channels/1/series.csv?{RANGE}",
    f"/channels/1/series.parquet?{RANGE}",
    f"/sites/fjord/export.csv?{RANGE}",
    f"/sites/fjord/export.parquet?{RANGE}&quantities=do",
    IMAGE,
    "/alarms",
    "/alarms?site=fjord",
    "/sites/fjord/advice",
    "/sites/fjord/advice-settings",
    "/batches",
    "/sites/fjord/holdings",
    "/sites/fjord/records",
    "/sites/fjord/withdrawals",
    "/sites/fjord/lice?region=norway-south",
    f"/sites/fjord/kpis?{RANGE}",
    "/units/1/before?at=2026-01-02T00:00:00Z",
    f"/sites/fjord/reports/daily-log.pdf?{RANGE}",
    f"/sites/fjord/reports/water-compliance.csv?{RANGE}",
    "/devices",
    "/devices?site=fjord",
    "/dead-letters",
)
OF_ANOTHER = (
    "/sites/fjord",
    "/sites/fjord/units",
    "/sites/fjord/latest",
    "/units/1",
    "/units/1/observations",
    f"/channels/1/series?{RANGE}",
    "/channels/1/calibrations",
    f"/channels/1/series.csv?{RANGE}",
    f"/channels/1/series.parquet?{RANGE}",
    f"/sites/fjord/export.csv?{RANGE}",
    f"/sites/fjord/export.parquet?{RANGE}&quantities=do",
    IMAGE,
    "/alarms?site=fjord",
    "/sites/fjord/advice",
    "/sites/fjord/advice-settings",
    "/sites/fjord/holdings",
    "/sites/fjord/records",
    "/sites/fjord/withdrawals",
    "/sites/fjord/lice",
    f"/sites/fjord/kpis?{RANGE}",
    "/units/1/before?at=2026-01-02T00:00:00Z",
    f"/sites/fjord/reports/daily-log.pdf?{RANGE}",
    f"/sites/fjord/reports/water-compliance.csv?{RANGE}",
    "/devices?site=fjord",
)


def is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    body = answer.json()
    return (
        answer.status_code == status == body["status"]
        and answer.headers["content-type"] == "application/problem+json"
        and body["code"] == code
        and body["type"].endswith(code)
        and body["request_id"] == answer.headers["x-request-id"]
        and bool(body["title"])
        and bool(body["detail"])
    )


@pytest.mark.parametrize("path", READS)
def test_anonymous_must_sign_in(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(f"/api/v1{path}")
    assert is_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_anonymous_cannot_acknowledge(anonymous: httpx.Client, farm: farms.Farm) -> None:
    assert is_problem(anonymous.post(f"/api/v1/alarms/{farm.active_alarm}/acknowledge"), 401, "unauthenticated")


@pytest.mark.parametrize("path", OF_ANOTHER)
def test_another_organizations_things_do_not_exist(rival: httpx.Client, viewer: httpx.Client, path: str) -> None:
    if "parquet" in path and find_spec("pyarrow") is None:
        missing("pyarrow", "pip install '.[cloud]'")
    assert viewer.get(f"/api/v1{path}").status_code == 200
    assert is_problem(rival.get(f"/api/v1{path}"), 404, "not_found")


def test_another_organizations_alarm_cannot_be_acknowledged(
    rival: httpx.Client, operator: httpx.Client, farm: farms.Farm
) -> None:
    assert is_problem(rival.post(f"/api/v1/alarms/{farm.active_alarm}/acknowledge"), 404, "not_found")
    assert is_problem(operator.post(f"/api/v1/alarms/{farm.rival_alarm}/acknowledge"), 404, "not_found")


def test_lists_show_the_own_organization_only(rival: httpx.Client) -> None:
    assert [site["slug"] for site in rival.get("/api/v1/sites").json()["items"]] == ["lagoon"]
    assert [device["site"] for device in rival.get("/api/v1/devices").json()["items"]] == ["lagoon"]
    assert {alarm["site"] for alarm in rival.get("/api/v1/alarms").json()["items"]} == {"lagoon"}


def test_viewer_cannot_acknowledge(viewer: httpx.Client, farm: farms.Farm) -> None:
    assert is_problem(viewer.post(f"/api/v1/alarms/{farm.active_alarm}/acknowledge"), 403, "forbidden")


@pytest.mark.parametrize("name", ["viewer", "operator", "rival"])
def test_dead_letters_need_a_fleet_admin(api: Api, token_of: Callable[[str], str], name: str) -> None:
    with api.client(token_of(name)) as client:
        assert is_problem(client.get("/api/v1/dead-letters"), 403, "forbidden")


@pytest.mark.parametrize(
    "path",
    [
        "/sites/%00",
        "/sites/fjord%00/latest",
        "/sites/..%2f..%2fetc/latest",
        "/sites/FJORD",
        "/sites?cursor=%00",
        "/sites?cursor=WyJcdTAwMDAiXQ",
        "/sites?limit=0",
        "/sites?limit=1000000",
        "/units/0",
        "/units/-1",
        "/units/99999999999999999999",
        "/units/abc",
        "/units/1/observations?before=nonsense",
        "/units/1/observations?before=2026-01-01",
        "/units/1/observations?before=9999999999-1",
        "/channels/1/series",
        "/channels/1/series?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
        "/channels/1/series?start=2026-01-01T00:00:00&end=2026-01-02T00:00:00",
        "/channels/1/series?start=0001-01-01T00:00:00Z&end=9999-12-31T23:59:59Z",
        f"/channels/1/series?{RANGE}&max_points=2001",
        f"/channels/99999999999/series?{RANGE}",
        "/channels/99999999999/calibrations",
        "/channels/1/series?start=0001-01-01T00:00:00%2B14:00&end=0001-01-02T00:00:00%2B14:00",
        "/channels/1/series.csv",
        f"/channels/99999999999/series.csv?{RANGE}",
        f"/channels/1/series.csv?{RANGE}&resolution=1s",
        "/channels/1/series.csv?start=0001-01-01T00:00:00Z&end=9999-12-31T23:59:59Z",
        f"/sites/nowhere/export.csv?{RANGE}",
        f"/sites/fjord%00/export.csv?{RANGE}",
        "/sites/fjord/export.csv?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
        "/sites/fjord/kpis",
        "/units/1/before",
        "/sites/fjord/reports/daily-log.pdf",
        f"/sites/fjord/reports/..%2fetc.pdf?{RANGE}",
        f"/sites/fjord/reports/daily-log.exe?{RANGE}",
        f"/sites/nowhere/reports/daily-log.csv?{RANGE}",
        f"/sites/fjord/reports/traceability.csv?{RANGE}&batch=%00",
        "/units/0/before?at=2026-01-02T00:00:00Z",
        "/units/1/before?at=yesterday",
        "/units/1/before?at=2026-01-02T00:00:00Z&hours=0",
        "/units/1/before?at=0001-01-01T00:00:00Z",
        "/sites/nowhere/kpis?" + RANGE,
        f"/sites/fjord/kpis?{RANGE}&unit=tank-99",
        f"/sites/fjord/kpis?{RANGE}&batch=%00",
        f"/sites/fjord/kpis?{RANGE}&cost=nan",
        f"/sites/fjord/kpis?{RANGE}&cost=-1",
        "/sites/fjord/kpis?start=0001-01-01T00:00:00Z&end=9999-12-31T23:59:59Z",
        "/alarms?cursor=WyJ4IiwieSJd",
        "/alarms?open=perhaps",
        "/sites/fjord/advice?open=perhaps",
        "/sites/fjord/advice?cursor=WyJ4IiwieSJd",
        "/sites/fjord%00/advice-settings",
        "/alarms?site=%00",
        "/devices?site=nowhere",
        "/batches/%00",
        "/batches?cursor=WyJcdTAwMDAiXQ",
        "/sites/fjord/records?kind=party",
        "/sites/fjord/records?unit=tank-99",
        "/sites/fjord/records?batch=%00",
        "/sites/fjord/records?start=yesterday",
        "/sites/fjord/records?cursor=WyJ4IiwieSJd",
        "/records/not-a-uuid",
        "/images/..%2f..%2f..%2fetc%2fpasswd",
        "/images/%2e%2e",
        "/images/" + "A" * 64,
        "/images/" + "0" * 64,
        "/images/" + "0" * 64 + "?expires=99999999999999999999999&signature=%00",
        "/images/" + "0" * 64 + "?expires=1&signature=%ff%fe",
        "/nothing/here",
    ],
)
def test_nasty_input_is_refused_by_name(viewer: httpx.Client, path: str) -> None:
    answer = viewer.get(f"/api/v1{path}")
    assert 400 <= answer.status_code < 500, answer.text
    assert is_problem(answer, answer.status_code, answer.json()["code"])


def test_unknown_alarm_is_not_found(operator: httpx.Client) -> None:
    assert is_problem(operator.post(f"/api/v1/alarms/{uuid4()}/acknowledge"), 404, "not_found")
    assert is_problem(operator.post("/api/v1/alarms/not-a-uuid/acknowledge"), 422, "invalid_request")
