"""Trials in some units over HTTP: who may ask, what is shown of every tank, what the comparison says, the end, the adoption."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from cloud.unit_trials.plan import TrialPlan

NEW: dict[str, Any] = {"name": "more fish in the dark", "model": "fish-detector", "version": "1.1.0", "sites": ["loch"]}
NOW = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
NEW_MODEL, OLD_MODEL = "a" * 64, "b" * 64
BOXES = 6


def _one(database: psycopg.Connection[Any], statement: str, parameters: tuple[Any, ...]) -> int:
    row = database.execute(statement, parameters).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def loch(farm_url: str, api: object) -> Iterator[str]:
    """Six boxes with two tanks each, in which a trial has run for two days: its tanks count a tenth more, and nearer to the truth."""
    del api
    trial, began = uuid4(), NOW - timedelta(days=2)
    with psycopg.connect(farm_url, autocommit=True) as database:
        site = _one(
            database,
            "INSERT INTO site (organization_id, slug, name) SELECT id, 'loch', 'Loch' FROM organization WHERE slug = 'shoal' RETURNING id",
            (),
        )
        database.execute(
            "INSERT INTO unit_trial (id, organization_id, name, model, version, sha256, share, site_ids, days, seed, status, created_at,"
            " created_by, began_at, ends_at) SELECT %s, organization_id, 'in the dark', 'fish-detector', '1.1.0', %s, 0.5, %s, 7, 1,"
            " 'running', %s, 'ada', %s, %s FROM site WHERE id = %s",
            (trial, NEW_MODEL, Jsonb([site]), began, began, began + timedelta(days=7), site),
        )
        for number in range(BOXES):
            device = _one(
                database,
                "INSERT INTO device (site_id, slug, name) VALUES (%s, %s, '') RETURNING id",
                (site, f"loch-{number}"),
            )
            tanks = [f"l{number}-with", f"l{number}-without"]
            database.execute(
                "INSERT INTO unit_trial_box (trial_id, device_id, units, others, state, told_at, active_at)"
                " VALUES (%s, %s, %s, %s, 'committed', %s, %s)",
                (trial, device, Jsonb(tanks[:1]), Jsonb(tanks[1:]), began, began),
            )
            model = {"name": "fish-detector", "version": "1.0.0", "sha256": OLD_MODEL}
            other = {**model, "version": "1.1.0", "sha256": NEW_MODEL}
            database.execute(
                "INSERT INTO device_health (device_id, observed_at, body) VALUES (%s, %s, %s)",
                (device, NOW, Jsonb({"model": model, "unit_models": {tanks[0]: other} if number else {}})),
            )
            for tank in tanks:
                unit = _one(
                    database,
                    "INSERT INTO unit (site_id, slug, name) VALUES (%s, %s, %s) RETURNING id",
                    (site, tank, tank),
                )
                _count(database, unit, tank, number, began)
                _label(database, site, tank, number)
        yield str(trial)
        database.execute("UPDATE sample SET accepted_label_id = NULL WHERE site_id = %s", (site,))
        database.execute("DELETE FROM label USING sample WHERE label.sample_id = sample.id AND site_id = %s", (site,))
        database.execute("DELETE FROM sample WHERE site_id = %s", (site,))
        database.execute("DELETE FROM drift_hour USING unit WHERE unit_id = unit.id AND site_id = %s", (site,))
        database.execute("DELETE FROM device_health USING device WHERE device_id = device.id AND site_id = %s", (site,))
        for table in ("unit_trial", "rollout"):
            database.execute(f"DELETE FROM {table} WHERE site_ids = %s", (Jsonb([site]),))  # noqa: S608  (our own names)
        for table in ("device", "unit"):
            database.execute(f"DELETE FROM {table} WHERE site_id = %s", (site,))  # noqa: S608
        database.execute("DELETE FROM site WHERE id = %s", (site,))


def _count(database: psycopg.Connection[Any], unit: int, tank: str, number: int, began: datetime) -> None:
    """Two days before and two days of the trial; at night everybody sees half of the fish, and every tank has its own number of them."""
    fish = 20.0 + 10 * number + (5 if tank.endswith("with") else 0)
    for hour in range(-48, 48):
        at = began + timedelta(hours=hour)
        in_trial = hour >= 0 and tank.endswith("-with")
        count = fish * (0.5 if hour % 24 < 8 else 1.0) * (1.1 + 0.01 * number if in_trial else 1.0)
        database.execute(
            "INSERT INTO drift_hour (unit_id, model_sha256, hour, observations, signals, mix) VALUES (%s, %s, %s, 360, %s, '{}')",
            (unit, NEW_MODEL if in_trial else OLD_MODEL, at, Jsonb({"count": count, "confidence": 0.6})),
        )


def _label(database: psycopg.Connection[Any], site: int, tank: str, number: int) -> None:
    """People found ten fish on a picture of each tank; the release had nine of them, the other model six."""
    key, label, with_it = uuid4(), uuid4(), tank.endswith("-with")
    boxes = [{"label": "fish"}]
    database.execute(
        "INSERT INTO sample (id, organization_id, site_id, unit, device, camera, captured_at, sha256, media_type, width, height,"
        " bytes, source, reason, score, detections, model_name, model_version, model_sha256, look, uncertainty, novelty, priority,"
        " stored_at, stored_by, status) SELECT %s, organization_id, id, %s, %s, 'cam', %s, %s, 'image/jpeg', 1, 1, 1, 'edge', 'random',"
        " 1, %s, 'fish-detector', '1', %s, '[]', 0, 0, 0, %s, 'box', 'accepted' FROM site WHERE id = %s",
        (
            *(key, tank, f"loch-{number}", NOW - timedelta(hours=5), uuid4().hex * 2),
            *(Jsonb(boxes * (9 if with_it else 6)), NEW_MODEL if with_it else OLD_MODEL, NOW, site),
        ),
    )
    database.execute(
        "INSERT INTO label (id, sample_id, annotator, body, labelled_at, source) VALUES (%s, %s, 'ana', %s, %s, 'hand')",
        (label, key, Jsonb({"boxes": boxes * 10}), NOW),
    )
    database.execute("UPDATE sample SET accepted_label_id = %s WHERE id = %s", (label, key))


def test_tanks_with_the_release_are_compared_with_the_other_tanks_of_the_same_boxes(
    fleet_admin: httpx.Client, loch: str
) -> None:
    found = fleet_admin.get(f"/api/v1/unit-trials/{loch}/comparison").json()
    assert (found["boxes"], found["hours"], found["labelled"]) == (BOXES, BOXES * 48, 2 * BOXES)
    count, confidence, error = found["differences"]
    assert count["measure"] == "count"
    assert count["mean"] == pytest.approx(1.1249, abs=0.001), (
        "night, and that one tank has more fish, are not the model's"
    )
    assert 1.1 <= count["low"] < count["high"] <= 1.15
    assert count["p"] == pytest.approx(2 / 2**BOXES)
    assert count["verdict"] == "higher"
    assert confidence["mean"] == pytest.approx(0.0, abs=1e-9)
    assert confidence["verdict"] == "not_told"
    assert error["mean"] == pytest.approx(0.1 - 0.4)
    assert (error["verdict"], error["boxes"]) == ("better", BOXES)
    standing = [(one["metric"], one["at_least"], one["at_most"], one["verdict"]) for one in found["gates"]]
    assert standing == [("count", 0.6, 1.7, "passed"), ("count_error", None, 0.1, "passed")]
    assert (found["gates"][0]["devices"], found["gates"][0]["mean"]) == (BOXES, count["mean"])


def test_of_every_tank_it_is_shown_what_should_look_at_it_and_what_does(fleet_admin: httpx.Client, loch: str) -> None:
    boxes = fleet_admin.get(f"/api/v1/unit-trials/{loch}/boxes").json()["items"]
    assert [box["device"] for box in boxes] == [f"loch-{number}" for number in range(BOXES)]
    assert [box["agrees"] for box in boxes] == [False] + [True] * (BOXES - 1), (
        "one box has it in no tank, whatever it says"
    )
    assert boxes[1]["units"] == [
        {"unit": "l1-with", "in_trial": True, "running_sha256": NEW_MODEL, "running": "fish-detector 1.1.0"},
        {"unit": "l1-without", "in_trial": False, "running_sha256": OLD_MODEL, "running": "fish-detector 1.0.0"},
    ]
    first = fleet_admin.get(f"/api/v1/unit-trials/{loch}/boxes", params={"limit": 1}).json()
    rest = fleet_admin.get(f"/api/v1/unit-trials/{loch}/boxes", params={"cursor": first["next_cursor"]}).json()
    assert [*first["items"], *rest["items"]] == boxes


def test_the_chart_of_a_tank_says_when_a_trial_began_to_look_at_it_and_when_it_gave_it_back(
    viewer: httpx.Client, farm_url: str, loch: str
) -> None:
    with psycopg.connect(farm_url, autocommit=True) as database:
        rows = database.execute("SELECT slug, id FROM unit WHERE slug IN ('l1-with', 'l1-without')").fetchall()
        units: dict[str, int] = dict(rows)
        device = _one(database, "SELECT id FROM device WHERE slug = 'loch-1'", ())
        for unit in units.values():
            database.execute(
                "INSERT INTO camera (device_id, name, unit_id) VALUES (%s, %s, %s)", (device, f"cam-{unit}", unit)
            )
        told = {"deployment": loch, "units": "l1-with l7-with", "shadow_count_ratio": 1.25}
        for hours, state, more in (
            (40, "withdrawn", {}),
            (30, "probation", {"running_sha256": NEW_MODEL, "swap_gap_ms": 1}),
            (10, "withdrawn", {"running_sha256": OLD_MODEL, "swap_gap_ms": 1, "reason": "enough pictures"}),
        ):
            database.execute(
                "INSERT INTO device_event (device_id, occurred_at, name, detail, received_at) VALUES (%s, %s, 'trial.status', %s, now())",
                (device, NOW - timedelta(hours=hours), Jsonb(told | {"state": state} | more)),
            )
        span = {"start": (NOW - timedelta(days=3)).isoformat(), "end": NOW.isoformat()}
        with_it, without = (
            viewer.get(f"/api/v1/units/{units[unit]}/model-changes", params=span).json()["items"]
            for unit in ("l1-with", "l1-without")
        )
        database.execute("DELETE FROM device_event WHERE device_id = %s", (device,))
        database.execute("DELETE FROM camera WHERE device_id = %s", (device,))
    assert without == []
    assert [(one["change"], one["sha256"], one["count_ratio"]) for one in with_it] == [
        ("activated", NEW_MODEL, 1.25),
        ("rolled_back", OLD_MODEL, 0.8),
    ]
    assert (with_it[0]["model"], with_it[0]["version"]) == ("fish-detector", "1.1.0")


def test_a_trial_is_ended_once_and_adopted_by_an_ordinary_rollout(fleet_admin: httpx.Client, loch: str) -> None:
    rollout = fleet_admin.post(f"/api/v1/unit-trials/{loch}/adoption", json={"back_to": "1.0.0"}).json()
    assert (rollout["model"], rollout["version"], rollout["back_to"]) == ("fish-detector", "1.1.0", "1.0.0")
    assert (rollout["sites"], rollout["status"]) == (["loch"], "asked")
    ended = fleet_admin.post(f"/api/v1/unit-trials/{loch}/end", json={"reason": "enough pictures"})
    assert ended.status_code == 202
    assert (ended.json()["status"], ended.json()["reason"]) == ("ending", "enough pictures")
    assert fleet_admin.post(f"/api/v1/unit-trials/{loch}/end", json={"reason": "again"}).status_code == 409


def test_what_two_people_had_to_agree_to_for_some_tanks_they_agree_to_for_all(
    fleet_admin: httpx.Client, platform_admin: httpx.Client, shoal: Callable[..., str], farm_url: str, loch: str
) -> None:
    path = f"/api/v1/unit-trials/{loch}/adoption"
    assert fleet_admin.post(path, json={}).json()["status"] == "asked", "nobody had to agree to this trial"
    wished = fleet_admin.post(path, json={"second_person": True}).json()
    approval = f"/api/v1/rollouts/{wished['id']}/approval"
    assert (wished["status"], wished["approved_by"]) == ("proposed", None)
    assert fleet_admin.post(approval, json={}).status_code == 409, "not by who adopted it"
    agreed = platform_admin.post(approval, json={"reason": "go"}).json()
    assert (agreed["status"], agreed["approved_by"] is not None) == ("asked", True)

    with psycopg.connect(farm_url, autocommit=True) as database:
        database.execute("UPDATE unit_trial SET approved_by = 'grace', approved_at = now() WHERE id = %s", (loch,))
    assert fleet_admin.post(path, json={"back_to": "1.0.0"}).json()["status"] == "proposed", "as the trial did"
    assert fleet_admin.post(path, json={"second_person": False}).json()["status"] == "asked"
    (told,) = json.loads(shoal("trial", "adopt", loch, "--json", of="fleet"))
    assert told["status"] == "proposed"
    (told,) = json.loads(shoal("trial", "adopt", loch, "--no-second-person", "--json", of="fleet"))
    assert told["status"] == "asked"


@pytest.mark.usefixtures("loch")
def test_trials_are_for_fleet_admins_and_two_people_can_be_asked_for(
    fleet_admin: httpx.Client, platform_admin: httpx.Client, operator: httpx.Client, rival: httpx.Client
) -> None:
    assert operator.post("/api/v1/unit-trials", json=NEW).status_code == 403
    asked = fleet_admin.post("/api/v1/unit-trials", json=NEW)
    assert asked.status_code == 201, asked.text
    assert (asked.json()["status"], asked.json()["share"]) == ("asked", 0.5)
    assert rival.get(f"/api/v1/unit-trials/{asked.json()['id']}").status_code in {403, 404}
    assert fleet_admin.get("/api/v1/unit-trials", params={"limit": 1}).json()["items"][0] == asked.json()
    adopted = fleet_admin.post(f"/api/v1/unit-trials/{asked.json()['id']}/adoption", json={})
    assert adopted.status_code == 409, "nothing has been tried yet"

    proposed = fleet_admin.post("/api/v1/unit-trials", json=NEW | {"second_person": True}).json()
    path = f"/api/v1/unit-trials/{proposed['id']}"
    assert proposed["status"] == "proposed"
    assert fleet_admin.post(f"{path}/approval", json={}).status_code == 409, "not by its author"
    assert platform_admin.post(f"{path}/approval", json={"reason": "go"}).json()["status"] == "asked"
    assert fleet_admin.post(f"{path}/end", json={"reason": "not now"}).json()["status"] == "ended"


@pytest.mark.usefixtures("loch")
def test_what_ends_a_trial_is_asked_with_it_and_shown(fleet_admin: httpx.Client) -> None:
    plan = {"max_failed": 0, "gates": [{"metric": "confidence", "at_least": -0.1, "min_devices": 5}]}
    careful, own = (fleet_admin.post("/api/v1/unit-trials", json=NEW | more).json() for more in ({}, {"plan": plan}))
    shown = [fleet_admin.get(f"/api/v1/unit-trials/{one['id']}").json() for one in (careful, own)]
    assert shown[0] == careful | {"plan": TrialPlan().model_dump(mode="json")}
    assert shown[1]["plan"] == {
        "max_failed": 0,
        "max_failed_share": 0.1,
        "gates": [{"metric": "confidence", "at_least": -0.1, "at_most": None, "min_devices": 5}],
    }
    (gate,) = fleet_admin.get(f"/api/v1/unit-trials/{own['id']}/comparison").json()["gates"]
    assert (gate["metric"], gate["verdict"], gate["devices"]) == ("confidence", "inconclusive", 0)
    for gates, words in (
        ([{"metric": "count"}], "give at_most, at_least or both"),
        ([{"metric": "weight", "at_least": 1}], "count_error"),
    ):
        answer = fleet_admin.post("/api/v1/unit-trials", json=NEW | {"plan": {"gates": gates}})
        assert answer.status_code == 422
        assert words in answer.text


@pytest.mark.usefixtures("loch")
def test_what_cannot_be_asked_is_refused_by_name(fleet_admin: httpx.Client) -> None:
    both = fleet_admin.post("/api/v1/unit-trials", json=NEW | {"share": 0.5, "units": ["loch/l1-with"]})
    assert both.status_code == 422
    assert "not both" in both.text
    for wrong, words in (
        ({"sites": ["nowhere"]}, "nowhere"),
        ({"units": ["nowhere/x"]}, "nowhere"),
        ({"units": ["fjord/tank-1"]}, "fjord is none of the sites loch"),
        ({"groups": ["no"]}, "no"),
    ):
        answer = fleet_admin.post("/api/v1/unit-trials", json=NEW | wrong)
        assert answer.status_code == 404
        assert words in answer.text


def test_more_tanks_of_a_box_than_it_can_be_told_are_refused_when_they_are_asked_for(
    fleet_admin: httpx.Client, farm_url: str, loch: str
) -> None:
    del loch
    cameras = [{"name": f"cam-{n}", "unit": f"hall-{n}", "kind": "rtsp"} for n in range(140)]
    with psycopg.connect(farm_url, autocommit=True) as database:
        database.execute(
            "INSERT INTO device (site_id, slug, name, inventory) SELECT id, 'hall', '', %s FROM site WHERE slug = 'loch'",
            (Jsonb({"agent_version": "0.1.0", "cameras": cameras, "unit_trials": True}),),
        )
    half = fleet_admin.post("/api/v1/unit-trials", json=NEW)
    assert half.status_code == 400
    for words in ("70 of the 140 units of loch/hall", "at most 64", "a share of at most 0.45"):
        assert words in half.json()["detail"]
    names = [f"loch/hall-{n}" for n in range(65)]
    named = fleet_admin.post("/api/v1/unit-trials", json=NEW | {"units": names})
    assert named.status_code == 400
    assert "units: 65 of the 140 units of loch/hall" in named.json()["detail"]
    for fits in ({"share": 0.45}, {"units": names[:64]}, {"tags": ["small"]}):
        asked = fleet_admin.post("/api/v1/unit-trials", json=NEW | fits)
        assert asked.status_code == 201, asked.text
        fleet_admin.post(f"/api/v1/unit-trials/{asked.json()['id']}/end", json={"reason": "not now"})


def test_a_trial_is_asked_for_watched_compared_and_ended_from_a_terminal(
    shoal: Callable[..., str], farm_url: str, loch: str, tmp_path: Path
) -> None:
    shown = shoal("trial", "show", loch, of="fleet")
    for words in ("max failed share", "count_error", "1.7", "passed"):
        assert words in shown
    assert "l1-with" in shown
    assert "committed" in shown
    (whole,) = json.loads(shoal("trial", "show", loch, "--json", of="fleet"))
    assert [box["agrees"] for box in whole["boxes"]] == [False] + [True] * (BOXES - 1)
    assert whole["plan"]["max_failed"] == 1
    assert [gate["verdict"] for gate in whole["gates"]] == ["passed", "passed"]
    compared = shoal("trial", "compare", loch, of="fleet")
    plan = tmp_path / "plan.json"
    plan.write_text('{"gates": []}')
    assert "higher" in compared
    assert "better" in compared
    (asked,) = json.loads(
        shoal(
            *("trial", "create", "fish-detector", "1.1.0", "--unit", "loch/l1-with", "--days", "3"),
            *("--plan", str(plan), "--json"),
            of="fleet",
        )
    )
    assert json.loads(shoal("trial", "show", asked["id"], "--json", of="fleet"))[0]["plan"]["gates"] == []
    assert (asked["status"], asked["units"], asked["share"]) == ("asked", ["loch/l1-with"], None)
    with psycopg.connect(farm_url) as database:
        sites = "SELECT slug FROM site, unit_trial AS t WHERE t.id = %s AND t.site_ids @> to_jsonb(site.id)"
        assert database.execute(sites, (asked["id"],)).fetchall() == [("loch",)], "what adopts it reaches no other site"
    assert asked["id"] in shoal("trial", "list", "--json", of="fleet")
    assert "adopted" in shoal("trial", "adopt", loch, "--back-to", "1.0.0", of="fleet")
    (ended,) = json.loads(shoal("trial", "end", loch, "--reason", "enough pictures", "--json", of="fleet"))
    assert ended["status"] == "ending"
    shoal("trial", "end", asked["id"], "--reason", "not now", of="fleet")
