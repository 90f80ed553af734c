"""Groups and tags: who may set them, what lists and rollouts make of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

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
