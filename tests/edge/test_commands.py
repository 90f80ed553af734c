"""Commands from the cloud: done once, never late, never against a hard rule, and always answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.commands import Command
from contracts.devices import EventBatch
from contracts.envelope import Envelope, decode
from edge.errors import CommandRefusedError, OutboxUnavailableError
from edge.messaging.commands import PER_MINUTE, CommandDesk
from edge.outbox.publisher import compose
from tests.edge.farm import VirtualClock, new_outbox


class Desk:
    """A command desk on a real outbox in virtual time."""

    def __init__(self, folder: Path, clock: VirtualClock) -> None:
        self.clock = clock
        self.outbox = new_outbox(folder, clock=clock)
        self.done: list[Command] = []
        self.desk = CommandDesk(
            self.outbox, site="farm", device="edge-1", clock=clock, actions={"actuator.set": self.act}
        )

    def act(self, command: Command) -> str:
        if command.target == "forbidden":
            raise CommandRefusedError("a hard rule is against it")
        if command.target == "broken":
            raise RuntimeError("the relay caught fire")
        self.done.append(command)
        return "it is on"

    def order(self, *, lives_s: float = 60, age_s: float = 0, **changes: Any) -> UUID:
        issued = self.clock.now() - timedelta(seconds=age_s)
        document = {
            "id": str(uuid4()),
            "site": "farm",
            "device": "edge-1",
            "name": "actuator.set",
            "target": "aerator-1",
            "issued_at": issued,
            "expires_at": issued + timedelta(seconds=lives_s),
            "issued_by": "kari",
            **changes,
        }
        command = Command.model_validate(document)
        self.desk.hear("topic", command.model_dump_json().encode())
        return command.id

    def answers(self) -> list[tuple[str, str]]:
        found = []
        for row in self.outbox.rows_after(0, limit=1000):
            envelope = decode(compose(row, site="f", device="d", backfill=False), row.kind)
            assert isinstance(envelope, Envelope)
            assert isinstance(envelope.body, EventBatch)
            found += [(str(e.detail["outcome"]), str(e.detail["reason"])) for e in envelope.body.events]
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, VirtualClock())
    yield desk
    desk.outbox.close()


def test_a_command_is_done_once_and_answered_once(desk: Desk) -> None:
    identity = desk.order()
    desk.order(id=str(identity))
    desk.desk.work()
    assert len(desk.done) == 1
    assert desk.answers() == [("done", "it is on")]


def test_a_command_is_not_done_again_after_a_restart(desk: Desk, tmp_path: Path) -> None:
    identity = desk.order()
    desk.desk.work()
    desk.outbox.close()
    second = Desk(tmp_path, desk.clock)
    second.order(id=str(identity))
    second.desk.work()
    assert second.done == []
    assert second.answers() == [("done", "it is on")]
    second.outbox.close()


def test_an_agent_that_was_killed_over_a_command_answers_failed_and_never_repeats_it(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = desk.order()
    monkeypatch.setattr(desk.desk, "_acted", lambda _command: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        desk.desk.work()
    desk.outbox.close()
    second = Desk(tmp_path, desk.clock)
    second.order(id=str(identity))
    second.desk.work()
    assert second.done == []
    assert second.answers() == [("failed", "the agent ended while it did this")]
    second.outbox.close()


def test_an_old_command_is_told_expired(desk: Desk) -> None:
    desk.order(age_s=61)
    desk.desk.work()
    assert desk.done == []
    assert desk.answers()[0][0] == "expired"


def test_without_the_time_a_command_lives_from_its_receipt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.clock, "trusted", lambda: False)
    desk.clock.wall -= timedelta(days=20_000)  # 1970
    issued_at = desk.clock.now() + timedelta(days=20_000)
    fresh: dict[str, Any] = {"issued_at": issued_at, "expires_at": issued_at + timedelta(seconds=60)}
    desk.order(**fresh)
    desk.clock.advance(30)
    desk.desk.work()
    assert desk.answers() == [("done", "it is on")]
    desk.order(**fresh)
    desk.clock.advance(61)
    desk.desk.work()
    assert desk.answers()[1] == ("expired", "it waited longer than it was meant to live")


@pytest.mark.parametrize(
    ("changes", "outcome", "words"),
    [
        ({"device": "edge-2"}, "refused", "it is for farm/edge-2"),
        ({"lives_s": 7200}, "refused", "longer than 1:00:00"),
        ({"lives_s": -1}, "refused", "before it was issued"),
        ({"name": "siren.silence"}, "refused", "does not know 'siren.silence'"),
        ({"target": "forbidden"}, "refused", "a hard rule is against it"),
        ({"target": "broken"}, "failed", "RuntimeError: the relay caught fire"),
    ],
)
def test_what_is_not_done_is_answered_with_the_reason(
    desk: Desk, changes: dict[str, Any], outcome: str, words: str
) -> None:
    desk.order(**changes)
    desk.desk.work()
    assert desk.done == []
    [(found, reason)] = desk.answers()
    assert found == outcome
    assert words in reason


def test_a_flood_of_commands_is_refused_and_a_bad_message_ignored(desk: Desk) -> None:
    desk.desk.hear("topic", b"not json")
    for _ in range(PER_MINUTE + 5):
        desk.order()
        desk.desk.work()
    assert len(desk.done) == PER_MINUTE
    assert [outcome for outcome, _ in desk.answers()].count("refused") == 5
    desk.clock.advance(61)
    desk.order()
    desk.desk.work()
    assert len(desk.done) == PER_MINUTE + 1


def test_a_command_that_cannot_be_remembered_waits_and_its_answer_is_not_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OutboxUnavailableError("disk full")

    desk.order()
    monkeypatch.setattr(desk.outbox, "accept", refuse)
    with pytest.raises(OutboxUnavailableError):
        desk.desk.work()
    assert desk.done == []
    monkeypatch.undo()
    desk.desk.work()
    assert desk.answers() == [("done", "it is on")]


def test_the_desk_works_in_its_own_thread(desk: Desk) -> None:
    stop = threading.Event()
    worker = threading.Thread(target=desk.desk.run, args=(stop,))
    worker.start()
    desk.order()
    while not desk.answers():
        stop.wait(0.01)
    stop.set()
    worker.join(5)
    assert not worker.is_alive()
