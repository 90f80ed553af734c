"""Groups and tags: who may set them, what lists and rollouts make of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

BOX = "fjord/edge-1"


@pytest.fixture
def box(fleet_admin: httpx.Client) -> dict[str, Any]:
    """The first device of the farm."""
    first: dict[str, Any] = fleet_admin.get("/api/v1/devices", params={"site": "fjord"}).json()["items"][0]
    return first


@pytest.fixture
def group(fleet_admin: httpx.Client, box: dict[str, Any]) -> Iterator[str]:
    body = {"note": "those with the new cameras", "devices": [f"fjord/{box['slug']}"]}
    answer = fleet_admin.put("/api/v1/device-groups/new-cameras", json=body)
    assert answer.status_code == 200, answer.text
    yield "new-cameras"
    fleet_admin.delete("/api/v1/device-groups/new-cameras")


def test_a_group_is_shown_and_chosen_by(fleet_admin: httpx.Client, box: dict[str, Any], group: str) -> None:
    groups = fleet_admin.get("/api/v1/device-groups").json()["items"]
    assert [(each["name"], each["devices"]) for each in groups] == [(group, [f"fjord/{box['slug']}"])]
    chosen = fleet_admin.get("/api/v1/devices", params={"group": group}).json()["items"]
    assert [(each["slug"], each["groups"]) for each in chosen] == [(box["slug"], [group])]
    assert fleet_admin.delete(f"/api/v1/device-groups/{group}").status_code == 204
    assert fleet_admin.delete(f"/api/v1/device-groups/{group}").status_code == 404


def test_tags_replace_each_other_and_choose_devices(fleet_admin: httpx.Client, box: dict[str, Any]) -> None:
    path = f"/api/v1/sites/fjord/devices/{box['slug']}/tags"
    assert fleet_admin.put(path, json={"tags": ["turbid", "spare"]}).json()["tags"] == ["spare", "turbid"]
    assert fleet_admin.put(path, json={"tags": ["turbid"]}).json()["tags"] == ["turbid"]
    assert [each["slug"] for each in fleet_admin.get("/api/v1/devices?tag=turbid").json()["items"]] == [box["slug"]]
    assert fleet_admin.get("/api/v1/devices?tag=spare").json()["items"] == []
    assert fleet_admin.put(path, json={"tags": []}).json()["tags"] == []


def test_groups_and_tags_are_the_fleets(operator: httpx.Client, rival: httpx.Client, box: dict[str, Any]) -> None:
    assert operator.put("/api/v1/device-groups/mine", json={"devices": []}).status_code == 403
    assert operator.put(f"/api/v1/sites/fjord/devices/{box['slug']}/tags", json={"tags": []}).status_code == 403
    assert rival.get("/api/v1/device-groups").json()["items"] == []


def test_a_stranger_in_a_group_is_refused_by_name(fleet_admin: httpx.Client) -> None:
    answer = fleet_admin.put("/api/v1/device-groups/strange", json={"devices": ["lagoon/edge-1"]})
    assert answer.status_code == 404
    assert "lagoon/edge-1" in answer.text


def test_what_does_not_work_on_a_box_and_when_its_certificate_ends_is_seen_from_here(
    operator: httpx.Client, rival: httpx.Client, anonymous: httpx.Client, box: dict[str, Any], farm_url: str
) -> None:
    now = datetime.now(timezone.utc)
    ends = (now + timedelta(days=90)).isoformat()
    top = {"name": "top", "state": "connecting", "fps": 0, "frames": 0, "frames_dropped": 0, "reconnects": 3}
    body = {"degraded": ["camera top is lost"], "certificate_expires_at": ends, "outbox_rows": 7, "cameras": [top]}
    with psycopg.connect(farm_url) as database:
        database.execute(
            "INSERT INTO device_health (device_id, observed_at, body) VALUES (%s, %s, %s)",
            (box["id"], now, Jsonb(body)),
        )
    try:
        wrong = operator.get("/api/v1/device-health", params={"wrong": "true", "site": box["site"]}).json()["items"]
        mine = next(one for one in wrong if one["device"] == box["slug"])
        assert mine["degraded"] == ["camera top is lost"]
        assert (mine["outbox_rows"], mine["model"]) == (7, None)
        assert mine["cameras"] == [{"name": "top", "state": "connecting", "fps": 0, "last_frame_age_s": None}]
        assert datetime.fromisoformat(mine["certificate_expires_at"]) == datetime.fromisoformat(ends)
        with psycopg.connect(farm_url) as database:
            later = (box["id"], now + timedelta(seconds=30), Jsonb(body | {"degraded": []}))
            database.execute("INSERT INTO device_health (device_id, observed_at, body) VALUES (%s, %s, %s)", later)
        well = operator.get("/api/v1/device-health", params={"wrong": "true", "site": box["site"]}).json()["items"]
        assert box["slug"] not in {one["device"] for one in well}, "the camera is back"
        everybody = operator.get("/api/v1/device-health", params={"limit": 500}).json()["items"]
        assert box["slug"] in {one["device"] for one in everybody}
        assert anonymous.get("/api/v1/device-health").status_code == 401
        assert box["slug"] not in {
            one["device"] for one in rival.get("/api/v1/device-health").json()["items"] if one["site"] == box["site"]
        }
    finally:
        with psycopg.connect(farm_url) as database:
            database.execute("DELETE FROM device_health WHERE device_id = %s AND observed_at >= %s", (box["id"], now))
