"""Corrected dead letters go back once, under a name of their own; what still fails is reported and nothing is taken away."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.dead_letter import Stage, dead_letter
from bridge.errors import SinkUnavailableError
from bridge.replay import Report, Selection, replay
from bridge.settings import load_settings
from bridge.sink import Routed, open_sink
from bridge.walk import Walk
from cloud.consumers import Ingest, StreamRecord
from cloud.db import migrate
from contracts.dead_letters import DeadLetter
from contracts.devices import Status
from contracts.envelope import Envelope, decode, encode
from contracts.errors import InvalidMessageError
from contracts.topics import Kind
from shoal.cli import app
from tests.bridge.farm import NOON, READINGS_TOPIC, payload
from tests.bridge.memory_sink import MemorySink
from tests.bridge.test_sinks import batch_of, read_topic, settings_for
from tests.cloud.postgres import Postgres
from tests.servers.kafka.server import Kafka

EVERYTHING = Selection()


def letter(
    value: bytes, *, origin: str = READINGS_TOPIC, reason: str = "bad_schema", stage: Stage = "decode", minutes: int = 0
) -> Routed:
    error = InvalidMessageError(reason, "as it was then")
    moment = NOON + timedelta(minutes=minutes)
    return dead_letter(origin, value, moment, stage=stage, error=error, max_bytes=700_000)


@pytest.fixture
def walk() -> Iterator[Walk]:
    walk = Walk(load_settings())
    yield walk
    walk.close()


@pytest.fixture
def memory() -> MemorySink:
    memory = MemorySink()
    memory.start()
    return memory


def replayed(letters: list[Routed], walk: Walk, sink: MemorySink | None, selection: Selection = EVERYTHING) -> Report:
    return replay([each.value for each in letters], walk, sink, selection)


def test_a_letter_that_passes_now_goes_to_its_topic_under_the_letters_name(walk: Walk, memory: MemorySink) -> None:
    first = letter(payload(7))
    assert replayed([first], walk, memory).replayed == 1
    (stored,) = memory.stored
    message = decode(stored.value, Kind.READINGS)
    assert isinstance(message, Envelope)
    assert isinstance(first.message, DeadLetter)
    assert (stored.topic, stored.key, message.seq, message.backfill) == ("sensor-data", b"north/edge-1", 1, True)
    assert message.stream == f"replay-{first.message.id[:32]}"
    original = decode(payload(7), Kind.READINGS)
    assert isinstance(original, Envelope)
    assert message.body == original.body


def test_what_still_fails_is_reported_with_todays_reason_and_counted_once(walk: Walk, memory: MemorySink) -> None:
    letters = [letter(b"{"), letter(b"{"), letter(payload(1)), letter(payload(2, device="edge-2"), stage="authorize")]
    report = replay([*(each.value for each in letters), b"no letter", b"\n"], walk, memory, EVERYTHING)
    assert (report.replayed, report.repeated, report.unreadable, report.not_selected) == (1, 1, 1, 0)
    assert [reason.partition(":")[0] for _, reason in report.left] == ["bad_json", "identity_mismatch"]


def test_only_what_is_selected_goes_back(walk: Walk, memory: MemorySink) -> None:
    letters = [letter(payload(1)), letter(payload(2), reason="no_route"), letter(payload(3), minutes=10)]
    assert replayed(letters, walk, memory, Selection(reason="no_route")).replayed == 1
    assert replayed(letters, walk, memory, Selection(since=NOON + timedelta(minutes=5))).replayed == 1
    assert replayed(letters, walk, memory, Selection(since=NOON + timedelta(hours=5))).not_selected == 3


def test_a_dry_run_sends_nothing(walk: Walk) -> None:
    assert replayed([letter(payload(1)), letter(b"{")], walk, None).replayed == 1


def test_letters_of_the_store_find_their_way_by_their_message(walk: Walk, memory: MemorySink) -> None:
    status = (Path(__file__).parent.parent / "golden/uplink/v1/status.json").read_bytes()
    letters = [letter(value, origin="sensor-data/0/17", stage="store") for value in (payload(1), status, b"{", b"[]")]
    report = replayed(letters, walk, memory)
    assert (report.replayed, len(report.left)) == (2, 2)
    assert [each.topic for each in memory.stored] == ["sensor-data", "system-events"]
    assert isinstance(memory.stored[1].message, Status)
    assert memory.stored[1].value == status, "a status has no number: the newest wins"


def test_a_refusal_by_kafka_is_reported_and_an_absent_kafka_is_an_error(
    walk: Walk, memory: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.replay._PAUSE_S", 0.0)
    memory.largest = 10
    report = replayed([letter(payload(1))], walk, memory)
    assert (report.replayed, [reason for _, reason in report.left]) == (0, ["refused_by_sink: too large for memory"])
    memory.largest, memory.away = 10**6, True
    with pytest.raises(SinkUnavailableError, match="nothing is lost"):
        replayed([letter(payload(1))], walk, memory)


@pytest.mark.integration
def test_the_store_takes_a_replayed_message_whose_number_had_been_counted_and_takes_it_once(
    walk: Walk, memory: MemorySink, tmp_path: Path
) -> None:
    refused = letter(payload(5))
    assert replayed([refused], walk, memory).replayed == 1
    server = Postgres()
    server.start()
    try:
        migrate.upgrade(server.url())
        ingest = Ingest(server.url(), storage_dir=tmp_path)
        rows = [
            ingest.write([StreamRecord(value, kind, NOON, origin)]).rows
            for value, kind, origin in [
                (refused.value, None, "error-messages/0/0"),  # the letter: durable, and number 5 counts as received
                (payload(5), Kind.READINGS, "sensor-data/0/0"),  # so the message itself would be a repeat
                (memory.stored[0].value, Kind.READINGS, "sensor-data/0/1"),
                (memory.stored[0].value, Kind.READINGS, "sensor-data/0/2"),
            ]
        ]
        ingest.close()
    finally:
        server.stop()
    assert rows[1:] == [0, 1, 0]


@pytest.mark.integration
@pytest.mark.kafka
@pytest.mark.parametrize("kind", ["confluent", "kafka-python"])
def test_the_command_puts_back_what_kafka_holds_and_a_second_time_changes_nothing(
    kind: str, kafka_topics: Kafka, tmp_path: Path
) -> None:
    sink = open_sink(settings_for(kind, kafka_topics.bootstrap))
    sink.start()
    answers: list[BaseException | None] = []
    letters = [letter(encode(each.message)) for each in batch_of(range(1, 21)) if isinstance(each.message, Envelope)]
    sink.submit([*letters, letter(b"{")], answers.append)
    sink.stop()
    assert answers == [None]

    config = tmp_path / "bridge.yaml"
    config.write_text(f"kafka_bootstrap: {kafka_topics.bootstrap}\nsink: {kind}\nkafka_delivery_timeout_s: 10\n")
    left = tmp_path / "left.jsonl"
    told = []
    for extra in (["--dry-run"], ["--left", str(left)], ["--file", str(left)], []):
        outcome = CliRunner().invoke(app, ["bridge", "replay", "--config", str(config), *extra])
        assert outcome.exit_code == 1, outcome.output
        assert outcome.output, repr(outcome.exception)
        told.append(outcome.output.splitlines()[0])
    assert told == [
        "would replay 20, still failing 1",
        "replayed 20, still failing 1",
        "replayed 0, still failing 1",
        "replayed 20, still failing 1",
    ]
    assert DeadLetter.model_validate_json(left.read_bytes()).payload == b"{"
    found: Counter[str] = Counter()
    for _, _, value in read_topic(kafka_topics, "sensor-data"):
        found[json.loads(value)["stream"]] += 1
    assert (len(found), set(found.values())) == (20, {2}), "the same names twice, which the store counts once"
