"""Stored commands go to boxes one by one: one that cannot be sent says why and holds up no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from cloud.commands.sender import CommandSender
from cloud.farms.writer import ensure_organization, ensure_site
from contracts.downlink import CommandNotice, Downlink

pytestmark = [pytest.mark.integration]

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)


class Desk:
    """A database with one box, and what was given to its broker."""

    def __init__(self, url: str) -> None:
        self.database = psycopg.connect(url, autocommit=True)
        site = ensure_site(self.database, ensure_organization(self.database, "farm"), "farm")
        row = self.database.execute(
            "INSERT INTO device (site_id, slug, name) VALUES (%s, 'edge-1', 'Edge 1') RETURNING id", (site,)
        ).fetchone()
        assert row is not None
        self.device, self.sent, self.jammed = row[0], list[UUID](), set[UUID]()
        self.sender = CommandSender(url, send=self.send, now=lambda: NOW)

    def send(self, message: Downlink) -> None:
        assert isinstance(message.body, CommandNotice)
        if message.body.command.id in self.jammed:
            raise ValueError("the message is too large for the broker")
        self.sent.append(message.body.command.id)

    def order(self, name: str, *, age_s: float, attempts: int = 0, arguments: dict[str, Any] | None = None) -> UUID:
        ordered = uuid4()
        self.database.execute(
            "INSERT INTO device_command (id, device_id, name, arguments, issued_at, issued_by, expires_at, next_send_at, attempts)"
            " VALUES (%s, %s, %s, %s, %s, 'ada', %s, %s, %s)",
            (ordered, self.device, name, Jsonb(arguments or {}), NOW - timedelta(seconds=age_s),
             NOW + timedelta(minutes=10), NOW, attempts),
        )  # fmt: skip
        return ordered

    def row(self, command: UUID) -> tuple[Any, ...]:
        found = self.database.execute(
            "SELECT outcome, reason, next_send_at FROM device_command WHERE id = %s", (command,)
        ).fetchone()
        assert found is not None
        return found


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    made = Desk(database_url)
    yield made
    made.database.close()


def test_a_command_that_this_version_does_not_know_is_refused_and_those_behind_it_go_out(desk: Desk) -> None:
    old = desk.order("pump.prime", age_s=60)
    torn = desk.order("diagnostics", age_s=50, arguments={"what": {"nested": 1}})
    good = desk.order("diagnostics", age_s=40)
    desk.sender.round(desk.database)
    assert desk.sent == [good]
    for command, field in ((old, "name"), (torn, "arguments")):
        outcome, reason, _ = desk.row(command)
        assert outcome == "refused"
        assert reason.startswith(f"the platform does not send it: {field}")
        assert "order it anew" in reason


def test_what_an_older_version_has_sent_may_still_be_answered(desk: Desk) -> None:
    old = desk.order("pump.prime", age_s=60, attempts=1)
    desk.sender.round(desk.database)
    outcome, _, next_send_at = desk.row(old)
    assert outcome is None
    assert next_send_at == NOW + timedelta(minutes=10), "it is not sent again"


def test_a_command_that_the_broker_does_not_take_waits_alone(desk: Desk) -> None:
    jammed, good = desk.order("diagnostics", age_s=60), desk.order("diagnostics", age_s=50)
    desk.jammed.add(jammed)
    desk.sender.round(desk.database)
    assert desk.sent == [good]
    outcome, _, next_send_at = desk.row(jammed)
    assert outcome is None
    assert next_send_at > NOW
