"""Rollouts over HTTP: who may ask, what is shown, what is refused."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

NEW: dict[str, Any] = {"name": "better eyes", "model": "fish-detector", "version": "1.1.0", "back_to": "1.0.0"}


@pytest.fixture
def rollout(fleet_admin: httpx.Client) -> dict[str, Any]:
    answer = fleet_admin.post("/api/v1/rollouts", json=NEW)
    assert answer.status_code == 201, answer.text
    asked: dict[str, Any] = answer.json()
    return asked


def test_rollouts_are_for_fleet_admins(
    anonymous: httpx.Client, operator: httpx.Client, rollout: dict[str, Any]
) -> None:
    paths = ("", f"/{rollout['id']}", f"/{rollout['id']}/devices", f"/{rollout['id']}/decisions")
    for path in paths:
        assert anonymous.get(f"/api/v1/rollouts{path}").status_code == 401
        assert operator.get(f"/api/v1/rollouts{path}").status_code == 403
    assert operator.post("/api/v1/rollouts", json=NEW).status_code == 403
    order = {"kind": "pause", "reason": "storm"}
    assert operator.post(f"/api/v1/rollouts/{rollout['id']}/orders", json=order).status_code == 403


def test_a_rollout_of_another_organization_does_not_exist(
    platform_admin: httpx.Client, rival: httpx.Client, rollout: dict[str, Any]
) -> None:
    assert platform_admin.get(f"/api/v1/rollouts/{rollout['id']}").status_code == 200
    assert rival.get(f"/api/v1/rollouts/{rollout['id']}").status_code in {403, 404}


def test_what_is_asked_is_shown_with_its_plan(fleet_admin: httpx.Client, rollout: dict[str, Any]) -> None:
    assert rollout["status"] == "asked"
    assert [wave["name"] for wave in rollout["waves"]] == ["canary", "early", "half", "all"]
    assert fleet_admin.get(f"/api/v1/rollouts/{rollout['id']}").json() == rollout
    page = fleet_admin.get("/api/v1/rollouts", params={"limit": 1}).json()
    assert page["items"][0]["id"] == rollout["id"]
    assert fleet_admin.get(f"/api/v1/rollouts/{rollout['id']}/devices").json()["items"] == []


def test_a_plan_that_protects_nobody_is_refused_by_name(fleet_admin: httpx.Client) -> None:
    plan = {"waves": [{"name": "all", "share": 0.5, "bake_s": 0}]}
    answer = fleet_admin.post("/api/v1/rollouts", json=NEW | {"plan": plan})
    assert answer.status_code == 422
    assert "must reach everybody" in answer.text


def test_a_site_that_is_not_theirs_is_not_found(fleet_admin: httpx.Client) -> None:
    answer = fleet_admin.post("/api/v1/rollouts", json=NEW | {"sites": ["lagoon"]})
    assert answer.status_code == 404
    assert "lagoon" in answer.text


def test_an_order_needs_a_reason_and_is_kept(fleet_admin: httpx.Client, rollout: dict[str, Any]) -> None:
    path = f"/api/v1/rollouts/{rollout['id']}/orders"
    assert fleet_admin.post(path, json={"kind": "pause", "reason": ""}).status_code == 422
    assert fleet_admin.post(path, json={"kind": "pause", "reason": "storm warning"}).status_code == 202


def test_who_asked_and_who_ordered_is_in_the_audit_log(
    fleet_admin: httpx.Client, platform_admin: httpx.Client, rollout: dict[str, Any]
) -> None:
    order = {"kind": "pause", "reason": "storm warning"}
    fleet_admin.post(f"/api/v1/rollouts/{rollout['id']}/orders", json=order)
    entries = platform_admin.get("/api/v1/audit", params={"limit": 100}).json()["items"]
    mine = {(one["action"], one["subject"]) for one in entries if rollout["id"] in json.dumps(one)}
    assert mine >= {("askRollout", "rollout"), ("orderRollout", "rollout_order")}


def test_forged_cursors_are_bad_requests(fleet_admin: httpx.Client, rollout: dict[str, Any]) -> None:
    for path in ("", f"/{rollout['id']}/devices", f"/{rollout['id']}/decisions"):
        answer = fleet_admin.get(f"/api/v1/rollouts{path}", params={"cursor": "WyIyMDI2IiwgIngiXQ"})
        assert answer.status_code in {200, 400}, answer.text


def test_a_group_that_is_not_there_is_not_found(fleet_admin: httpx.Client) -> None:
    answer = fleet_admin.post("/api/v1/rollouts", json=NEW | {"groups": ["nobody"]})
    assert answer.status_code == 404
    assert "nobody" in answer.text


def test_what_needs_two_people_waits_for_the_second(fleet_admin: httpx.Client, platform_admin: httpx.Client) -> None:
    asked = fleet_admin.post("/api/v1/rollouts", json=NEW | {"second_person": True, "tags": ["turbid"]}).json()
    path = f"/api/v1/rollouts/{asked['id']}"
    assert (asked["status"], asked["tags"]) == ("proposed", ["turbid"])
    own = fleet_admin.post(f"{path}/approval", json={})
    assert own.status_code == 409
    assert "Whoever proposed" in own.text
    assert fleet_admin.post(f"{path}/orders", json={"kind": "pause", "reason": "storm"}).status_code == 409
    approved = platform_admin.post(f"{path}/approval", json={"reason": "looked at the gallery"}).json()
    assert (approved["status"], approved["approved_by"]) == ("asked", "admin@fjord.example")
    words = fleet_admin.get(f"{path}/decisions").json()["items"]
    assert [each["words"] for each in words] == ["approved by admin@fjord.example: looked at the gallery"]
    assert platform_admin.post(f"{path}/approval", json={}).status_code == 409


def test_a_proposal_can_be_withdrawn(fleet_admin: httpx.Client) -> None:
    asked = fleet_admin.post("/api/v1/rollouts", json=NEW | {"second_person": True}).json()
    order = {"kind": "cancel", "reason": "wrong version"}
    answer = fleet_admin.post(f"/api/v1/rollouts/{asked['id']}/orders", json=order)
    assert answer.json()["status"] == "canceled"


def test_a_chart_learns_when_another_model_began_to_look(
    operator: httpx.Client, rival: httpx.Client, farm_url: str
) -> None:
    span = {"start": "2031-01-01T00:00:00Z", "end": "2031-01-03T00:00:00Z"}
    with psycopg.connect(farm_url) as database:
        row = database.execute("SELECT c.unit_id, c.device_id FROM camera AS c LIMIT 1").fetchone()
        assert row is not None
        unit, device = row
        for hour, state in ((1, "shadow_run"), (2, "probation"), (3, "committed"), (4, "rolled_back")):
            database.execute(
                "INSERT INTO device_event (device_id, name, occurred_at, received_at, detail)"
                " VALUES (%s, 'deployment.status', %s, now(), %s)",
                (
                    device,
                    f"2031-01-02T0{hour}:00:00Z",
                    Jsonb({"state": state, "deployment": "d-1", "running_sha256": "ab"}),
                ),
            )
    try:
        answer = operator.get(f"/api/v1/units/{unit}/model-changes", params=span).json()
        assert [(each["at"], each["change"]) for each in answer["items"]] == [
            ("2031-01-02T02:00:00Z", "activated"),
            ("2031-01-02T04:00:00Z", "rolled_back"),
        ]
        assert rival.get(f"/api/v1/units/{unit}/model-changes", params=span).status_code == 404
    finally:
        with psycopg.connect(farm_url) as database:
            database.execute("DELETE FROM device_event WHERE occurred_at > '2031-01-01'")


def test_counts_are_cast_back_over_a_change_of_models_and_say_that_they_are_derived(
    operator: httpx.Client, rival: httpx.Client, rollout: dict[str, Any], farm_url: str
) -> None:
    span = {"start": "2031-02-01T00:00:00Z", "end": "2031-02-02T00:00:00Z"}
    with psycopg.connect(farm_url) as database:
        row = database.execute("SELECT id, unit_id, device_id FROM camera ORDER BY id LIMIT 1").fetchone()
        assert row is not None
        camera, unit, device = row
        database.execute(
            "INSERT INTO rollout_device (rollout_id, device_id, wave, step, reason, bad_s, state)"
            " VALUES (%s, %s, 0, 'done', '', 0, %s)",
            (rollout["id"], device, Jsonb({"numbers": {"shadow.count_ratio": [1.25, 0.0]}})),
        )
        for at, state, model in (
            ("03:30", "probation", "new"),
            ("03:31", "probation", "new"),
            ("06:00", "rolled_back", "old"),
        ):
            database.execute(
                "INSERT INTO device_event (device_id, name, occurred_at, received_at, detail)"
                " VALUES (%s, 'deployment.status', %s, now(), %s)",
                (
                    device,
                    f"2031-02-01T{at}:00Z",
                    Jsonb({"state": state, "deployment": rollout["id"], "running_sha256": model}),
                ),
            )
        seen = [
            ("01:10", "old", 40),
            ("03:10", "old", 40),
            ("03:50", "new", 50),
            ("05:00", "new", 50),
            ("07:00", "old", 40),
        ]
        for at, model, fish in seen:
            database.execute(
                "INSERT INTO observation (camera_id, observed_at, unit_id, started_at, frames, frames_dropped, count_mean,"
                " detections, model_sha256, quality) VALUES (%s, %s, %s, %s, 50, 0, %s, '[]', %s, 1)",
                (camera, f"2031-02-01T{at}:00Z", unit, f"2031-02-01T{at}:00Z", fish, model),
            )
    try:
        path = f"/api/v1/units/{unit}/counts"
        plain = operator.get(path, params=span).json()
        assert [item["mean"] for item in plain["items"]] == [40, 45, 50, 40]
        assert {item["cast_back"] for item in plain["items"]} == {None}
        assert not plain["derived"]
        ratios = [(each["change"], each["count_ratio"]) for each in plain["changes"]]
        assert ratios == [("activated", 1.25), ("activated", 1.25), ("rolled_back", 0.8)]
        until = {**span, "end": "2031-02-01T05:30:00Z", "cast_back": "true"}
        derived = operator.get(path, params=until).json()
        assert derived["derived"]
        assert [item["cast_back"] for item in derived["items"]] == [50, 50, 50], "no fish came: other eyes did"
        back = operator.get(path, params={**span, "cast_back": "true"}).json()
        assert [item["cast_back"] for item in back["items"]] == [40, 40, 40, 40], "the old model looks again"
        days = operator.get(path, params={**span, "resolution": "day"}).json()
        assert [(item["at"], item["observations"], item["mean"]) for item in days["items"]] == [
            ("2031-02-01T00:00:00Z", 5, 44)
        ]
        fine = operator.get(path, params={**span, "resolution": "five_minutes"}).json()
        assert [item["at"][11:16] for item in fine["items"]] == ["01:10", "03:10", "03:50", "05:00", "07:00"]
        assert operator.get(path, params={**span, "end": "2032-01-01T00:00:00Z"}).json()["code"] == "invalid_range"
        assert rival.get(path, params=span).status_code == 404
    finally:
        with psycopg.connect(farm_url) as database:
            database.execute("DELETE FROM device_event WHERE occurred_at > '2031-01-01'")
            database.execute("DELETE FROM observation WHERE observed_at > '2031-01-01'")
            database.execute("DELETE FROM rollout_device WHERE rollout_id = %s", (rollout["id"],))


def test_desired_reported_verified_and_running_stand_side_by_side(
    fleet_admin: httpx.Client, operator: httpx.Client, rival: httpx.Client, rollout: dict[str, Any], farm_url: str
) -> None:
    wanted, before, settings = "a" * 64, "b" * 64, "c" * 64
    now = datetime.now(timezone.utc)
    told = {
        "site": "fjord", "device": "edge-1", "deployment": rollout["id"], "path": "models/fish-detector/1.1.0.json",
        "sha256": wanted, "bytes": 1, "model": "fish-detector", "version": "1.1.0",
        "issued_at": now.isoformat(), "expires_at": now.isoformat(),
    }  # fmt: skip
    envelope = {
        "payloadType": "application/vnd.shoal.assignment+json",
        "payload": base64.b64encode(json.dumps(told).encode()).decode(),
        "signatures": [{"keyid": "x", "sig": "x"}],
    }
    with psycopg.connect(farm_url) as database:
        row = database.execute(
            "SELECT d.id, s.slug, d.slug FROM device AS d JOIN site AS s ON s.id = d.site_id JOIN organization AS o"
            " ON o.id = s.organization_id WHERE s.slug = 'fjord' ORDER BY s.slug, d.slug LIMIT 1"
        ).fetchone()
        assert row is not None
        device, site, name = row
        database.execute(
            "INSERT INTO device_shadow (device_id, shadow, desired, version, sent_version, changed_at) VALUES (%s, 'models', %s, 2, 1, %s)",
            (device, Jsonb({"assignment": envelope, "activate": False}), now),
        )
        for minute, detail in (
            (1, {"state": "committed", "deployment": "d-0", "sha256": before}),
            (2, {"state": "shadow_run", "deployment": rollout["id"], "sha256": wanted, "waiting_for": "frames"}),
            (3, {"state": "a state of tomorrow", "deployment": rollout["id"], "sha256": wanted}),
        ):
            database.execute(
                "INSERT INTO device_event (device_id, name, occurred_at, received_at, detail)"
                " VALUES (%s, 'deployment.status', %s, now(), %s)",
                (device, datetime(2031, 3, 1, 0, minute, tzinfo=timezone.utc), Jsonb(detail)),
            )
        database.execute(
            "INSERT INTO device_health (device_id, observed_at, body) VALUES (%s, %s, %s)",
            (
                device,
                now + timedelta(seconds=1),
                Jsonb(
                    {
                        "model": {"name": "fish-detector", "version": "1.0.0", "sha256": before},
                        "config_sha256": settings,
                        "agent_sha256": "d" * 64,
                    }
                ),
            ),
        )
    try:
        page = fleet_admin.get("/api/v1/device-deployments", params={"site": site, "limit": 500}).json()
        mine = next(one for one in page["items"] if one["device"] == name)
        by_kind = {one["kind"]: one for one in mine["items"]}
        model = by_kind["model"]
        assert (model["desired"]["name"], model["desired"]["version"]) == ("fish-detector", "1.1.0")
        assert (model["desired"]["sha256"], model["desired"]["activate"], model["desired"]["sent"]) == (
            wanted,
            False,
            False,
        )
        assert model["reported"]["state"] == "a state of tomorrow"
        assert model["reported"]["deployment"] == rollout["id"]
        assert model["running"]["name"] == "fish-detector 1.0.0"
        assert (model["verified_sha256"], model["committed_sha256"]) == (wanted, before)
        assert model["agrees"] is False, "what runs is what the session tells, not what was wished"
        assert (by_kind["config"]["running"]["sha256"], by_kind["config"]["agrees"]) == (settings, None)
        assert by_kind["agent"]["running"]["sha256"] == "d" * 64, "of the wheel, where the box tells it"
        first = fleet_admin.get("/api/v1/device-deployments", params={"limit": 1}).json()
        assert len(first["items"]) == 1
        assert operator.get("/api/v1/device-deployments").status_code == 403
        assert all(one["site"] != site for one in rival.get("/api/v1/device-deployments").json().get("items", []))
    finally:
        with psycopg.connect(farm_url) as database:
            database.execute("DELETE FROM device_event WHERE occurred_at > '2031-01-01'")
            database.execute("DELETE FROM device_shadow WHERE device_id = %s", (device,))
            database.execute("DELETE FROM device_health WHERE body ->> 'config_sha256' = %s", (settings,))
