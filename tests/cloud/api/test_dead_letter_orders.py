"""Messages that an older program refused are put back from the API: stored once, and told honestly when refused again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from cloud.auth.accounts import create_user
from cloud.consumers import Ingest, IngestResult, Replayer
from cloud.consumers.records import StreamRecord
from cloud.dead_letters import writer as letters
from cloud.farms.writer import ensure_organization, ensure_site
from contracts.dead_letters import DeadLetter
from contracts.devices import DeviceEvent, EventBatch
from contracts.envelope import Envelope, encode
from shoal.cli import app as shoal_app
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api

AT = datetime(2032, 5, 1, tzinfo=timezone.utc)
ORDERS = "/api/v1/dead-letters/orders"
ADMIN, STRANGER = "fleet@cove.example", "fleet@sound.example"


def letter(
    name: str, payload: bytes, *, reason: str = "bad_schema", site: str = "cove", stage: Any = "decode"
) -> DeadLetter:
    return DeadLetter(
        id=name * 32,
        received_at=AT,
        stage=stage,
        reason=reason,
        detail="refused by the program of last week",
        origin=f"shoal/1/{site}/box-1/events",
        site=site,
        device="box-1",
        payload=payload,
    )


def told(what: str, *, device: str = "box-1") -> bytes:
    at = AT + timedelta(seconds=len(what) + ord(what[-1]))
    event = DeviceEvent(name="pump.serviced", occurred_at=at, message=what)
    return encode(
        Envelope(
            site="cove", device=device, boot="boot-0001", stream="outbox-0001", seq=7, sent_at=AT,
            body=EventBatch(events=(event,)),
        )
    )  # fmt: skip


@pytest.fixture
def replayer(farm_url: str, storage_dir: Path) -> Iterator[Replayer]:
    working = Replayer(farm_url, Ingest(farm_url, storage_dir=storage_dir), now=lambda: datetime.now(timezone.utc))
    yield working
    working.stop()


@pytest.fixture
def cove(api: Api, farm_url: str) -> Iterator[httpx.Client]:
    """The fleet admin of a farm with four dead letters; another farm has one."""
    with psycopg.connect(farm_url) as database:
        for name in ("cove", "sound"):
            ensure_site(database, ensure_organization(database, name), name)
        letters.write(
            database,
            [
                letter("a1", told("pump of tank 1")),
                letter("b2", told("pump of tank 2")),
                letter("c3", b"{ torn"),
                letter("d4", told("pump of tank 9", device="box-2"), reason="identity_mismatch", stage="authorize"),
                letter("e5", told("elsewhere"), site="sound"),
            ],
        )
    with psycopg.connect(farm_url) as database:
        known = database.execute("SELECT count(*) FROM app_user WHERE email = %s", (ADMIN,)).fetchone()
    if known == (0,):
        create_user(farm_url, ADMIN, farms.PASSWORD, "fleet_admin", "cove")
        create_user(farm_url, STRANGER, farms.PASSWORD, "fleet_admin", "sound")
    with signed_in(api, ADMIN) as client:
        yield client
    with psycopg.connect(farm_url) as database:
        database.execute("DELETE FROM dead_letter_order")
        database.execute("DELETE FROM dead_letter WHERE site IN ('cove', 'sound')")
        database.execute("DELETE FROM device_event WHERE name = 'pump.serviced'")
        database.execute("DELETE FROM ingest_stream WHERE stream LIKE 'replay-%'")


def signed_in(api: Api, email: str) -> httpx.Client:
    with api.client() as client:
        answer = client.post("/api/v1/auth/login", data={"username": email, "password": farms.PASSWORD})
    return api.client(answer.json()["access_token"])


def until_done(client: httpx.Client, order: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while order["status"] != "done" and time.monotonic() < deadline:
        time.sleep(0.1)
        order = client.get(f"{ORDERS}/{order['id']}").json()
    assert order["status"] == "done"
    return order


def stored(url: str) -> list[str]:
    with psycopg.connect(url) as database:
        rows = database.execute("SELECT message FROM device_event WHERE name = 'pump.serviced' ORDER BY message")
        return [row[0] for row in rows]


def test_letters_are_put_back_once_and_what_is_refused_again_says_why(
    cove: httpx.Client, replayer: Replayer, farm_url: str
) -> None:
    asked = cove.post(ORDERS, json={"action": "replay", "site": "cove", "why": "program corrected"})
    assert (asked.status_code, asked.json()["status"], asked.json()["letters"]) == (202, "waiting", 4)
    replayer.start()
    done = until_done(cove, asked.json())
    assert (done["replayed"], done["refused"], done["left_out"]) == (2, 2, 0)
    why = {one["id"][:2]: one["why"] for one in done["refused_letters"]}
    assert why["c3"].startswith("bad_json")
    assert why["d4"].startswith("identity_mismatch")
    assert stored(farm_url) == ["pump of tank 1", "pump of tank 2"]

    again = cove.post(ORDERS, json={"action": "replay", "letters": ["a1" * 32]}).json()
    assert until_done(cove, again)["replayed"] == 1
    assert stored(farm_url) == ["pump of tank 1", "pump of tank 2"]
    page = cove.get("/api/v1/dead-letters?state=replayed").json()["items"]
    assert {(one["id"][:2], one["settled_by"]) for one in page} == {("a1", ADMIN), ("b2", ADMIN)}
    reasons = cove.get("/api/v1/dead-letters/reasons").json()["items"]
    assert {(one["reason"], one["letters"]) for one in reasons} == {("bad_schema", 1), ("identity_mismatch", 1)}


def test_a_message_refused_again_leaves_the_ledger_alone_so_that_a_later_program_can_store_it(
    cove: httpx.Client, replayer: Replayer, farm_url: str
) -> None:
    with psycopg.connect(farm_url) as database:
        before = database.execute("SELECT count(*) FROM dead_letter").fetchone()
        database.execute("ALTER TABLE device_event ADD CONSTRAINT bug CHECK (message <> 'pump of tank 1')")
    try:
        replayer.start()
        order = cove.post(ORDERS, json={"action": "replay", "letters": ["a1" * 32]}).json()
        order = until_done(cove, order)
        assert (order["replayed"], order["refused"]) == (0, 1)
        assert "not_storable" in order["refused_letters"][0]["why"]
    finally:
        with psycopg.connect(farm_url) as database:
            database.execute("ALTER TABLE device_event DROP CONSTRAINT bug")
            assert database.execute("SELECT count(*) FROM dead_letter").fetchone() == before
    order = cove.post(ORDERS, json={"action": "replay", "letters": ["a1" * 32]}).json()
    assert until_done(cove, order)["replayed"] == 1
    assert stored(farm_url) == ["pump of tank 1"]


def test_a_letter_that_brings_the_program_down_is_marked_and_the_others_are_put_back(
    cove: httpx.Client, replayer: Replayer, farm_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replayer._ingest.write_whole

    def stumbles(record: StreamRecord) -> IngestResult:
        if b"pump of tank 1" in record.value:
            raise ZeroDivisionError("division by zero")
        return whole(record)

    monkeypatch.setattr(replayer._ingest, "write_whole", stumbles)
    replayer.start()
    order = cove.post(ORDERS, json={"action": "replay", "letters": ["a1" * 32, "b2" * 32]}).json()
    done = until_done(cove, order)
    assert (done["replayed"], done["refused"]) == (1, 1)
    assert done["refused_letters"][0]["why"] == "the program failed on it: ZeroDivisionError: division by zero"
    assert stored(farm_url) == ["pump of tank 2"]
    assert "a1" in {one["id"][:2] for one in cove.get("/api/v1/dead-letters?state=open").json()["items"]}
    monkeypatch.undo()
    again = cove.post(ORDERS, json={"action": "replay", "letters": ["a1" * 32]}).json()
    assert until_done(cove, again)["replayed"] == 1, "the corrected program can be asked for it"


def test_an_order_whose_process_died_is_finished_by_the_next(
    cove: httpx.Client, replayer: Replayer, farm_url: str
) -> None:
    order = cove.post(ORDERS, json={"action": "replay", "reason": "bad_schema"}).json()
    with psycopg.connect(farm_url) as database:
        past = datetime.now(timezone.utc) - timedelta(minutes=5)
        database.execute("UPDATE dead_letter_order SET status = 'running', leased_until = %s", (past,))
    replayer.start()
    assert until_done(cove, order)["replayed"] == 2


def test_a_discarded_letter_needs_a_reason_and_comes_back_with_its_message(cove: httpx.Client, farm_url: str) -> None:
    assert cove.post(ORDERS, json={"action": "discard", "letters": ["c3" * 32]}).status_code == 422
    done = cove.post(ORDERS, json={"action": "discard", "letters": ["c3" * 32], "why": "a torn cable"}).json()
    assert (done["status"], done["discarded"]) == ("done", 1)
    (gone,) = cove.get("/api/v1/dead-letters?state=discarded").json()["items"]
    assert (gone["id"][:2], gone["settled_why"], gone["preview"]) == ("c3", "a torn cable", "{ torn")
    with psycopg.connect(farm_url) as database:
        letters.write(database, [letter("c3", b"{ torn").model_copy(update={"received_at": AT + timedelta(hours=1)})])
    open_ones = cove.get("/api/v1/dead-letters?state=open&reason=bad_schema").json()["items"]
    assert ("c3", 2) in {(one["id"][:2], one["count"]) for one in open_ones}


def test_an_operator_puts_letters_back_from_a_terminal(
    cove: httpx.Client, api: Api, replayer: Replayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("SHOAL_API_KEY", raising=False)
    terminal = CliRunner()
    terminal.invoke(shoal_app, ["admin", "login", api.url, "--email", ADMIN, "--password", farms.PASSWORD])
    assert "bad_schema" in terminal.invoke(shoal_app, ["fleet", "letters", "reasons"]).output
    replayer.start()
    done = terminal.invoke(shoal_app, ["fleet", "letters", "replay", "--site", "cove", "--why", "corrected"])
    assert done.exit_code == 1
    assert "2 replayed, 2 refused again" in done.output
    assert "identity_mismatch" in done.output
    gone = terminal.invoke(shoal_app, ["fleet", "letters", "discard", "c3" * 32, "--why", "torn"])
    assert gone.exit_code == 0
    assert "corrected" in terminal.invoke(shoal_app, ["fleet", "letters", "orders"]).output
    assert [one["id"][:2] for one in cove.get("/api/v1/dead-letters?state=open").json()["items"]] == ["d4"]


def test_another_farm_touches_nothing_and_an_order_names_something(cove: httpx.Client, api: Api) -> None:
    mine = cove.post(ORDERS, json={"action": "discard", "letters": ["c3" * 32], "why": "torn"}).json()
    with signed_in(api, STRANGER) as stranger:
        assert stranger.post(ORDERS, json={"action": "replay", "letters": ["a1" * 32]}).status_code == 404
        assert stranger.post(ORDERS, json={"action": "replay", "site": "cove"}).status_code == 404
        assert stranger.get(f"{ORDERS}/{mine['id']}").status_code == 404
        assert stranger.get(ORDERS).json() == {"items": []}
    assert cove.post(ORDERS, json={"action": "replay"}).status_code == 422
    both = {"action": "replay", "letters": ["a1" * 32], "site": "cove"}
    assert cove.post(ORDERS, json=both).status_code == 422


def test_orders_are_in_the_audit_log_and_have_a_bound(cove: httpx.Client) -> None:
    for _ in range(10):
        assert cove.post(ORDERS, json={"action": "replay", "site": "cove"}).status_code == 202
    assert cove.post(ORDERS, json={"action": "replay", "site": "cove"}).status_code == 409
    entries = cove.get("/api/v1/audit").json()["items"]
    assert {one["action"] for one in entries if one["subject"] == "dead_letter_order"} == {"orderDeadLetters"}
