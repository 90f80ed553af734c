"""The list of alarms, and taking one on."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import httpx
import psycopg

from cloud.alarms.schemas import Alarm, AlarmPage
from cloud.dead_letters.schemas import DeadLetterPage
from cloud.devices.schemas import DevicePage
from contracts.alarms import Severity
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api
from tests.cloud.api.test_access import is_problem


def alarms_of(client: httpx.Client, query: str = "") -> AlarmPage:
    answer = client.get(f"/api/v1/alarms{query}")
    assert answer.status_code == 200, answer.text
    return AlarmPage.model_validate_json(answer.content)


def test_alarms_tell_what_happened_and_what_to_do(viewer: httpx.Client, farm: farms.Farm) -> None:
    active = next(alarm for alarm in alarms_of(viewer, "?site=fjord").items if alarm.id == farm.active_alarm)
    assert active.active
    assert active.severity is Severity.CRITICAL
    assert active.unit is not None
    assert (active.site, active.unit.slug) == ("fjord", "tank-1")
    assert (active.value, active.limit, active.ucum, active.quantity) == (4.9, 5.0, "mg/L", "do")
    assert (active.message, active.action) == ("Oxygen is low", "Start the aerator")


def test_alarms_come_in_pages(viewer: httpx.Client, farm: farms.Farm) -> None:
    first = alarms_of(viewer, "?limit=1")
    second = alarms_of(viewer, f"?limit=1&cursor={first.next_cursor}")
    assert [alarm.id for alarm in first.items + second.items] == [farm.active_alarm, farm.cleared_alarm]
    assert second.next_cursor is None


def test_acknowledging_is_recorded_once_with_the_person(
    operator: httpx.Client, platform_admin: httpx.Client, farm: farms.Farm, farm_url: str
) -> None:
    path = f"/api/v1/alarms/{farm.cleared_alarm}/acknowledge"
    before = {alarm.id for alarm in alarms_of(operator, "?open=true").items}
    assert before == {farm.active_alarm, farm.cleared_alarm}, "cleared, but nobody has seen it"

    first = Alarm.model_validate_json(operator.post(path).content)
    assert (first.acknowledged, first.active) == (True, False)
    assert first.acknowledged_by == "operator@fjord.example"

    again = Alarm.model_validate_json(platform_admin.post(path).content)
    assert again == first, "the first person stays on record"
    with psycopg.connect(farm_url) as database:
        changes = database.execute(
            "SELECT actor, recorded_at IS NOT NULL FROM alarm_change WHERE alarm_id = %s AND change = 'acknowledged'",
            (farm.cleared_alarm,),
        ).fetchall()
    assert changes == [("operator@fjord.example", True)]
    assert {alarm.id for alarm in alarms_of(operator, "?open=true").items} == {farm.active_alarm}
    assert {alarm.id for alarm in alarms_of(operator, "?open=false").items} == {farm.cleared_alarm}


def test_devices_tell_their_state(viewer: httpx.Client) -> None:
    (device,) = DevicePage.model_validate_json(viewer.get("/api/v1/devices?site=fjord").content).items
    assert (device.slug, device.site, device.state, device.agent_version) == ("box-1", "fjord", "online", "0.1.0")
    assert device.state_at is not None
    assert device.last_seen_at is not None


def test_dead_letters_show_the_reason_and_the_head(fleet_admin: httpx.Client, platform_admin: httpx.Client) -> None:
    every = DeadLetterPage.model_validate_json(platform_admin.get("/api/v1/dead-letters").content).items
    assert {letter.reason for letter in every} == {"bad_json"}
    assert any("not json" in letter.preview for letter in every)
    assert all(letter.bytes > 0 and letter.count == 1 for letter in every)
    assert len(every) == 2
    own = DeadLetterPage.model_validate_json(fleet_admin.get("/api/v1/dead-letters?limit=1").content)
    assert all(letter.site in {"fjord", None} for letter in own.items)


def test_a_shelved_alarm_stays_in_the_list_and_comes_back(
    operator: httpx.Client, viewer: httpx.Client, rival: httpx.Client, farm: farms.Farm
) -> None:
    path = f"/api/v1/alarms/{farm.active_alarm}"
    shelf = {"reason": "probe is being cleaned", "minutes": 30}
    assert viewer.post(f"{path}/shelve", json=shelf).status_code == 403
    assert rival.post(f"{path}/shelve", json=shelf).status_code == 404
    assert operator.post(f"{path}/shelve", json={"reason": "", "minutes": 30}).status_code == 422
    assert operator.post(f"{path}/shelve", json={"reason": "holiday", "minutes": 10_000}).status_code == 422

    shelved = Alarm.model_validate_json(operator.post(f"{path}/shelve", json=shelf).content)
    assert (shelved.active, shelved.shelved_by) == (True, "operator@fjord.example")
    assert shelved.shelved_because == "probe is being cleaned"
    assert farm.active_alarm in {alarm.id for alarm in alarms_of(viewer, "?open=true").items}

    back = Alarm.model_validate_json(operator.post(f"{path}/unshelve").content)
    assert (back.shelved_until, back.shelved_because) == (None, None)
    history = [(step["change"], step["actor"]) for step in viewer.get(f"{path}/history").json()]
    assert history[0] == ("raised", "device:box-1")
    assert history[-2:] == [("shelved", "operator@fjord.example"), ("unshelved", "operator@fjord.example")]
    assert rival.get(f"{path}/history").status_code == 404


def id_of(client: httpx.Client) -> int:
    key: int = client.get("/api/v1/auth/me").json()["id"]
    return key


def test_an_alarm_is_assigned_to_a_person_and_taken_from_them(
    operator: httpx.Client, viewer: httpx.Client, fleet_admin: httpx.Client, farm: farms.Farm
) -> None:
    path = f"/api/v1/alarms/{farm.active_alarm}"
    fleet, mine = id_of(fleet_admin), id_of(operator)
    offered = operator.get(f"{path}/assignees").json()
    assert (mine, "operator@fjord.example") in {(each["id"], each["email"]) for each in offered}
    assert [each["email"] for each in offered] == sorted(each["email"] for each in offered)
    assert not any(each["email"].endswith("@lagoon.example") for each in offered)

    assigned = Alarm.model_validate_json(operator.put(f"{path}/assignee", json={"user_id": fleet}).content)
    assert assigned.assignee is not None
    assert (assigned.assignee.id, assigned.assignee.email) == (fleet, "fleet@fjord.example")
    assert assigned.assigned_by == "operator@fjord.example"
    assert (assigned.active, assigned.acknowledged) == (True, False), (
        "somebody's work, which they have not taken on yet"
    )
    again = Alarm.model_validate_json(fleet_admin.put(f"{path}/assignee", json={"user_id": fleet}).content)
    assert again == assigned, "nothing has changed"
    assert [alarm.id for alarm in alarms_of(viewer, f"?assignee={fleet}").items] == [farm.active_alarm]
    assert alarms_of(viewer, f"?assignee={mine}").items == []

    handed_on = Alarm.model_validate_json(fleet_admin.put(f"{path}/assignee", json={"user_id": mine}).content)
    assert handed_on.assignee is not None
    assert (handed_on.assignee.id, handed_on.assigned_by) == (mine, "fleet@fjord.example")
    free = Alarm.model_validate_json(operator.put(f"{path}/assignee", json={"user_id": None}).content)
    assert (free.assignee, free.assigned_at, free.assigned_by) == (None, None, None)
    steps = [(step["change"], step["actor"], step["assignee"]) for step in viewer.get(f"{path}/history").json()]
    assert steps[-3:] == [
        ("assigned", "operator@fjord.example", "fleet@fjord.example"),
        ("assigned", "fleet@fjord.example", "operator@fjord.example"),
        ("unassigned", "operator@fjord.example", None),
    ]


def test_assigning_is_in_the_audit_log(operator: httpx.Client, platform_admin: httpx.Client, farm: farms.Farm) -> None:
    mine = id_of(operator)
    for user_id in (mine, None):
        operator.put(f"/api/v1/alarms/{farm.cleared_alarm}/assignee", json={"user_id": user_id})
    query: dict[str, str | int] = {"subject": "alarm", "action": "setAlarmAssignee", "limit": 2}
    taken, given = platform_admin.get("/api/v1/audit", params=query).json()["items"]
    assert given["key"] == {"id": str(farm.cleared_alarm)}
    assert (given["actor"], given["before"]["assignee_id"], given["after"]["assignee_id"]) == (
        "operator@fjord.example",
        None,
        mine,
    )
    assert (taken["before"]["assignee_id"], taken["after"]["assignee_id"]) == (mine, None)


def test_nobody_is_assigned_who_could_not_see_the_alarm_and_nobody_assigns_without_the_right(
    api: Api,
    operator: httpx.Client,
    viewer: httpx.Client,
    rival: httpx.Client,
    farm: farms.Farm,
    farm_url: str,
) -> None:
    path = f"/api/v1/alarms/{farm.active_alarm}/assignee"
    mine = {"user_id": id_of(operator)}
    with api.client() as anonymous:
        assert is_problem(anonymous.put(path, json=mine), 401, "unauthenticated")
    assert is_problem(viewer.put(path, json=mine), 403, "forbidden")
    assert is_problem(rival.put(path, json={"user_id": id_of(rival)}), 404, "not_found")
    assert is_problem(operator.put(f"/api/v1/alarms/{UUID(int=1)}/assignee", json=mine), 404, "not_found")
    for body in ({}, {"user_id": 0}, {"user_id": 2**31}, {"user_id": "me"}, {**mine, "by": "x"}):
        assert is_problem(operator.put(path, json=body), 422, "invalid_request")

    stranger = operator.put(path, json={"user_id": id_of(rival)})
    assert is_problem(stranger, 400, "bad_request")
    assert "GET /api/v1/alarms/" in stranger.json()["detail"]
    assert is_problem(operator.put(path, json={"user_id": 2**31 - 1}), 400, "bad_request")
    with psycopg.connect(farm_url, autocommit=True) as database:
        made = (
            "INSERT INTO app_user (organization_id, email, name, role{}) SELECT organization_id, %s, 'X', 'operator'{}"
        )
        of_the_site = " FROM site WHERE slug = 'fjord' RETURNING id"
        people = {
            "left": made.format(", disabled_at", ", now()") + of_the_site,
            "elsewhere": made.format(", site_ids", ", '[2147483647]'::jsonb") + of_the_site,
            "here": made.format(", site_ids", ", jsonb_build_array(id)") + of_the_site,
        }
        ids = {}
        for name, statement in people.items():
            row = database.execute(statement, (f"{name}@fjord.example",)).fetchone()
            assert row is not None
            ids[name] = row[0]
        try:
            assert is_problem(operator.put(path, json={"user_id": ids["left"]}), 400, "bad_request")
            assert is_problem(operator.put(path, json={"user_id": ids["elsewhere"]}), 400, "bad_request")
            assert operator.put(path, json={"user_id": ids["here"]}).json()["assignee"]["email"] == "here@fjord.example"
            assert operator.put(path, json={"user_id": None}).json()["assignee"] is None
        finally:
            database.execute("UPDATE alarm SET assignee_id = NULL WHERE assignee_id = ANY(%s)", (list(ids.values()),))
            database.execute("DELETE FROM app_user WHERE id = ANY(%s)", (list(ids.values()),))


def test_the_report_on_alarms_is_of_the_own_site(viewer: httpx.Client, rival: httpx.Client, farm: farms.Farm) -> None:
    span = {"start": (farm.now - timedelta(days=1)).isoformat(), "end": (farm.now + timedelta(minutes=1)).isoformat()}
    path = "/api/v1/sites/fjord/alarm-performance"
    report = viewer.get(path, params=span).json()
    assert report["alarms"] >= 2
    assert {actor["definition"] for actor in report["bad_actors"]} == {"do.low.critical"}
    assert rival.get(path, params=span).status_code == 404
    assert viewer.get(path, params={"start": span["end"], "end": span["start"]}).status_code == 400


def test_a_reviewed_rationale_takes_the_place_of_the_shipped_one(
    fleet_admin: httpx.Client, operator: httpx.Client, rival: httpx.Client
) -> None:
    path = "/api/v1/alarm-rationales"
    new = {"consequence": "Fish die", "respond_within_s": 120, "instruction": "Run", "owner": "Ana"}
    assert operator.put(f"{path}/do.low.critical", json=new).status_code == 403
    assert fleet_admin.put(f"{path}/do.low.critical", json=new | {"respond_within_s": 0}).status_code == 422
    reviewed = fleet_admin.put(f"{path}/do.low.critical", json=new).json()
    assert (reviewed["shipped"], reviewed["reviewed_by"]) == (False, "fleet@fjord.example")
    mine = {each["definition"]: each for each in operator.get(path).json()}
    assert mine["do.low.critical"]["instruction"] == "Run"
    theirs = {each["definition"]: each for each in rival.get(path).json()}
    assert theirs["do.low.critical"]["shipped"]
