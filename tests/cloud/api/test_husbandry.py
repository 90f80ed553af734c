"""The farm's diary over HTTP: books that balance, harvests that wait, files that go in whole or not at all."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.cloud.api import farm as farms
from tests.cloud.api.test_access import is_problem

NOW = datetime.now(timezone.utc).replace(microsecond=0)


def moment(days_ago: float) -> str:
    return (NOW - timedelta(days=days_ago)).isoformat()


def fact(kind: str, days_ago: float = 1, **fields: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "kind": kind, "occurred_at": moment(days_ago), **fields}


def write(client: httpx.Client, record: dict[str, Any], site: str = "fjord") -> httpx.Response:
    return client.post(f"/api/v1/sites/{site}/records", json=record)


@pytest.fixture
def batch(fleet_admin: httpx.Client) -> str:
    """A batch of the test's own with 1000 fish of 100 g in tank-1."""
    code = f"B-{uuid4().hex[:8]}"
    answer = fleet_admin.post("/api/v1/batches", json={"code": code, "species": "salmo_salar", "origin": "Hatchery 3"})
    assert answer.status_code == 201, answer.text
    stocking = fact("stocking", 60, batch=code, unit="tank-1", count=1000, mean_weight_g=100)
    assert write(fleet_admin, stocking).status_code == 201
    return code


def state_of(client: httpx.Client, batch: str) -> dict[str, Any]:
    state: dict[str, Any] = client.get(f"/api/v1/batches/{batch}").json()
    return state


def test_dead_fish_leave_the_book_and_the_tank(operator: httpx.Client, batch: str) -> None:
    dead = fact("mortality", batch=batch, unit="tank-1", count=12, cause="environment", detail="oxygen")
    answer = write(operator, dead)
    assert answer.status_code == 201, answer.text
    assert answer.json()["recorded_by"] == "operator@fjord.example"
    state = state_of(operator, batch)
    assert (state["stocked"], state["dead"], state["present"]) == (1000, 12, 988)
    assert [(h["unit"], h["count"], h["biomass_kg"]) for h in state["holdings"]] == [
        ("tank-1", 988, pytest.approx(98.8))
    ]


def test_a_record_sent_again_after_a_cut_is_one_record(operator: httpx.Client, batch: str) -> None:
    dead = fact("mortality", batch=batch, unit="tank-1", count=5, cause="unknown")
    assert [write(operator, dead).status_code for _ in range(3)] == [201, 200, 200]
    assert state_of(operator, batch)["dead"] == 5
    assert is_problem(write(operator, dead | {"count": 6}), 409, "conflict")


def test_more_fish_than_the_tank_holds_are_refused_with_the_remedy(operator: httpx.Client, batch: str) -> None:
    answer = write(operator, fact("cull", batch=batch, unit="tank-1", count=1001, reason="runts"))
    assert is_problem(answer, 409, "stock_mismatch")
    assert "holds 1000 there then. Correct the count" in answer.json()["detail"]
    assert state_of(operator, batch)["present"] == 1000


def test_two_people_cannot_take_the_same_fish(api: Any, token_of: Any, batch: str) -> None:
    answers: list[int] = []

    def take() -> None:
        with api.client(token_of("operator")) as client:
            answers.append(
                write(client, fact("cull", batch=batch, unit="tank-1", count=600, reason="grading")).status_code
            )

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409, 409]


def test_a_transfer_belongs_to_both_tanks_and_keeps_the_sum(operator: httpx.Client, batch: str) -> None:
    move = fact("transfer", 50, batch=batch, unit="tank-1", to_unit="tank-2", count=400)
    assert write(operator, move).status_code == 201
    assert (
        write(operator, fact("weight_sample", 5, batch=batch, unit="tank-2", fish=50, mean_weight_g=150)).status_code
        == 201
    )
    held = {holding["unit"]: holding for holding in state_of(operator, batch)["holdings"]}
    assert (held["tank-1"]["count"], held["tank-2"]["count"]) == (600, 400)
    assert held["tank-2"]["biomass_kg"] == pytest.approx(60)
    for unit in ("tank-1", "tank-2"):
        page = operator.get(f"/api/v1/sites/fjord/records?kind=transfer&unit={unit}&batch={batch}").json()
        assert [item["record"]["id"] for item in page["items"]] == [move["id"]]
    assert is_problem(write(operator, move | {"id": str(uuid4()), "to_unit": "tank-1"}), 422, "invalid_request")


def test_a_wrong_record_is_struck_out_and_stays_readable(operator: httpx.Client, batch: str) -> None:
    dead = fact("mortality", batch=batch, unit="tank-1", count=500, cause="unknown")
    write(operator, dead)
    path = f"/api/v1/records/{dead['id']}"
    struck = operator.post(f"{path}/strike", json={"reason": "typed 500 for 5"})
    assert struck.status_code == 200
    assert struck.json()["struck_because"] == "typed 500 for 5"
    assert state_of(operator, batch)["dead"] == 0
    history = operator.get(path).json()
    assert [change["change"] for change in history["changes"]] == ["recorded", "struck"]
    assert history["changes"][0]["after"]["count"] == 500
    assert history["changes"][0]["origin"] == "127.0.0.1"


def test_fish_that_were_sold_cannot_be_unstocked(operator: httpx.Client, batch: str) -> None:
    assert write(operator, fact("harvest", batch=batch, unit="tank-1", count=900)).status_code == 201
    page = operator.get(f"/api/v1/sites/fjord/records?kind=stocking&batch={batch}").json()
    stocking = page["items"][0]["record"]["id"]
    assert is_problem(operator.post(f"/api/v1/records/{stocking}/strike", json={"reason": "x"}), 409, "stock_mismatch")
    assert state_of(operator, batch)["present"] == 100


@pytest.fixture
def cold_water(farm_url: str, farm: farms.Farm) -> Any:
    """Days of 10 Cel water in tank-1, as the maintenance would have rolled them up."""
    del farm
    added: list[tuple[int, datetime]] = []

    def fill(first_days_ago: int, last_days_ago: int) -> None:
        with psycopg.connect(farm_url) as database:
            row = database.execute("SELECT id FROM channel WHERE name = 'tank-1.temperature'").fetchone()
            assert row is not None
            for ago in range(last_days_ago, first_days_ago + 1):
                day = (NOW - timedelta(days=ago)).replace(hour=0, minute=0, second=0)
                database.execute(
                    "INSERT INTO reading_1d (channel_id, bucket, n, usable, good, min, max, sum, last, last_at)"
                    " VALUES (%s, %s, 10, 10, 10, 10, 10, 100, 10, %s)",
                    (row[0], day, day),
                )
                added.append((row[0], day))

    yield fill
    with psycopg.connect(farm_url) as database:
        for channel_id, day in added:
            database.execute("DELETE FROM reading_1d WHERE channel_id = %s AND bucket = %s", (channel_id, day))


def treated(operator: httpx.Client, days_ago: float, degree_days: float) -> str:
    treatment = fact(
        "treatment", days_ago, unit="tank-1", product="Florocol", active_substance="florfenicol", dose="10 mg/kg",
        reason="furunculosis", prescriber="Dr Lie", ended_at=moment(days_ago), withdrawal_degree_days=degree_days,
    )  # fmt: skip
    answer = write(operator, treatment)
    assert answer.status_code == 201, answer.text
    return str(treatment["id"])


def test_a_harvest_waits_for_the_degree_days_of_the_real_water(
    operator: httpx.Client, batch: str, cold_water: Any
) -> None:
    treatment = treated(operator, 41, 500)
    cold_water(40, 2)
    try:
        answer = write(operator, fact("harvest", 0, batch=batch, unit="tank-1", count=10))
        assert is_problem(answer, 409, "withdrawal_running")
        assert "390 of 500 degree-days" in answer.json()["detail"]
        clock = next(c for c in operator.get("/api/v1/sites/fjord/withdrawals").json() if c["treatment"] == treatment)
        assert (clock["degree_days"], clock["cleared"], clock["holds"]) == (390, False, ["tank-1"])
        assert clock["unmeasured_days"] == 1

        # Treated fish that were moved stay treated fish.
        assert (
            write(operator, fact("transfer", 3, batch=batch, unit="tank-1", to_unit="tank-2", count=100)).status_code
            == 201
        )
        moved = write(operator, fact("harvest", 0, batch=batch, unit="tank-2", count=10))
        assert is_problem(moved, 409, "withdrawal_running")
    finally:
        operator.post(f"/api/v1/records/{treatment}/strike", json={"reason": "end of the test"})
    assert write(operator, fact("harvest", 0, batch=batch, unit="tank-1", count=10)).status_code == 201


def test_a_harvest_after_the_withdrawal_goes_through(operator: httpx.Client, batch: str, cold_water: Any) -> None:
    treatment = treated(operator, 41, 300)
    cold_water(40, 1)
    assert write(operator, fact("harvest", 0, batch=batch, unit="tank-1", count=10)).status_code == 201
    assert treatment not in {clock["treatment"] for clock in operator.get("/api/v1/sites/fjord/withdrawals").json()}
    operator.post(f"/api/v1/records/{treatment}/strike", json={"reason": "end of the test"})


def test_lice_are_shown_with_their_doubt_and_the_limit_of_the_week(operator: httpx.Client) -> None:
    count = fact("lice_count", 1, unit="tank-1", fish=20, adult_females=4, mobile=10, attached=2, sea_temperature_c=9.5)
    assert write(operator, count).status_code == 201
    pen = next(
        p for p in operator.get("/api/v1/sites/fjord/lice?region=norway-south").json() if p["record"] == count["id"]
    )
    assert (pen["adult_females"], pen["enough_fish"]) == (0.2, True)
    assert pen["low"] == pytest.approx(0.0545, abs=1e-3)
    assert pen["high"] == pytest.approx(0.512, abs=1e-3)
    assert pen["limit"] in {0.2, 0.5}
    assert pen["verdict"] == "unsure"
    assert "FOR-2012-12-05-1140" in pen["limit_source"]


GOOD = """occurred_at,batch,unit,count,cause,detail,note
{day}T06:00:00Z,{batch},tank-1,3,environment,oxygen,"after the pump, stopped"
{day}T18:00:00+02:00,{batch},tank-1,2,unknown,,
"""
BAD = """occurred_at,batch,unit,count,cause,detail
{day}T06:00:00Z,{batch},tank-1,3,environment,oxygen
{day}T06:00:00Z,{batch},tank-1,-3,environment,oxygen
{day}T06:00:00Z,{batch},tank-77,3,environment,oxygen
{day}T06:00:00Z,{batch},tank-1,3,stress,
yesterday,{batch},tank-1,3,unknown,
"""


def upload(client: httpx.Client, text: str, *, dry_run: bool = False) -> httpx.Response:
    query = f"kind=mortality&dry_run={str(dry_run).lower()}"
    return client.post(
        f"/api/v1/sites/fjord/records/import?{query}", content=text.encode(), headers={"Content-Type": "text/csv"}
    )


def test_a_file_goes_in_whole_and_only_once(operator: httpx.Client, batch: str) -> None:
    text = GOOD.format(batch=batch, day=moment(2)[:10])
    trial = upload(operator, text, dry_run=True).json()
    assert (trial["rows"], trial["recorded"], trial["faults"], trial["dry_run"]) == (2, 2, [], True)
    assert state_of(operator, batch)["dead"] == 0
    assert upload(operator, text).json()["recorded"] == 2
    again = upload(operator, text).json()
    assert (again["recorded"], again["repeated"]) == (0, 2)
    assert state_of(operator, batch)["dead"] == 5


def test_a_file_with_faults_is_refused_row_by_row_and_nothing_goes_in(operator: httpx.Client, batch: str) -> None:
    text = BAD.format(batch=batch, day=moment(2)[:10])
    answer = upload(operator, text)
    assert is_problem(answer, 422, "invalid_file")
    found = {error["location"]: error["message"] for error in answer.json()["errors"]}
    assert set(found) == {"row 3.count", "row 4.unit", "row 5.row", "row 6.occurred_at"}
    assert "unknown cause 'stress'; use one of infectious" in found["row 5.row"]
    assert state_of(operator, batch)["dead"] == 0
    assert len(upload(operator, text, dry_run=True).json()["faults"]) == 4


def test_a_file_that_overdraws_the_book_is_refused_whole(operator: httpx.Client, batch: str) -> None:
    rows = "".join(f"{moment(2)[:10]}T0{hour}:00:00Z,{batch},tank-1,400,unknown\n" for hour in range(1, 4))
    answer = upload(operator, "occurred_at,batch,unit,count,cause\n" + rows)
    assert is_problem(answer, 422, "invalid_file")
    assert "holds 200 there then" in answer.json()["detail"]
    assert state_of(operator, batch)["present"] == 1000


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"kind": "mortality", "unit": "tank-1", "count": -1, "cause": "unknown"}, "count"),
        ({"kind": "mortality", "unit": "tank-1", "count": 1.5, "cause": "unknown"}, "count"),
        ({"kind": "feeding", "unit": "tank-1", "product": "P", "lot": "L", "amount_kg": 1, "uneaten_kg": 2}, "uneaten_kg"),
        ({"kind": "feeding", "unit": "tank-1", "product": "P", "lot": "", "amount_kg": 1}, "lot"),
        ({"kind": "treatment", "unit": "tank-1", "product": "P", "active_substance": "s", "dose": "d", "reason": "r",
          "prescriber": "p", "ended_at": moment(0)}, "withdrawal_degree_days"),
        ({"kind": "welfare_sample", "unit": "tank-1", "indicator": "mood", "scores": {"0": 3}}, "indicator"),
        ({"kind": "welfare_sample", "unit": "tank-1", "indicator": "wounds", "scores": {"4": 3}}, "scores"),
        ({"kind": "lice_count", "unit": "tank-1", "fish": 0, "adult_females": 0, "mobile": 0, "attached": 0}, "fish"),
        ({"kind": "note", "note": "   "}, "note"),
        ({"kind": "note", "note": "a\u0000b"}, "note"),
        ({"kind": "party"}, "kind"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_field(
    operator: httpx.Client, batch: str, record: dict[str, Any], field: str
) -> None:
    whole = {"id": str(uuid4()), "occurred_at": moment(1), "batch": batch} | record
    if record["kind"] != "mortality":
        del whole["batch"]
    answer = write(operator, whole)
    assert is_problem(answer, 422, "invalid_request")
    assert field in answer.json()["detail"]


def test_tomorrow_has_not_happened(operator: httpx.Client) -> None:
    answer = write(operator, fact("note", -1, note="x"))
    assert is_problem(answer, 400, "bad_request")
    assert "future" in answer.json()["detail"]


def test_who_may_write(
    anonymous: httpx.Client, viewer: httpx.Client, rival: httpx.Client, operator: httpx.Client
) -> None:
    note = fact("note", note="Net changed")
    assert is_problem(write(anonymous, note), 401, "unauthenticated")
    assert is_problem(write(viewer, note), 403, "forbidden")
    assert is_problem(write(rival, note), 404, "not_found")
    assert write(operator, note).status_code == 201
    assert is_problem(rival.get(f"/api/v1/records/{note['id']}"), 404, "not_found")
    assert is_problem(rival.post(f"/api/v1/records/{note['id']}/strike", json={"reason": "x"}), 404, "not_found")
    assert is_problem(write(rival, note, site="lagoon"), 409, "conflict")
    assert is_problem(operator.post("/api/v1/batches", json={"code": "B", "species": "salmo_salar"}), 403, "forbidden")
    assert is_problem(upload(viewer, "x"), 403, "forbidden")
    assert is_problem(rival.get("/api/v1/batches/none"), 404, "not_found")
