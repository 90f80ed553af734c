"""Every change is in the log: who, what, before, after, from where. Nothing in the log can be changed unseen."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import errors

from cloud.audit.rules import START, Link, check_chain, hash_after
from cloud.db.audit import AUDITED, NOT_AUDITED
from cloud.db.base import Base
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api
from tests.cloud.api.test_access import is_problem


@pytest.fixture
def auditor(platform_admin: httpx.Client) -> httpx.Client:
    return platform_admin


def entries(client: httpx.Client, **filters: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get("/api/v1/audit", params={"limit": 500, **filters}).json()["items"]
    return items


def test_a_change_says_who_what_before_after_and_from_where(rival: httpx.Client) -> None:
    request_id = "request-of-the-rival"
    new = {"name": "Ben", "email": "ben@lagoon.example"}
    made = rival.post("/api/v1/contacts", json=new, headers={"X-Request-ID": request_id}).json()
    rival.put(f"/api/v1/contacts/{made['id']}", json={**new, "phone": "+4712345678"})
    rival.delete(f"/api/v1/contacts/{made['id']}")
    deleted, changed, added = entries(rival, subject="contact")[:3]
    assert (added["change"], changed["change"], deleted["change"]) == ("insert", "update", "delete")
    assert added["actor"] == "rival@lagoon.example"
    assert added["actor_kind"] == "user"
    assert added["action"] == "addContact"
    assert added["request_id"] == request_id
    assert added["address"] == "127.0.0.1"
    assert added["key"] == {"id": made["id"]}
    assert added["before"] is None
    assert added["after"]["email"] == "ben@lagoon.example"
    assert added["after"]["webhook_nonce"] == "(hidden)"
    assert changed["before"] == {"phone": None}
    assert changed["after"] == {"phone": "+4712345678"}
    assert deleted["before"]["phone"] == "+4712345678"
    assert deleted["after"] is None


def test_what_is_not_changed_and_what_fails_is_not_entered(rival: httpx.Client) -> None:
    before = len(entries(rival))
    assert rival.delete("/api/v1/contacts/999999").status_code == 404
    assert rival.post("/api/v1/contacts", json={}).status_code == 422
    assert len(entries(rival)) == before


def test_an_organization_reads_its_own_log_alone(rival: httpx.Client, auditor: httpx.Client) -> None:
    rival.post("/api/v1/auth/password", json={"current": "wrong", "password": "x"})
    assert {entry["actor"].partition("@")[2] for entry in entries(rival) if "@" in entry["actor"]} <= {"lagoon.example"}
    assert not [entry for entry in entries(auditor) if entry["actor"] == "rival@lagoon.example"]


def test_the_log_is_for_managers_who_see_every_site(viewer: httpx.Client, operator: httpx.Client) -> None:
    for client in (viewer, operator):
        for path in ("/audit", "/audit/check", "/audit/export.csv", "/audit/export.jsonl"):
            assert is_problem(client.get(f"/api/v1{path}"), 403, "forbidden")


def test_sign_ins_are_entered_and_secrets_are_not(api: Api, auditor: httpx.Client) -> None:
    with api.client() as client:
        client.post("/api/v1/auth/login", data={"username": "viewer@fjord.example", "password": farms.PASSWORD})
    newest = entries(auditor, actor="viewer@fjord.example")[0]
    assert (newest["action"], newest["subject"], newest["change"]) == ("login", "auth_session", "insert")
    whole = auditor.get("/api/v1/audit/export.jsonl").text
    assert "argon2" not in whole
    assert "(hidden)" in whole


def test_nothing_in_the_log_can_be_changed_or_removed(farm_url: str, auditor: httpx.Client) -> None:
    assert entries(auditor)
    for statement in (
        "UPDATE audit_entry SET actor = 'somebody'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ):
        with psycopg.connect(farm_url) as database, pytest.raises(errors.InsufficientPrivilege):
            database.execute(statement)


def test_the_chain_is_intact_and_follows_outside_the_database(auditor: httpx.Client) -> None:
    checked = auditor.get("/api/v1/audit/check").json()
    assert checked["intact"]
    lines = [json.loads(line) for line in auditor.get("/api/v1/audit/export.jsonl").text.splitlines()]
    head = START
    for number, line in enumerate(lines, start=1):
        assert json.loads(line["record"])["number"] == number
        head = hash_after(head, line["record"])
        assert head == line["hash"]
    assert [line["hash"] for line in lines][checked["entries"] - 1] == checked["head"]


def test_an_export_is_entered_itself_and_a_spreadsheet_can_read_it(auditor: httpx.Client) -> None:
    rows = list(csv.DictReader(io.StringIO(auditor.get("/api/v1/audit/export.csv").text)))
    assert rows[-1]["action"] == "exportAuditLog"
    assert json.loads(rows[-1]["after"]) == {"exported_as": "csv"}
    assert [int(row["number"]) for row in rows] == list(range(1, len(rows) + 1))


def test_whoever_gets_around_the_lock_is_found_out(farm_url: str, auditor: httpx.Client, rival: httpx.Client) -> None:
    rival.post("/api/v1/contacts", json={"name": "Found", "email": "found@lagoon.example"})
    del auditor
    with psycopg.connect(farm_url) as database:
        database.execute("ALTER TABLE audit_entry DISABLE TRIGGER append_only")
        database.execute(
            "UPDATE audit_entry SET record = replace(record, 'found@lagoon', 'other@lagoon') WHERE subject = 'contact'"
        )
        links = database.execute(
            "SELECT number, record, hash FROM audit_entry WHERE chain = (SELECT organization_id FROM app_user"
            " WHERE email = 'rival@lagoon.example') ORDER BY number"
        ).fetchall()
        database.rollback()
    found = check_chain(Link(number, record, hashed, {}) for number, record, hashed in links)
    assert found.fault is not None
    assert "was changed" in found.fault


def test_a_cut_in_the_chain_is_found_and_a_cut_end_by_its_head() -> None:
    records = [json.dumps({"number": number}) for number in range(1, 5)]
    chain, head = [], START
    for number, record in enumerate(records, start=1):
        head = hash_after(head, record)
        chain.append(Link(number, record, head, {"number": number}))
    assert check_chain(chain).fault is None
    assert check_chain([chain[0], *chain[2:]]).fault == "entry 2 is missing; the next is 3"
    assert check_chain(chain[1:]).fault is not None
    assert check_chain(chain[:3]).head != head
    moved = Link(2, chain[1].record, chain[1].hash, {"number": 7})
    assert check_chain([chain[0], moved]).fault == "entry 2: column number was changed"


def test_every_table_is_either_under_the_log_or_says_why_not(farm_url: str, farm: farms.Farm) -> None:
    del farm
    with psycopg.connect(farm_url) as database:
        under = {
            name
            for (name,) in database.execute(
                "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'audit' AND NOT tgisinternal"
            )
        }
    assert under == set(AUDITED), "a migration puts a table under the log by cloud.db.audit.audit_table"
    known = set(AUDITED) | set(NOT_AUDITED)
    forgotten = {name for name in Base.metadata.tables if name not in known}
    assert not forgotten, "add it to AUDITED or, with its reason, to NOT_AUDITED in cloud/db/audit.py"
