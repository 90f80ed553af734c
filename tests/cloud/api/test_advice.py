"""Advice and its settings over HTTP."""

from __future__ import annotations

import httpx
import psycopg
import pytest

from tests.cloud.api import farm as farms
from tests.cloud.api.test_access import is_problem

TEXT = "Dissolved oxygen in Tank 1 is 1.20 mg/L below what it usually is at 05:00"


@pytest.fixture
def told(farm_url: str, farm: farms.Farm) -> int:
    """Three pieces of advice on the farm's oxygen, the newest still open."""
    with psycopg.connect(farm_url) as database:
        database.execute("DELETE FROM advice")
        database.execute(
            "INSERT INTO advice (id, site_id, unit_id, channel_id, quantity, started_at, told_at, ended_at, value, expected,"
            " spread, shared, text) SELECT gen_random_uuid(), u.site_id, u.id, c.id, 'do', day, day + INTERVAL '1 hour',"
            " CASE WHEN day < '2026-01-03' THEN day + INTERVAL '2 hours' END, 6.7, 7.9, 0.2, false, %s"
            " FROM channel AS c JOIN unit AS u ON u.id = c.unit_id,"
            " generate_series('2026-01-01'::timestamptz, '2026-01-03', '1 day') AS day"
            " WHERE c.id = (SELECT min(one.id) FROM channel AS one JOIN unit ON unit.id = one.unit_id JOIN site ON site.id ="
            " unit.site_id WHERE site.slug = 'fjord' AND one.quantity = 'do')",
            (TEXT,),
        )
        return 3


def test_advice_is_listed_newest_first_in_pages(viewer: httpx.Client, told: int) -> None:
    first = viewer.get("/api/v1/sites/fjord/advice?limit=2").json()
    assert [one["started_at"][:10] for one in first["items"]] == ["2026-01-03", "2026-01-02"]
    assert first["items"][0]["text"] == TEXT
    assert first["items"][0]["ended_at"] is None
    assert first["items"][0]["is_alarm"] is False
    rest = viewer.get(f"/api/v1/sites/fjord/advice?limit=2&cursor={first['next_cursor']}").json()
    assert len(first["items"]) + len(rest["items"]) == told
    assert rest["next_cursor"] is None
    assert len(viewer.get("/api/v1/sites/fjord/advice?open=true").json()["items"]) == 1


def test_a_farm_manager_lets_oxygen_be_an_alarm_and_the_rest_stays_as_shipped(manager: httpx.Client) -> None:
    path = "/api/v1/sites/skerry/advice-settings"
    before = manager.get(path).json()["quantities"]
    assert set(before.values()) == {"advise"}
    after = manager.put(path, json={"quantities": {"do": "alarm", "turbidity": "off"}})
    assert after.status_code == 200, after.text
    assert after.json()["quantities"] == {**before, "do": "alarm", "turbidity": "off"}
    assert manager.get(path).json() == after.json()
    assert manager.put(path, json={"quantities": {}}).json()["quantities"] == before


@pytest.mark.parametrize(
    "body", [{"quantities": {"gold": "alarm"}}, {"quantities": {"do": "page"}}, {}, {"do": "alarm"}]
)
def test_a_setting_that_makes_no_sense_is_refused(manager: httpx.Client, body: dict[str, object]) -> None:
    answer = manager.put("/api/v1/sites/skerry/advice-settings", json=body)
    assert is_problem(answer, 422, "invalid_request")


def test_an_operator_cannot_set_it(operator: httpx.Client, anonymous: httpx.Client) -> None:
    path, wish = "/api/v1/sites/fjord/advice-settings", {"quantities": {"do": "alarm"}}
    assert is_problem(operator.put(path, json=wish), 403, "forbidden")
    assert is_problem(anonymous.put(path, json=wish), 401, "unauthenticated")


def test_another_farm_cannot_set_it(rival: httpx.Client) -> None:
    answer = rival.put("/api/v1/sites/fjord/advice-settings", json={"quantities": {"do": "alarm"}})
    assert is_problem(answer, 404, "not_found")
