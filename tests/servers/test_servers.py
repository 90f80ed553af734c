"""The servers themselves: each answers its own protocol, and a restart keeps what it promises to keep."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from paho.mqtt.enums import CallbackAPIVersion

from contracts.topics import KafkaTopic
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.integration


@pytest.mark.kafka
def test_kafka_gives_back_what_was_produced_and_reset_empties_it(kafka_topics: Kafka) -> None:
    topic = KafkaTopic.SENSOR_DATA.value
    producer = Producer({"bootstrap.servers": kafka_topics.bootstrap, "enable.idempotence": True})
    for number in range(100):
        producer.produce(topic, str(number).encode(), key=b"north/edge-1")
    assert producer.flush(20) == 0

    assert len(_drain(kafka_topics, topic, expected=100)) == 100
    kafka_topics.reset_topics()
    assert _drain(kafka_topics, topic, expected=1, timeout_s=2.0) == []


def test_mosquitto_keeps_retained_messages_over_a_restart(mosquitto_factory: Callable[..., Mosquitto]) -> None:
    broker = mosquitto_factory()
    publisher = mqtt.Client(CallbackAPIVersion.VERSION2)
    publisher.connect(broker.host, broker.port)
    publisher.loop_start()
    publisher.publish("farm/tank-1/state", b"kept", qos=1, retain=True).wait_for_publish(5)
    publisher.disconnect()
    publisher.loop_stop()
    broker.restart()

    received: list[bytes] = []
    arrived = threading.Event()
    reader = mqtt.Client(CallbackAPIVersion.VERSION2)

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        received.append(bytes(message.payload))
        arrived.set()

    reader.on_message = on_message
    reader.connect(broker.host, broker.port)
    reader.subscribe("farm/+/state", qos=1)
    reader.loop_start()
    assert arrived.wait(5)
    reader.disconnect()
    reader.loop_stop()
    assert received == [b"kept"]


def test_redis_answers(redis_url: str) -> None:
    parts = urlsplit(redis_url)
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=5) as link:
        link.sendall(b"SET farm north\r\nGET farm\r\n")
        assert link.recv(64).startswith(b"+OK")


@pytest.mark.node
def test_timescale_stores_a_hypertable_by_copy_and_rolls_back(timescale_url: str) -> None:
    with psycopg.connect(timescale_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE probe (at timestamptz NOT NULL, channel int NOT NULL, value float8)")
        connection.execute("SELECT create_hypertable('probe', by_range('at'))")
        with connection.cursor() as cursor:
            with cursor.copy("COPY probe (at, channel, value) FROM STDIN") as copy:
                for minute in range(50):
                    copy.write_row((f"2026-01-01 00:{minute:02}:00+00", 1, 8.5))
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO probe VALUES ('2026-01-02', 2, 1.0)")
            with pytest.raises(psycopg.errors.DivisionByZero):
                cursor.execute("SELECT 1/0")
            cursor.execute("ROLLBACK")
        row = connection.execute("SELECT count(*), count(DISTINCT channel) FROM probe").fetchone()
        connection.execute("DROP TABLE probe")
    assert row == (50, 1)


@pytest.mark.node
def test_timescale_serves_connections_in_turn(timescale_url: str) -> None:
    def work(number: int) -> None:
        with psycopg.connect(timescale_url, autocommit=True) as connection:
            for _ in range(20):  # often enough that psycopg prepares the statement under a name of its own
                row = connection.execute("SELECT %s::int * 2", (number,)).fetchone()
                results.append(row == (number * 2,))

    results: list[bool] = []
    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [True] * 60


def _drain(kafka: Kafka, topic: str, *, expected: int, timeout_s: float = 15.0) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": "probe", "auto.offset.reset": "earliest"},
    )
    consumer.subscribe([topic])
    values: list[bytes] = []
    try:
        while len(values) < expected:
            message = consumer.poll(timeout_s)
            if message is None:
                return values
            assert message.error() is None
            values.append(bytes(message.value() or b""))
    finally:
        consumer.close()
    return values
