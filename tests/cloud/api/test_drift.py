"""Drift over HTTP: how versions do, advice with images, and taking a change for the new normal."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from tests.cloud.api import farm as farms
from tests.cloud.api.test_access import is_problem

MODEL = "d1" * 32


@pytest.fixture
def drifting(farm_url: str, farm: farms.Farm) -> Iterator[UUID]:
    """A tank of the farm whose pictures have become dim, told and open; gone after the test."""
    alert = uuid4()
    with psycopg.connect(farm_url, autocommit=True) as database:
        found = database.execute(
            "SELECT unit.id, unit.site_id FROM unit JOIN site ON site.id = unit.site_id WHERE site.slug = 'fjord' LIMIT 1"
        ).fetchone()
        assert found is not None
        unit, site = found
        database.execute(
            "INSERT INTO drift_series VALUES (%s, %s, 'fish-detector', '1.0.0', '2026-01-01', '2026-03-01', '2026-03-01')",
            (unit, MODEL),
        )
        database.execute(
            "INSERT INTO drift_hour SELECT %s, %s, hour, 360, '{\"light\": 0.4}', '{\"salmon\": 9.5}'"
            " FROM generate_series('2026-02-01'::timestamptz, '2026-02-02', '1 hour') AS hour",
            (unit, MODEL),
        )
        for signal, verdict, days in (("light", "drift", 3), ("count", "stable", 0)):
            database.execute(
                "INSERT INTO drift_signal VALUES (%s, %s, %s, %s, 1.2, 0.9, 0.0001, -2.5, 7, 30, 8, NULL, %s, 0)",
                (unit, MODEL, signal, verdict, days),
            )
        database.execute(
            "INSERT INTO drift_alert (id, site_id, unit_id, model_name, model_version, model_sha256, signal, family, started_at,"
            " told_at, psi, p, shift, text, evidence, before)"
            " VALUES (%s, %s, %s, 'fish-detector', '1.0.0', %s, 'light', 'input', '2026-02-20', '2026-02-28', 1.2, 0.0001,"
            " -2.5, 'The light fell', jsonb_build_array(%s::text), '[]')",
            (alert, site, unit, MODEL, farms.JPEG_SHA256),
        )
        yield alert
        for table in ("drift_alert", "drift_signal", "drift_series", "drift_hour"):
            database.execute(f"DELETE FROM {table} WHERE model_sha256 = %s", (MODEL,))  # noqa: S608  (our own names)


def test_a_page_can_show_how_each_version_does(viewer: httpx.Client, rival: httpx.Client, drifting: UUID) -> None:
    page = viewer.get("/api/v1/drift/series?site=fjord&model=fish-detector").json()
    one = next(each for each in page["items"] if each["model"]["sha256"] == MODEL)
    assert one["status"] == "drift"
    assert [(each["signal"], each["verdict"]) for each in one["signals"]] == [("count", "stable"), ("light", "drift")]
    assert viewer.get("/api/v1/drift/series?limit=1").json()["items"]
    path = f"/api/v1/drift/series/{one['unit_id']}/{MODEL}"
    hours = viewer.get(f"{path}?start=2026-01-15T00:00:00Z&end=2026-03-01T00:00:00Z").json()["items"]
    assert len(hours) == 25
    assert hours[0]["signals"] == {"light": 0.4}
    assert is_problem(viewer.get(f"{path}?start=2026-03-01T00:00:00Z&end=2026-01-15T00:00:00Z"), 400, "invalid_range")
    assert is_problem(rival.get(path), 404, "not_found")
    assert all(each["model"]["sha256"] != MODEL for each in rival.get("/api/v1/drift/series").json()["items"])


def test_advice_comes_with_its_images_and_a_manager_may_take_it_for_normal(
    viewer: httpx.Client, operator: httpx.Client, platform_admin: httpx.Client, rival: httpx.Client, drifting: UUID
) -> None:
    listed = viewer.get("/api/v1/drift/alerts?site=fjord&open=true").json()["items"]
    assert [each["id"] for each in listed] == [str(drifting)]
    image = httpx.get(str(viewer.base_url).rstrip("/") + listed[0]["evidence"][0])
    assert image.content == farms.JPEG
    path = f"/api/v1/drift/alerts/{drifting}"
    assert viewer.get(path).json() == listed[0] | {"evidence": viewer.get(path).json()["evidence"]}
    assert is_problem(operator.post(f"{path}/accept"), 403, "forbidden")
    assert is_problem(rival.post(f"{path}/accept"), 404, "not_found")
    accepted = platform_admin.post(f"{path}/accept")
    assert accepted.status_code == 200, accepted.text
    assert (accepted.json()["ended_because"], accepted.json()["accepted_by"]) == ("accepted", "admin@fjord.example")
    series = viewer.get("/api/v1/drift/series?site=fjord").json()["items"]
    one = next(each for each in series if each["model"]["sha256"] == MODEL)
    assert (one["status"], one["reference_from"][:10]) == ("learning", "2026-02-20")
    assert is_problem(platform_admin.post(f"{path}/accept"), 409, "conflict")


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WyJhIiwgImIiXQ"])
def test_a_cursor_of_nowhere_is_refused(viewer: httpx.Client, cursor: str) -> None:
    for path in ("series", "alerts"):
        assert is_problem(viewer.get(f"/api/v1/drift/{path}?cursor={cursor}"), 400, "invalid_cursor")


def test_metrics_tell_of_drift(anonymous: httpx.Client) -> None:
    text = anonymous.get("/metrics").text
    for name in ("shoal_drift_psi", "shoal_drift_ks", "shoal_drift_units", "shoal_drift_alerts_open"):
        assert f"# TYPE {name} gauge" in text
