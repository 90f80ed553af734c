"""The consumers on Apache Kafka, as threads and as processes: everything produced is stored once, and told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic  # where their types say that they live
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cloud.consumers import StreamRecord
from cloud.consumers.kafka import Consumers, kind_of
from cloud.db import migrate
from cloud.kit.stream import KafkaAccess, KafkaClient, open_stream
from cloud.settings import load_ingest_settings
from contracts.alarms import AlarmChange, Severity
from contracts.dead_letters import DeadLetter
from contracts.devices import ChannelInventory, Inventory, LimitInEffect, Watermark
from contracts.errors import ConfigurationError
from contracts.topics import KAFKA_TOPIC_OF_KIND, KafkaTopic, Kind
from tests.cloud.messages import (
    DEVICE,
    NOON,
    SITE,
    STREAM,
    alarm,
    alarms,
    birth,
    counts,
    events,
    evidence,
    health,
    observations,
    one,
    reading,
    readings,
    record,
)
from tests.cloud.postgres import Postgres
from tests.servers.kafka.server import Kafka

pytestmark = [pytest.mark.integration, pytest.mark.kafka, pytest.mark.timeout(300)]

KEY = f"{SITE}/{DEVICE}".encode()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def produce(kafka: Kafka, *records: StreamRecord, headers: dict[str, str | bytes | None] | None = None) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})
    for item in records:
        topic = KafkaTopic.ERROR_MESSAGES if item.kind is None else KAFKA_TOPIC_OF_KIND[item.kind]
        producer.produce(topic.value, item.value, KEY, headers=headers)
    assert producer.flush(20) == 0


def eventually(check: Callable[[], bool], *, within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def settings_for(kafka: Kafka, url: str, folder: Path, **more: object) -> dict[str, Any]:
    return {"database_url": url, "storage_dir": folder, "kafka_bootstrap": kafka.bootstrap, **more}


@pytest.fixture(params=["confluent", "kafka-python"])
def consumers(
    request: pytest.FixtureRequest, fresh_kafka: Kafka, database_url: str, tmp_path: Path
) -> Iterator[Consumers]:
    settings = load_ingest_settings(**settings_for(fresh_kafka, database_url, tmp_path, kafka_client=request.param))
    consumers = Consumers(settings)
    consumers.start()
    yield consumers
    consumers.stop()
    assert consumers.failure is None


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
def test_a_stored_batch_is_a_span_linked_to_the_traces_of_its_messages_which_go_on_to_it(
    client: str, fresh_kafka: Kafka, database_url: str, tmp_path: Path
) -> None:
    exporter, traces = InMemorySpanExporter(), TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    settings = load_ingest_settings(**settings_for(fresh_kafka, database_url, tmp_path, kafka_client=client))
    consumers = Consumers(settings, traces=traces)
    produce(fresh_kafka, readings(1), headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    produce(fresh_kafka, readings(2), headers={"traceparent": b"nonsense"})
    produce(fresh_kafka, readings(3))
    consumers.start()
    try:
        eventually(lambda: counts(database_url)["reading"] == 3)
        eventually(lambda: sum(messages_of(span) for span in named(exporter, "store telemetry")) == 3)
    finally:
        consumers.stop()
    assert consumers.failure is None
    (batch,) = [span for span in named(exporter, "store telemetry") if span.links]
    assert [f"{link.context.trace_id:032x}" for link in batch.links] == [TRACE]
    (stored,) = named(exporter, "store telemetry message")
    assert stored.parent is not None
    assert (f"{stored.context.trace_id:032x}", f"{stored.parent.span_id:016x}") == (TRACE, "00f067aa0ba902b7")
    assert [link.context.span_id for link in stored.links] == [batch.context.span_id]


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def messages_of(span: ReadableSpan) -> int:
    assert span.attributes is not None
    count = span.attributes["messaging.batch.message_count"]
    assert isinstance(count, int)
    return count


def watermarks(kafka: Kafka) -> list[Watermark]:
    """Everything on the downlink so far."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": f"look-{time.monotonic_ns()}",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([KafkaTopic.DEVICE_DOWNLINK.value])
    found: list[Watermark] = []
    quiet = 0
    while quiet < (2 if found else 20):
        messages = consumer.consume(100, 0.3)
        quiet = 0 if messages else quiet + 1
        for message in messages:
            assert message.error() is None
            assert message.key() == KEY
            found.append(Watermark.model_validate_json(message.value() or b""))
    consumer.close()
    return found


def test_every_topic_reaches_its_tables_and_the_device_hears_of_it(
    consumers: Consumers, fresh_kafka: Kafka, database_url: str
) -> None:
    letter = DeadLetter(
        id="f" * 64, received_at=NOON, stage="decode", reason="bad_json", detail="", origin="x", payload=b"{"
    )
    produce(
        fresh_kafka,
        readings(1),
        observations(2),
        evidence(3),
        alarms(4, alarm(AlarmChange.RAISED)),
        events(5, "boot"),
        health(6),
        record(birth()),
        StreamRecord(letter.model_dump_json().encode(), None, NOON, "x"),
    )
    expected = dict.fromkeys(("reading", "observation", "image", "alarm", "device_event", "device_health"), 1)
    eventually(lambda: expected.items() <= counts(database_url).items())
    eventually(lambda: counts(database_url)["dead_letter"] == 1)
    assert one(database_url, "SELECT state FROM device") == "online"
    eventually(lambda: (STREAM, 6, ()) in {(w.stream, w.committed, w.above) for w in watermarks(fresh_kafka)})


def test_poison_on_a_topic_is_a_dead_letter_with_its_place_in_kafka(
    consumers: Consumers, fresh_kafka: Kafka, database_url: str
) -> None:
    poison = [StreamRecord(b"\x00\xff", kind, NOON, "") for kind in (Kind.READINGS, Kind.EVIDENCE, Kind.ALARMS)]
    produce(fresh_kafka, *poison, readings(1))
    eventually(lambda: counts(database_url)["dead_letter"] == 3 and counts(database_url)["reading"] == 1)
    origins = one(database_url, "SELECT array_agg(split_part(origin, '/', 1) ORDER BY origin) FROM dead_letter")
    assert origins == ["camera-events", "sensor-data", "system-events"]


def test_the_group_for_alarms_raises_what_its_box_did_not(
    consumers: Consumers, fresh_kafka: Kafka, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.alarms.evaluation.GRACE", timedelta(seconds=1))
    now = datetime.now(timezone.utc)
    limit = LimitInEffect(
        channel="tank-1.do",
        definition="do.low.critical",
        severity=Severity.CRITICAL,
        side="low",
        value=5.0,
        on_delay_s=1,
    )
    channel = ChannelInventory(name="tank-1.do", unit="tank-1", quantity="do", ucum="mg/L")
    inventory = Inventory(agent_version="1", channels=(channel,), limits=(limit,))
    produce(fresh_kafka, record(birth(now).model_copy(update={"inventory": inventory}), received_at=now))
    sequence = count(1)

    def raised() -> bool:
        produce(fresh_kafka, readings(next(sequence), reading(3.9, datetime.now(timezone.utc))))
        time.sleep(0.2)
        return counts(database_url)["alarm"] == 1

    eventually(raised)
    assert one(database_url, "SELECT definition, origin FROM alarm") == ("do.low.critical", "cloud")


@pytest.mark.parametrize("client", KafkaClient)
def test_partitions_that_are_added_are_read_though_a_poll_is_shorter_than_a_rebalance(
    kafka: Kafka, client: KafkaClient
) -> None:
    topic = f"grows-{client.value}-{time.monotonic_ns()}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    consumer = open_stream(KafkaAccess(client, kafka.bootstrap), group=topic, topics=[topic])
    read: set[int] = set()

    def reads(partition: int) -> bool:
        read.update(message.partition for message in consumer.poll(max_messages=50, timeout_s=0.01))
        return partition in read

    for partition in range(2):
        if partition:
            admin.create_partitions([NewPartitions(topic, partition + 1)])[topic].result(20)
        producer = Producer({"bootstrap.servers": kafka.bootstrap})
        producer.produce(topic, b"x", partition=partition)
        assert producer.flush(20) == 0
        eventually(partial(reads, partition))
    consumer.close()


@pytest.mark.faults
def test_consumers_wait_for_a_dead_database_and_go_on_where_they_were(
    fresh_kafka: Kafka, postgres: Postgres, tmp_path: Path
) -> None:
    migrate.upgrade(postgres.url())
    consumers = Consumers(load_ingest_settings(**settings_for(fresh_kafka, postgres.url(), tmp_path)))
    consumers.start()
    produce(fresh_kafka, *(readings(seq) for seq in range(1, 101)))
    eventually(lambda: counts(postgres.url())["reading"] == 100)
    postgres.kill()
    produce(fresh_kafka, *(readings(seq) for seq in range(101, 301)))
    time.sleep(2)
    postgres.start()
    eventually(lambda: counts(postgres.url())["reading"] == 300)
    consumers.stop()
    assert consumers.failure is None
    assert one(postgres.url(), "SELECT seen::text FROM ingest_stream") == "{[1,301)}"


@pytest.mark.slow
@pytest.mark.faults
def test_killed_consumer_processes_lose_nothing_and_double_nothing(
    request: pytest.FixtureRequest, fresh_kafka: Kafka, database_url: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "SHOAL_DATABASE_URL": database_url,
        "SHOAL_STORAGE_DIR": str(tmp_path),
        "SHOAL_KAFKA_BOOTSTRAP": fresh_kafka.bootstrap,
        "SHOAL_INGEST_METRICS_PORT": "0",
        "SHOAL_INGEST_BATCH_MESSAGES": "20",
    }

    log = tmp_path / "log"
    running: list[subprocess.Popen[bytes]] = []
    request.addfinalizer(lambda: [(process.kill(), process.wait()) for process in running])  # type: ignore[func-returns-value]

    def start() -> None:
        before = log.read_text().count("ingest.started") if log.exists() else 0
        with log.open("ab") as file:
            running.append(subprocess.Popen([sys.executable, "-m", "cloud.consumers"], env=environment, stderr=file))
        eventually(lambda: log.read_text().count("ingest.started") > before)

    total = 1500
    start()
    start()
    produce(fresh_kafka, *(readings(seq) for seq in range(1, total + 1)))
    for _ in range(2):
        reached = counts(database_url)["reading"]
        eventually(lambda reached=reached: counts(database_url)["reading"] > reached)  # type: ignore[misc]
        killed = running.pop(0)
        killed.kill()
        killed.wait()
        start()
    eventually(lambda: counts(database_url)["reading"] == total)
    for process in running:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(timeout=90) for process in running] == [0, 0]
    assert one(database_url, "SELECT seen::text, messages FROM ingest_stream") == (f"{{[1,{total + 1})}}", total)
    assert max(mark.committed for mark in watermarks(fresh_kafka)) == total


def test_kinds_are_told_by_topic_and_body() -> None:
    for item in (
        readings(1),
        observations(1),
        evidence(1),
        alarms(1, alarm(AlarmChange.RAISED)),
        events(1, "x"),
        health(1),
    ):
        assert item.kind is not None
        assert kind_of(KAFKA_TOPIC_OF_KIND[item.kind].value, item.value) is item.kind
    assert kind_of("system-events", record(birth()).value) is Kind.STATUS
    assert kind_of("camera-events", b"[]") is Kind.OBSERVATIONS


def test_wrong_settings_stop_the_program_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOAL_DATABASE_URL", raising=False)
    with pytest.raises(ConfigurationError) as refused:
        load_ingest_settings()
    assert refused.value.field == "database_url"
    with pytest.raises(ConfigurationError) as refused:
        load_ingest_settings(database_url="postgresql://x", kafka_bootstrap="nowhere")
    assert refused.value.field == "kafka_bootstrap"
