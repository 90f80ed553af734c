"""What works in a thread of its own outlives its database's absence and its own failures, and ends when it is told to."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from functools import partial
from typing import Any

import pytest
from psycopg import Connection
from structlog.testing import capture_logs

from cloud.abnormal import advisor
from cloud.alarms import watcher
from cloud.alarms.source import StoredAlarms
from cloud.kit import own_thread
from cloud.kit.own_thread import DatabaseThread, OwnThread
from cloud.notifications import notifier
from cloud.notifications.links import Links
from cloud.watch import AdvisedAlarms
from tests.edge.farm import eventually


class Feeder(DatabaseThread):
    """Feeds until its rope is cut, its motor jams or it is told to stop."""

    def __init__(self, url: str) -> None:
        super().__init__("feeder", url)
        self.turns: list[str] = []

    def _serve(self, database: Connection[Any], stop: threading.Event) -> None:
        if not self.turns:
            self.turns.append("jammed")
            raise ValueError("the motor is jammed")
        if len(self.turns) == 1:
            self.turns.append("cut")
            database.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        self.turns.append(str(database.execute("SHOW application_name").fetchone()))
        stop.wait()


class Slow(OwnThread):
    """Finishes its round before it looks up."""

    def __init__(self) -> None:
        super().__init__("slow")
        self.round = threading.Event()
        self.told: list[threading.Event] = []

    def run(self, stop: threading.Event) -> None:
        self.told.append(stop)
        self.round.wait()
        stop.wait()


@pytest.mark.integration
def test_neither_a_failure_nor_a_cut_connection_ends_the_work(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_thread, "RETRY_S", 0.01)
    feeder = Feeder(database_url)
    feeder.start()
    try:
        eventually(lambda: len(feeder.turns) == 3)
        assert feeder.turns == ["jammed", "cut", "('shoal-feeder',)"]
        assert feeder.alive
    finally:
        feeder.stop()
    assert (feeder.alive, len(feeder.turns)) == (False, 3)
    feeder.stop()


def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_thread, "RETRY_S", 0.01)
    feeder = Feeder("postgresql://nobody@127.0.0.1:1/none")
    with capture_logs() as events:
        feeder.start()
        try:
            eventually(lambda: len(events) >= 3)
            assert feeder.alive
        finally:
            feeder.stop()
    assert {(each["event"], each["thread"]) for each in events} == {("thread_waits", "feeder")}
    assert (feeder.alive, feeder.turns) == (False, [])


def test_a_thread_that_outlived_its_stop_is_not_called_back_by_the_next_start() -> None:
    slow = Slow()
    slow.start()
    eventually(lambda: len(slow.told) == 1)
    slow.stop(timeout_s=0.01)
    slow.start()
    eventually(lambda: len(slow.told) == 2)
    try:
        assert [each.is_set() for each in slow.told] == [True, False]
    finally:
        slow.round.set()
        slow.stop()


@pytest.mark.integration
@pytest.mark.parametrize("whose", ["watcher", "advisor", "notifier"])
def test_the_watch_over_all_farms_outlives_a_fault_in_one_round(
    database_url: str, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    for module, name in (
        (own_thread, "RETRY_S"), (watcher, "ROUND_S"), (advisor, "ROUND_S"), (advisor, "BEGINS_AFTER_S"),
        (notifier, "ROUND_S"), (notifier, "RETRY_S"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, 0.01)
    now = partial(datetime.now, timezone.utc)
    links = Links(b"s" * 32, None)
    parts: dict[str, OwnThread] = {
        "watcher": watcher.Watcher(database_url, now=now),
        "advisor": advisor.Advisor(database_url, alarms=AdvisedAlarms(), now=now),
        "notifier": notifier.Notifier(database_url, alarms=StoredAlarms(), senders={}, links=links, now=now),
    }
    part = parts[whose]
    rounds: list[str] = []

    def stumbles(*_: object) -> int:
        rounds.append("round")
        if len(rounds) == 1:
            raise ZeroDivisionError("a stream without variance")
        return 0

    monkeypatch.setattr(part, "round", stumbles)
    part.start()
    try:
        eventually(lambda: len(rounds) > 2)
        assert part.alive, "a fault in advice must not silence the alarms of all farms"
    finally:
        part.stop()
