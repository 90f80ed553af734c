"""A bad deploy must not drain the stream into dead letters: the group pauses, says so, and goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud.consumers import Ingest
from cloud.consumers.kafka import Consumers, TooManyRefusedError, _Downlink, _Group
from cloud.dead_letters.rules import LetterLimit
from cloud.kit.stream import StreamMessage
from cloud.settings import load_ingest_settings
from contracts.devices import Watermark
from contracts.errors import RetryableError
from tests.cloud.messages import NOON, clock, counts, readings


class Silent:
    def publish(self, topic: str, key: bytes, value: bytes) -> None:
        Watermark.model_validate_json(value)

    def close(self) -> None: ...


def message(offset: int, value: bytes) -> StreamMessage:
    return StreamMessage("sensor-data", 0, offset, b"key", value, NOON)


def store(group: _Group, messages: Sequence[StreamMessage]) -> None:
    work = group.begin()
    work.add(messages)
    work.store()


def test_a_burst_passes_then_the_rate_decides() -> None:
    limit = LetterLimit(rate_per_s=2, burst=10)
    limit.spend(10, now=100)
    assert limit.wait_s(100) == 0
    limit.spend(6, now=100)
    assert limit.wait_s(100) == 3
    assert limit.wait_s(102) == 1
    assert limit.wait_s(103.5) == 0
    limit.spend(0, now=10_000)
    limit.spend(10, now=10_000)
    assert limit.wait_s(10_000) == 0, "a quiet time refills the burst and no more"


def test_a_group_that_refuses_too_much_pauses_before_the_next_batch(database_url: str, tmp_path: Path) -> None:
    ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
    group = _Group("telemetry", ingest, _Downlink(Silent()), LetterLimit(rate_per_s=0.001, burst=5))
    store(group, [message(n, b"poison %d" % n) for n in range(20)])
    assert counts(database_url)["dead_letter"] == 20, "a batch is never torn"
    with pytest.raises(TooManyRefusedError, match="paused"):
        store(group, [message(20, readings(1).value)])
    assert "paused" in group.obstacle
    assert counts(database_url)["reading"] == 0
    group.close()


def test_letters_that_the_bridge_has_counted_do_not_count_again(database_url: str, tmp_path: Path) -> None:
    ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
    letter = ingest.write([readings(1)])
    assert letter.refused == 0
    group = _Group("system", ingest, _Downlink(Silent()), LetterLimit(rate_per_s=0.001, burst=1))
    stamp = NOON.isoformat()
    for number in range(5):
        value = json.dumps(
            {"id": f"{number:064d}", "received_at": stamp, "stage": "decode", "reason": "bad_json", "detail": "",
             "origin": "x", "payload": ""}
        ).encode()  # fmt: skip
        store(group, [StreamMessage("error-messages", 0, number, b"key", value, NOON)])
    assert counts(database_url)["dead_letter"] == 5
    group.close()


def test_a_database_that_is_away_is_an_obstacle_until_it_is_back(tmp_path: Path) -> None:
    ingest = Ingest("postgresql://nobody@127.0.0.1:9/none", storage_dir=tmp_path)
    group = _Group("telemetry", ingest, _Downlink(Silent()), LetterLimit(1, 1))
    with pytest.raises(RetryableError):
        store(group, [message(0, readings(1).value)])
    assert "database" in group.obstacle


def test_consumers_that_were_not_started_are_not_alive_and_kafka_is_missed() -> None:
    settings = load_ingest_settings(database_url="postgresql://x@127.0.0.1:9/x", kafka_bootstrap="127.0.0.1:9")
    condition = Consumers(settings).condition()
    assert not condition.alive
    assert condition.obstacles == ("kafka: nothing answers at 127.0.0.1:9",)
