"""Letting people and machines in, and checking the audit log, at the command line of the server."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from cloud.farms.provision import provision
from contracts.errors import ConfigurationError
from shoal.cli import app

SECRET = "a secret of at least thirty-two characters"


def run(*arguments: str, database_url: str, expected: int = 0) -> str:
    done = CliRunner().invoke(app, ["cloud", *arguments, "--database-url", database_url], env={"COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == expected, done.output
    return done.output


@pytest.fixture
def farm_url(database_url: str) -> str:
    provision(database_url, "shoal", [{"slug": "fjord"}])
    return database_url


def test_an_operator_of_the_server_lets_people_and_machines_in(farm_url: str) -> None:
    invited = run("invite", "Ana@Farm.example", "--role", "farm_manager", "--site", "fjord", database_url=farm_url)
    assert "ana@farm.example" in invited
    made = run("keys", "create", "Feeder", "telemetry:read", "--secret-key", SECRET, database_url=farm_url)
    assert made.splitlines()[-1].startswith("shk_1_")
    assert "Feeder" in run("keys", "list", database_url=farm_url)
    run("keys", "revoke", "1", database_url=farm_url)
    assert "revoked" in run("keys", "list", database_url=farm_url)
    with psycopg.connect(farm_url) as database:
        actions = database.execute("SELECT actor, action FROM audit_entry ORDER BY number").fetchall()
    assert [action for _, action in actions] == ["invite", "makeApiKey", "revokeApiKey"]
    assert all(actor.startswith("command:") for actor, _ in actions)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("invite", "nobody", "--role", "viewer"), "email"),
        (("invite", "ana@farm.example", "--role", "captain"), "role"),
        (("invite", "ana@farm.example", "--site", "nowhere"), "invite"),
        (("invite", "ana@farm.example", "--organization", "nobody"), "organization"),
        (("keys", "create", "Feeder", "everything", "--secret-key", SECRET), "scopes.0"),
    ],
)
def test_what_cannot_be_done_is_named(farm_url: str, arguments: tuple[str, ...], field: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        run(*arguments, database_url=farm_url)
    assert refused.value.field == field


def test_the_log_is_checked_and_a_head_that_was_written_down_finds_what_was_cut(farm_url: str, tmp_path: Path) -> None:
    for name in ("ana", "ben"):
        run("invite", f"{name}@farm.example", database_url=farm_url)
    head = run("audit", "verify", database_url=farm_url).strip()
    assert head.startswith("1:2:")
    run("audit", "verify", "--head", head, database_url=farm_url)
    run("audit", "export", str(tmp_path / "log.jsonl"), database_url=farm_url)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(json.loads(line)["record"])["number"] for line in lines] == [1, 2]
    with psycopg.connect(farm_url) as database:
        database.execute("ALTER TABLE audit_entry DISABLE TRIGGER append_only")
        database.execute("DELETE FROM audit_entry WHERE number = 2")
    assert run("audit", "verify", database_url=farm_url).startswith("1:1:"), "what is left is a good chain"
    assert "does not contain it" in run("audit", "verify", "--head", head, database_url=farm_url, expected=1)
    with psycopg.connect(farm_url) as database:
        database.execute("UPDATE audit_entry SET record = replace(record, 'ana', 'eve')")
    assert "was changed" in run("audit", "verify", database_url=farm_url, expected=1)
