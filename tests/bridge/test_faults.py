"""Kill, freeze and restart under load: every message that the broker accepted is in Kafka afterwards."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.dead_letters import DeadLetter
from contracts.envelope import Envelope, decode
from contracts.topics import Kind
from tests.bridge.bridge_process import BridgeProcess
from tests.bridge.farm import READINGS_TOPIC, Farm, eventually, payload
from tests.bridge.test_sinks import read_topic
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.presence import MissingServerError, missing

pytestmark = [pytest.mark.integration, pytest.mark.kafka, pytest.mark.faults]


class Load:
    """A device that publishes ``rate`` messages a second and keeps count of what the broker accepted."""

    def __init__(self, farm: Farm, *, messages: int, rate: float) -> None:
        self._farm, self._messages, self._rate = farm, messages, rate
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self.accepted = 0

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> set[int]:
        """Wait for the end; returns the sequences that the broker accepted."""
        self._thread.join(60)
        assert self.accepted == self._messages
        return set(range(1, self._messages + 1))

    def _publish(self) -> None:
        began = time.monotonic()
        sent = []
        for seq in range(1, self._messages + 1):
            sent.append(self._farm.client.publish(READINGS_TOPIC, payload(seq), qos=1))
            time.sleep(max(0.0, began + seq / self._rate - time.monotonic()))
        # paho keeps what it could not send and sends it after its reconnect, but refuses to wait for it.
        eventually(lambda: sum(info._published for info in sent) == self._messages, "the broker accepts all")
        self.accepted = self._messages


def stored(kafka: Kafka) -> Counter[int]:
    """How often each sequence is in ``sensor-data``."""
    found: Counter[int] = Counter()
    for _, _, value in read_topic(kafka, "sensor-data"):
        message = decode(value, Kind.READINGS)
        assert isinstance(message, Envelope)
        found[message.seq] += 1
    return found


@pytest.fixture(params=["confluent", "kafka-python"])
def bridge(
    request: pytest.FixtureRequest, tmp_path: Path, broker: Mosquitto, kafka_topics: Kafka
) -> Iterator[BridgeProcess]:
    bridge = BridgeProcess(tmp_path, mqtt_port=broker.port, bootstrap=kafka_topics.bootstrap, sink=request.param)
    bridge.start()
    yield bridge
    bridge.kill()


def test_killing_the_bridge_three_times_under_load_loses_nothing(
    bridge: BridgeProcess, farm: Farm, kafka_topics: Kafka
) -> None:
    load = Load(farm, messages=4000, rate=800)
    load.start()
    for _ in range(3):
        time.sleep(0.7)
        bridge.kill()
        bridge.start()
    accepted = load.finish()
    eventually(lambda: bridge.metric("in_flight") == bridge.metric("waiting") == 0, "the backlog drains")
    eventually(lambda: set(stored(kafka_topics)) == accepted, "every accepted message is in Kafka")
    repeats = sum(stored(kafka_topics).values()) - len(accepted)
    assert repeats <= 3 * 1000, "at most a window comes again for each kill"


def test_a_restart_of_the_mqtt_broker_under_load_loses_nothing(
    bridge: BridgeProcess, farm: Farm, broker: Mosquitto, kafka_topics: Kafka
) -> None:
    load = Load(farm, messages=2000, rate=600)
    load.start()
    time.sleep(1.0)
    broker.restart()
    accepted = load.finish()
    eventually(lambda: set(stored(kafka_topics)) == accepted, "every accepted message is in Kafka", within_s=90)
    assert bridge.metric("reconnects_total") >= 1
    assert bridge.metric("sessions_lost_total") == 0


def test_a_frozen_kafka_holds_messages_at_the_broker_and_the_connection_stays(
    bridge: BridgeProcess, farm: Farm, kafka_topics: Kafka
) -> None:
    load = Load(farm, messages=4000, rate=700)
    load.start()
    time.sleep(0.5)
    before = bridge.rss_bytes()
    os.kill(kafka_topics.pid, signal.SIGSTOP)
    try:
        time.sleep(4.0)
        assert bridge.metric("reconnects_total") == 0
        assert bridge.metric("in_flight") + bridge.metric("waiting") <= 2000
        assert bridge.metric("oldest_unacked_age_seconds") > 2.0
        assert bridge.rss_bytes() - before < 60_000_000
    finally:
        os.kill(kafka_topics.pid, signal.SIGCONT)
    accepted = load.finish()
    eventually(lambda: set(stored(kafka_topics)) == accepted, "every accepted message is in Kafka", within_s=90)
    assert bridge.metric("reconnects_total") == 0
    received = bridge.metric("received_total")
    assert received == bridge.metric("forwarded_total") + bridge.metric("in_flight")


def test_sigterm_drains_and_the_next_bridge_gets_only_what_is_left(
    bridge: BridgeProcess, farm: Farm, kafka_topics: Kafka
) -> None:
    load = Load(farm, messages=1500, rate=1000)
    load.start()
    time.sleep(0.7)
    assert bridge.stop() == 0
    bridge.start()
    accepted = load.finish()
    eventually(lambda: set(stored(kafka_topics)) == accepted, "every accepted message is in Kafka")
    time.sleep(0.5)
    assert stored(kafka_topics).total() == len(accepted), "a clean stop repeats nothing"


@pytest.mark.slow
@pytest.mark.parametrize(("sink", "idempotent"), [("confluent", False), ("confluent", True), ("kafka-python", False)])
def test_killing_kafka_under_load_loses_nothing(
    sink: str, idempotent: bool, tmp_path: Path, farm: Farm, broker: Mosquitto
) -> None:
    kafka = Kafka(tmp_path / "kafka")
    try:
        kafka.start()
    except MissingServerError as error:
        missing(kafka.name, str(error))
    kafka.create_topics()
    extra = f"kafka_idempotence: {str(idempotent).lower()}\n"
    bridge = BridgeProcess(tmp_path, mqtt_port=broker.port, bootstrap=kafka.bootstrap, sink=sink, extra=extra)
    try:
        bridge.start()
        load = Load(farm, messages=3000, rate=500)
        load.start()
        time.sleep(1.0)
        kafka.kill()
        eventually(bridge.obstacles, "readiness says that Kafka is away", within_s=90)
        assert bridge.metric("in_flight") + bridge.metric("waiting") <= 2000
        kafka.start()
        accepted = load.finish()
        eventually(lambda: set(stored(kafka)) == accepted, "every accepted message is in Kafka", within_s=90)
        eventually(lambda: not bridge.obstacles(), "ready again")
        assert bridge.metric("reconnects_total") == 0
    finally:
        bridge.kill()
        kafka.stop()


def test_poison_under_load_reaches_error_messages_whole(bridge: BridgeProcess, farm: Farm, kafka_topics: Kafka) -> None:
    poison = [b"\xff\x00 broken %d" % n for n in range(50)]
    farm.send(READINGS_TOPIC, poison)
    farm.send_readings(range(1, 51))
    eventually(lambda: len(stored(kafka_topics)) == 50, "the readings pass")
    eventually(lambda: bridge.metric("acked_total") == 100, "everything is acknowledged")
    letters = [DeadLetter.model_validate_json(value) for _, _, value in read_topic(kafka_topics, "error-messages")]
    assert sorted(letter.payload for letter in letters) == sorted(poison)
    assert {(letter.reason, letter.site, letter.device) for letter in letters} == {("bad_json", "north", "edge-1")}
