"""One contract for every sink, on a real Kafka: durable or an error, once per batch, never more than it was given."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from bridge.errors import RecordRefusedError, SinkUnavailableError
from bridge.settings import BridgeSettings, load_settings
from bridge.sink import Routed, Sink, open_sink
from tests.bridge.farm import NOON, READINGS_TOPIC, envelope, eventually, payload
from tests.bridge.memory_sink import MemorySink
from tests.servers.kafka.server import Kafka
from tests.servers.process import free_port

KAFKA_SINKS = ["confluent", "kafka-python"]
ALL_SINKS = [pytest.param(kind, marks=[pytest.mark.integration, pytest.mark.kafka]) for kind in KAFKA_SINKS] + [
    pytest.param("memory")
]

Answers = list[BaseException | None]
Stored = Callable[[], list[tuple[str, bytes, bytes]]]


def batch_of(sequences: Sequence[int], *, device: str = "edge-1", topic: str = "sensor-data") -> list[Routed]:
    return [
        Routed(
            topic=topic,
            key=f"north/{device}".encode(),
            value=payload(seq, device=device),
            message=envelope(seq, device=device),
            origin=READINGS_TOPIC,
            received_at=NOON,
        )
        for seq in sequences
    ]


def settings_for(kind: str, bootstrap: str, **overrides: Any) -> BridgeSettings:
    return load_settings(None, sink=kind, kafka_bootstrap=bootstrap, **{"kafka_delivery_timeout_s": 5, **overrides})


def read_topic(kafka: Kafka, topic: str) -> list[tuple[str, bytes, bytes]]:
    """Everything in ``topic``, sorted by partition and in order within each."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "reader", "enable.auto.commit": False})
    records: list[tuple[int, bytes, bytes]] = []
    try:
        parts = [TopicPartition(topic, p, 0) for p in consumer.list_topics(topic, timeout=10).topics[topic].partitions]
        eventually(lambda: _ends(consumer, parts), "every partition has a leader")
        expected = sum(_ends(consumer, parts))
        consumer.assign(parts)
        while len(records) < expected:
            for message in consumer.consume(expected - len(records), 1.0):
                assert message.error() is None
                records.append((message.partition() or 0, bytes(message.key() or b""), bytes(message.value() or b"")))
    finally:
        consumer.close()
    records.sort(key=lambda record: record[0])
    return [(topic, key, value) for _, key, value in records]


def _ends(consumer: Consumer, parts: list[TopicPartition]) -> list[int]:
    try:
        return [consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts]
    except KafkaException:  # the topic was made a moment ago
        return []


@pytest.fixture(params=ALL_SINKS)
def sink_and_stored(request: pytest.FixtureRequest) -> Iterator[tuple[Sink, Stored]]:
    if request.param == "memory":
        memory = MemorySink()
        memory.largest = 1_000_000
        memory.start()
        yield memory, lambda: [(routed.topic, routed.key, routed.value) for routed in memory.stored]
        memory.stop()
        return
    kafka: Kafka = request.getfixturevalue("kafka_topics")
    sink = open_sink(settings_for(request.param, kafka.bootstrap, kafka_max_message_bytes=1_000_000))
    sink.start()
    yield sink, lambda: read_topic(kafka, "sensor-data")
    sink.stop(timeout_s=2)


def test_a_batch_is_answered_once_and_only_when_all_of_it_is_durable(sink_and_stored: tuple[Sink, Stored]) -> None:
    sink, stored = sink_and_stored
    answers: Answers = []
    batch = batch_of(range(1, 201))
    sink.submit(batch, answers.append)
    eventually(lambda: answers, "the batch is answered")
    assert sorted(stored()) == sorted((routed.topic, routed.key, routed.value) for routed in batch)
    time.sleep(0.1)
    assert answers == [None]


def test_a_device_keeps_its_order(sink_and_stored: tuple[Sink, Stored]) -> None:
    sink, stored = sink_and_stored
    answers: Answers = []
    for start in range(0, 100, 10):
        for device in ("edge-1", "edge-2"):
            sink.submit(batch_of(range(start + 1, start + 11), device=device), answers.append)
    eventually(lambda: answers == [None] * 20, "all batches are durable")
    for device in ("edge-1", "edge-2"):
        mine = [value for _, key, value in stored() if key == f"north/{device}".encode()]
        assert mine == [payload(seq, device=device) for seq in range(1, 101)]


def test_an_empty_batch_is_durable_at_once(sink_and_stored: tuple[Sink, Stored]) -> None:
    sink, _ = sink_and_stored
    answers: Answers = []
    sink.submit([], answers.append)
    eventually(lambda: answers == [None], "answered")


def test_a_record_that_can_never_be_stored_is_named_by_its_index(sink_and_stored: tuple[Sink, Stored]) -> None:
    sink, _ = sink_and_stored
    answers: Answers = []
    batch = batch_of([1, 2, 3])
    huge = Routed(batch[1].topic, batch[1].key, b"x" * 1_500_000, batch[1].message, READINGS_TOPIC, NOON)
    sink.submit([batch[0], huge, batch[2]], answers.append)
    eventually(lambda: answers, "the batch is answered")
    (error,) = answers
    assert isinstance(error, RecordRefusedError)
    assert list(error.refused) == [1]


@pytest.mark.integration
@pytest.mark.kafka
@pytest.mark.parametrize("kind", KAFKA_SINKS)
def test_a_record_above_the_brokers_limit_alone_is_refused(kind: str, kafka_topics: Kafka) -> None:
    sink = open_sink(settings_for(kind, kafka_topics.bootstrap))  # ours is 4 MB, Kafka's default is 1 MB
    sink.start()
    answers: Answers = []
    batch = batch_of(range(1, 21))
    noise = random.Random(7).randbytes(1_500_000)
    batch[10] = Routed(batch[10].topic, batch[10].key, noise, batch[10].message, READINGS_TOPIC, NOON)
    sink.submit(batch, answers.append)
    eventually(lambda: answers, "the batch is answered")
    sink.stop()
    (error,) = answers
    assert isinstance(error, RecordRefusedError)
    assert list(error.refused) == [10]


def test_a_stopped_sink_answers_with_an_error_and_stops_twice(sink_and_stored: tuple[Sink, Stored]) -> None:
    sink, _ = sink_and_stored
    sink.stop(timeout_s=1)
    sink.stop(timeout_s=1)
    answers: Answers = []
    sink.submit(batch_of([1]), answers.append)
    eventually(lambda: answers, "the batch is answered")
    assert isinstance(answers[0], SinkUnavailableError)


@pytest.mark.integration
@pytest.mark.parametrize("kind", KAFKA_SINKS)
def test_without_kafka_the_sink_starts_and_answers_that_it_is_away(kind: str) -> None:
    sink = open_sink(settings_for(kind, f"127.0.0.1:{free_port()}", kafka_delivery_timeout_s=1))
    sink.start()
    answers: Answers = []
    sink.submit(batch_of([1, 2]), answers.append)
    eventually(lambda: answers, "the batch is answered", within_s=90)
    sink.stop(timeout_s=1)
    assert len(answers) == 1
    assert isinstance(answers[0], SinkUnavailableError)


@pytest.mark.integration
@pytest.mark.kafka
@pytest.mark.parametrize("kind", KAFKA_SINKS)
def test_both_clients_put_a_device_in_the_same_partition(kind: str, kafka_topics: Kafka) -> None:
    sink = open_sink(settings_for(kind, kafka_topics.bootstrap))
    sink.start()
    answers: Answers = []
    devices = [f"edge-{n}" for n in range(12)]
    for device in devices:
        sink.submit(batch_of([1], device=device), answers.append)
    eventually(lambda: answers == [None] * len(devices), "all are durable")
    sink.stop()
    order = [key for _, key, _ in read_topic(kafka_topics, "sensor-data")]
    # The partitions of murmur2 over "north/edge-0".."north/edge-11" on four partitions, as Kafka's Java client has it.
    assert sorted(order) == sorted(f"north/{device}".encode() for device in devices)
    assert order == sorted(order, key=lambda key: (_murmur2(key) & 0x7FFFFFFF) % 4)


def _murmur2(data: bytes) -> int:
    """Kafka's hash of record keys (org.apache.kafka.common.utils.Utils.murmur2)."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * factor & mask
        k = (k ^ k >> 24) * factor & mask
        value = (value * factor & mask) ^ k
    for index, byte in reversed(list(enumerate(data[whole:]))):
        value ^= byte << (8 * index)
        if index == 0:
            value = value * factor & mask
    value = (value ^ value >> 13) * factor & mask
    return value ^ value >> 15


@pytest.mark.integration
@pytest.mark.kafka
@pytest.mark.faults
@pytest.mark.parametrize("kind", KAFKA_SINKS)
@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
def test_a_producer_survives_a_fatal_error(kind: str, idempotent: bool, kafka_topics: Kafka) -> None:
    """The sink has to come back by itself whatever made the old producer useless."""
    sink = open_sink(settings_for(kind, kafka_topics.bootstrap, kafka_idempotence=idempotent))
    sink.start()
    answers: Answers = []
    sink.submit(batch_of([1]), answers.append)
    eventually(lambda: answers == [None], "the first batch is durable")
    kafka_topics.reset_topics()  # the log, and what the broker knew of the producer in it, is gone

    def durable() -> bool:
        again: Answers = []
        sink.submit(batch_of([2]), again.append)
        eventually(lambda: again, "answered")
        return again == [None]

    eventually(durable, "a later attempt is durable", within_s=90)
    sink.stop()


@pytest.mark.integration
@pytest.mark.kafka
@pytest.mark.parametrize("kind", KAFKA_SINKS)
def test_the_headers_of_a_route_reach_kafka(kind: str, kafka_topics: Kafka) -> None:
    sink = open_sink(settings_for(kind, kafka_topics.bootstrap))
    sink.start()
    answers: Answers = []
    sink.submit([replace(batch_of([1])[0], headers=(("site", b"north"), ("kind", b"readings")))], answers.append)
    sink.stop()
    assert answers == [None]
    consumer = Consumer({"bootstrap.servers": kafka_topics.bootstrap, "group.id": "headers"})
    consumer.assign([TopicPartition("sensor-data", partition, 0) for partition in range(4)])
    (record,) = consumer.consume(1, 10.0)
    consumer.close()
    assert record.headers() == [("site", b"north"), ("kind", b"readings")]
