"""Requests on Kafka become predictions or dead letters, each of them, before they are committed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from cloud.dead_letters.rules import LetterLimit
from cloud.kit.stream import StreamError, StreamMessage
from cloud.observations.images import store
from cloud.predictions.stream import StreamPredictor, WaitingError, _Batch
from cloud.settings import load_stream_predictor_settings
from contracts.dead_letters import DeadLetter
from contracts.errors import InvalidMessageError
from contracts.predictions import PredictionMade, PredictionRequest, decode_request
from contracts.topics import KafkaTopic
from tests.architecture.tree import ROOT
from tests.cloud.pictures import colour, jpeg, png_of_size
from tests.models.tiny_bundle import tiny_classifier
from tests.servers.kafka.server import Kafka

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
RED, BLUE = jpeg(colour("red")), jpeg(colour("blue"))


def request(name: str, **fields: Any) -> bytes:
    wanted = {"task": "classification", "site": "fjord", "unit": "tank-1", **fields}
    return PredictionRequest(id=name, requested_at=NOON, **wanted).model_dump_json(exclude_none=True).encode()


def message(value: bytes, offset: int = 0) -> StreamMessage:
    return StreamMessage("prediction-requests", 0, offset, b"fjord/tank-1", value, NOON)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    tiny_classifier(tmp_path / "models" / "fish-species", name="fish-species")
    return tmp_path / "models"


@pytest.fixture
def predictor(models: Path, tmp_path: Path) -> StreamPredictor:
    return StreamPredictor(load_stream_predictor_settings(models_dir=models, storage_dir=tmp_path))


def test_every_request_has_its_outcome_in_order(predictor: StreamPredictor, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(BLUE).hexdigest()
    store(tmp_path, sha256, BLUE)
    payloads = [
        request("first", data=RED, probabilities=True),
        b"not json",
        request("stored", image_sha256=sha256),
        request("absent", image_sha256="0" * 64),
        request("bomb", data=png_of_size(60_000, 60_000)),
        request("hollow", data=png_of_size(64, 64, content=b"no zlib stream")),
        request("nobody", data=RED, model="nobody"),
        json.dumps({"v": 9, "id": "x"}).encode(),
        b'{"v": 1, "id": "no picture", "requested_at": "2026-06-01T12:00:00Z"}',
        request("last", data=BLUE),
    ]
    items = [predictor.checked(message(payload, offset)) for offset, payload in enumerate(payloads)]
    records, refused = predictor.predicted(items, NOON)
    assert refused == 7
    assert [topic for topic, _, _ in records].count(KafkaTopic.PREDICTIONS.value) == 3
    made = [
        PredictionMade.model_validate_json(value)
        for topic, _, value in records
        if topic == KafkaTopic.PREDICTIONS.value
    ]
    assert [(each.request, each.label, each.level) for each in made] == [
        ("first", "red", "high"),
        ("stored", "blue", "high"),
        ("last", "blue", "high"),
    ]
    assert made[0].probabilities is not None
    assert made[1].probabilities is None
    letters = [
        DeadLetter.model_validate_json(value) for topic, _, value in records if topic == KafkaTopic.ERROR_MESSAGES.value
    ]
    assert [each.reason for each in letters] == [
        "bad_json", "not_found", "payload_too_large", "unusable_image", "not_found", "unknown_version", "bad_field",
    ]  # fmt: skip
    assert {each.stage for each in letters} == {"predict"}
    assert letters[0].payload == b"not json"
    assert {key for _, key, _ in records} == {b"fjord/tank-1"}


def test_a_missing_active_model_makes_requests_wait_and_not_dead(tmp_path: Path) -> None:
    predictor = StreamPredictor(load_stream_predictor_settings(models_dir=tmp_path))
    with pytest.raises(WaitingError, match=r"models\.classifier\.train"):
        predictor.predicted([predictor.checked(message(request("one", data=RED)))], NOON)


class Away:
    """Kafka that does not confirm the first time."""

    def __init__(self) -> None:
        self.sent: list[Sequence[tuple[str, bytes | None, bytes]]] = []

    def publish_all(self, records: Sequence[tuple[str, bytes | None, bytes]], *, timeout_s: float) -> None:
        self.sent.append(records)
        if len(self.sent) == 1:
            raise StreamError("0 of 1 records were confirmed")

    def close(self) -> None:
        return


def test_what_kafka_did_not_confirm_is_sent_again_and_not_predicted_again(predictor: StreamPredictor) -> None:
    kafka = Away()
    batch = _Batch(predictor, kafka, LetterLimit(1, 1), 1.0)
    batch.add([message(request("one", data=RED)), message(b"poison"), message(b"poison"), message(b"poison")])
    with pytest.raises(StreamError):
        batch.store()
    batch.store()
    assert kafka.sent[0] is kafka.sent[1]
    with pytest.raises(WaitingError, match="paused for"):  # three letters at a limit of one
        batch.store()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"x" * 4_000_001, "too_large"),
        (b"[]", "bad_field"),
        (b'{"v": "2"}', "unknown_version"),
        (request("both", data=RED)[:-1] + b', "image_sha256": "' + b"0" * 64 + b'"}', "bad_field"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_by_name(payload: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessageError) as refused:
        decode_request(payload)
    assert refused.value.reason == reason


def test_a_field_of_a_newer_sender_is_kept() -> None:
    raw = json.loads(request("one", data=RED)) | {"weather": "storm"}
    assert json.loads(decode_request(json.dumps(raw).encode()).model_dump_json())["weather"] == "storm"


@pytest.mark.integration
@pytest.mark.kafka
def test_on_kafka_each_is_answered_once_and_sigterm_leaves_nothing_uncommitted(
    kafka_topics: Kafka, models: Path, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SHOAL_KAFKA_BOOTSTRAP": kafka_topics.bootstrap,
        "SHOAL_MODELS_DIR": str(models),
        "SHOAL_STORAGE_DIR": str(tmp_path),
        "SHOAL_STREAM_PREDICT_GROUP": f"predict-{os.getpid()}",
        "SHOAL_STREAM_PREDICT_METRICS_PORT": "0",
        "SHOAL_STREAM_PREDICT_BATCH": "8",
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "shoal", "cloud", "predict"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        producer = Producer({"bootstrap.servers": kafka_topics.bootstrap, "partitioner": "murmur2_random"})
        wanted = {f"r{n}" for n in range(40)}
        for name in sorted(wanted):
            producer.produce(
                KafkaTopic.PREDICTION_REQUESTS.value, request(name, data=RED), f"fjord/tank-{name[-1]}".encode()
            )
        producer.produce(KafkaTopic.PREDICTION_REQUESTS.value, b"poison", b"fjord/tank-1")
        assert producer.flush(20) == 0
        reader = Consumer(
            {
                "bootstrap.servers": kafka_topics.bootstrap,
                "group.id": f"reader-{os.getpid()}",
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 1000,
                "allow.auto.create.topics": True,
            }
        )
        reader.subscribe([KafkaTopic.PREDICTIONS.value, KafkaTopic.ERROR_MESSAGES.value])
        seen: list[str] = []
        letters: list[DeadLetter] = []
        deadline = time.monotonic() + 90
        while (len(seen) < 40 or not letters) and time.monotonic() < deadline:
            for found in reader.consume(50, 0.5):
                value = found.value()
                if found.error() is not None or value is None:
                    continue
                if found.topic() == KafkaTopic.PREDICTIONS.value:
                    seen.append(PredictionMade.model_validate_json(value).request)
                else:
                    letters.append(DeadLetter.model_validate_json(value))
        assert sorted(seen) == sorted(wanted)
        assert [each.reason for each in letters] == ["bad_json"]
        reader.close()
    finally:
        program.send_signal(signal.SIGTERM)
        output, _ = program.communicate(timeout=60)
    assert program.returncode == 0, output.decode()
    assert b"predict.stopped" in output
    asking = Consumer({"bootstrap.servers": kafka_topics.bootstrap, "group.id": f"predict-{os.getpid()}"})
    places = [TopicPartition(KafkaTopic.PREDICTION_REQUESTS.value, n) for n in range(4)]
    behind = [
        asking.get_watermark_offsets(place, timeout=10)[1] - max(place.offset, 0)
        for place in asking.committed(places, timeout=10)
    ]
    asking.close()
    assert behind == [0, 0, 0, 0]
