"""What every answer has, whatever was asked: problems, headers, limits, pages, probes, metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud import openapi
from cloud.db import migrate
from tests.cloud.api.conftest import Api, Serving, settings_for
from tests.cloud.api.test_access import is_problem
from tests.cloud.postgres import Postgres

OPENAPI = Path(openapi.__file__).parent / "dashboard" / "openapi.json"


def test_unknown_address_and_method_are_problems(anonymous: httpx.Client) -> None:
    assert is_problem(anonymous.get("/api/v1/nothing"), 404, "not_found")
    assert is_problem(anonymous.get("/api"), 404, "not_found")
    assert is_problem(anonymous.delete("/api/v1/sites"), 405, "method_not_allowed")
    assert is_problem(anonymous.post("/"), 405, "method_not_allowed")


def test_every_answer_has_security_headers(anonymous: httpx.Client) -> None:
    for path in ("/", "/live", "/api/v1/sites", "/api/v1/nothing", "/assets/index-a1b2c3.js"):
        headers = anonymous.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "strict-transport-security" not in headers, "only where TLS is"


def test_page_policy_allows_own_scripts_and_inline_styles_only(anonymous: httpx.Client) -> None:
    policy = anonymous.get("/").headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self' 'unsafe-inline';" in policy
    assert "img-src 'self' data: blob:;" in policy


def test_request_id_is_the_clients_when_it_is_harmless(anonymous: httpx.Client) -> None:
    given = anonymous.get("/live", headers={"X-Request-ID": "my-request-1"}).headers["x-request-id"]
    assert given == "my-request-1"
    for nasty in ("short", "x" * 100, 'quote"brace}', "two words here"):
        assert anonymous.get("/live", headers={"X-Request-ID": nasty}).headers["x-request-id"] != nasty


def test_large_body_is_refused_whether_or_not_its_length_is_told(anonymous: httpx.Client) -> None:
    body = b"username=" + b"x" * 2_000_000
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    told = anonymous.post("/api/v1/auth/login", content=body, headers=form)
    assert is_problem(told, 413, "payload_too_large")

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    untold = anonymous.post("/api/v1/auth/login", content=chunks(), headers=form)
    assert is_problem(untold, 413, "payload_too_large")


def test_page_addresses_fall_back_to_the_page(anonymous: httpx.Client) -> None:
    for path in ("/", "/sites/fjord", "/units/7/cameras", "/index.html"):
        answer = anonymous.get(path)
        assert answer.status_code == 200
        assert "<title>Shoal</title>" in answer.text
        assert answer.headers["cache-control"] == "no-cache"
    etag = anonymous.get("/").headers["etag"]
    assert anonymous.get("/", headers={"If-None-Match": etag}).status_code == 304


def test_hashed_assets_are_kept_for_good_and_compressed(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/assets/index-a1b2c3.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text.startswith("export const farm")


@pytest.mark.parametrize(
    "path", ["/assets/missing.js", "/favicon.ico", "/robots.txt", "/outside.txt", "/assets/%2e%2e/%2e%2e/outside.txt"]
)
def test_missing_file_is_not_a_page(anonymous: httpx.Client, path: str) -> None:
    assert is_problem(anonymous.get(path), 404, "not_found")


@pytest.mark.parametrize(
    "path", ["/..%2foutside.txt", "/%2e%2e/outside.txt", "/..%5coutside.txt", "/%00", "//etc/passwd"]
)
def test_no_path_leads_out_of_the_dashboard(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path)
    assert "not for the web" not in answer.text
    assert "root:" not in answer.text
    assert answer.status_code < 500


def test_api_runs_without_a_dashboard(farm_url: str, tmp_path: Path) -> None:
    settings = settings_for(farm_url, storage_dir=tmp_path, dashboard_dir=tmp_path / "not-built")
    with Serving(settings) as running, running.client() as client:
        answer = client.get("/")
        assert is_problem(answer, 404, "not_found")
        assert "has not been built" in answer.json()["detail"]
        assert client.get("/live").status_code == 200


def test_cors_is_for_listed_origins_only(farm_url: str, tmp_path: Path) -> None:
    settings = settings_for(farm_url, storage_dir=tmp_path, dashboard_dir=tmp_path)
    ask = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    settings = settings.model_copy(update={"cors_origins": ("https://app.example",)})
    with Serving(settings) as running, running.client() as client:
        friend = client.options("/api/v1/sites", headers={"Origin": "https://app.example", **ask})
        stranger = client.options("/api/v1/sites", headers={"Origin": "https://evil.example", **ask})
    assert friend.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in stranger.headers


def test_metrics_are_by_route_template(anonymous: httpx.Client, viewer: httpx.Client) -> None:
    viewer.get("/api/v1/units/1")
    viewer.get("/api/v1/units/2")
    viewer.get("/no/such/page")
    text = anonymous.get("/metrics").text
    assert 'route="/api/v1/units/{unit_id}"' in text
    assert "/api/v1/units/1" not in text
    assert "/no/such/page" not in text


def test_probes_tell_that_all_is_well(anonymous: httpx.Client) -> None:
    assert anonymous.get("/live").json() == {"status": "ok"}
    assert anonymous.get("/ready").json() == {"status": "ok", "missing": []}
    health = anonymous.get("/health").json()
    assert health["status"] == "ok"
    assert health["uptime_s"] >= 0


def test_ready_names_the_missing_tables(empty_database_url: str, tmp_path: Path) -> None:
    settings = settings_for(empty_database_url, storage_dir=tmp_path, dashboard_dir=tmp_path)
    with Serving(settings) as running, running.client() as client:
        answer = client.get("/ready")
        assert client.get("/health").json()["status"] == "degraded"
    assert answer.status_code == 503
    (missing,) = answer.json()["missing"]
    assert "reading_latest" in missing
    assert "migrations" in missing


def test_api_lives_through_a_restart_of_the_database(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.url("postgres")
    migrate.upgrade(url)
    form = {"username": "nobody@fjord.example", "password": "long enough"}
    with (
        Serving(settings_for(url, storage_dir=tmp_path, dashboard_dir=tmp_path)) as running,
        running.client() as client,
    ):
        assert client.get("/ready").status_code == 200
        postgres.kill()
        assert client.get("/live").status_code == 200
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["missing"]) == (503, ["database: it does not answer"])
        away = client.post("/api/v1/auth/login", data=form)
        assert is_problem(away, 503, "unavailable")
        assert away.headers["retry-after"] == "2"
        postgres.start()
        assert client.get("/ready").status_code == 200
        assert is_problem(client.post("/api/v1/auth/login", data=form), 401, "invalid_credentials")


def test_unexpected_error_tells_nothing_but_the_request_id(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret inner workings")

    monkeypatch.setattr(api.app.state.login, "login", broken)
    with api.client() as client:
        answer = client.post("/api/v1/auth/login", data={"username": "a", "password": "b"})
    assert is_problem(answer, 500, "internal_error")
    assert "secret inner workings" not in answer.text


def test_openapi_file_is_current() -> None:
    assert OPENAPI.read_text() == openapi.document(), "run: python -m cloud.openapi > cloud/dashboard/openapi.json"


OPEN = {
    f"/api/v1/{path}"
    for path in (
        *("auth/login", "auth/ways", "auth/refresh", "auth/register", "auth/password/reset"),
        *("enrolment/certificate", "enrolment/renewal", "enrolment/revoked.pem"),
    )
}
"""What somebody asks who has no access token yet."""


def test_openapi_describes_every_operation() -> None:
    document = json.loads(openapi.document())
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert {"listSites", "getSiteLatest", "getChannelSeries", "acknowledgeAlarm", "login"} <= set(names)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["description"]
            assert operation["tags"]
            if path.startswith("/api/") and path not in OPEN:
                assert "401" in operation["responses"], path
                assert operation["security"], path
    refusals = [
        response["content"]
        for operation in operations
        for status, response in operation["responses"].items()
        if status.startswith("4")
    ]
    assert all(list(content) == ["application/problem+json"] for content in refusals)


def test_served_openapi_is_the_file(anonymous: httpx.Client) -> None:
    assert anonymous.get("/api/v1/openapi.json").json() == json.loads(OPENAPI.read_text())
