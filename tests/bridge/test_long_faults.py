"""Long and repeated faults: Kafka away for as long as it takes, replicas and brokers killed, floods of poison.

After each: every message that the broker accepted is in Kafka, memory stayed within its bound, and the MQTT connection
stayed up wherever it was not what was killed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.dead_letters import DeadLetter
from tests.bridge.bridge_process import BridgeProcess
from tests.bridge.conftest import DURABLE
from tests.bridge.farm import READINGS_TOPIC, Farm, eventually
from tests.bridge.test_faults import Load, stored
from tests.bridge.test_sinks import read_topic
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.presence import MissingServerError, missing

pytestmark = [pytest.mark.integration, pytest.mark.kafka, pytest.mark.faults]

GROWTH_MAX = 60_000_000
"""Bytes that a bridge may grow by in a fault: the window, librdkafka's queue, and what Python keeps."""


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A Kafka to stop and start."""
    kafka = Kafka(tmp_path / "kafka")
    try:
        kafka.start()
    except MissingServerError as error:
        missing(kafka.name, str(error))
    kafka.create_topics()
    yield kafka
    kafka.stop()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("away_s", [15, pytest.param(60, marks=pytest.mark.slow)])
def test_kafka_away_for_long_costs_neither_messages_nor_memory_nor_the_connection(
    away_s: int, tmp_path: Path, farm: Farm, broker: Mosquitto, own_kafka: Kafka
) -> None:
    bridge = BridgeProcess(tmp_path, mqtt_port=broker.port, bootstrap=own_kafka.bootstrap)
    try:
        bridge.start()
        messages = 200 * (away_s + 10)
        load = Load(farm, messages=messages, rate=200)
        load.start()
        time.sleep(2.0)
        before = bridge.rss_bytes()
        own_kafka.stop()
        largest, until = 0, time.monotonic() + away_s
        while time.monotonic() < until:
            largest = max(largest, bridge.rss_bytes())
            assert bridge.metric("in_flight") + bridge.metric("waiting") <= 2000
            assert bridge.metric("connected") == 1.0
            time.sleep(0.5)
        assert largest - before < GROWTH_MAX
        own_kafka.start()
        load._thread.join(away_s + 60)
        accepted = load.finish()
        eventually(lambda: set(stored(own_kafka)) == accepted, "every accepted message is in Kafka", within_s=60)
        assert bridge.metric("reconnects_total") == 0
        assert bridge.metric("sessions_lost_total") == 0
    finally:
        bridge.kill()


def test_a_replica_that_dies_in_mid_stream_loses_nothing(
    tmp_path: Path, farm: Farm, broker: Mosquitto, kafka_topics: Kafka
) -> None:
    replicas = []
    for name in ("bridge-0", "bridge-1"):
        folder = tmp_path / name
        folder.mkdir()
        extra = f"shared_group: bridges\nclient_id: {name}\n"
        replica = BridgeProcess(folder, mqtt_port=broker.port, bootstrap=kafka_topics.bootstrap, extra=extra)
        replica.start()
        replicas.append(replica)
    try:
        load = Load(farm, messages=4000, rate=600)
        load.start()
        eventually(lambda: all(replica.metric("acked_total") > 100 for replica in replicas), "both carry")
        replicas[0].kill()
        carried = replicas[1].metric("acked_total")
        eventually(lambda: replicas[1].metric("acked_total") > carried + 300, "the other goes on")
        replicas[0].start()  # its share waits in its session until it is back (or another takes its name)
        accepted = load.finish()
        eventually(lambda: set(stored(kafka_topics)) == accepted, "every accepted message is in Kafka", within_s=90)
        assert replicas[1].metric("reconnects_total") == 0
        repeats = stored(kafka_topics).total() - len(accepted)
        assert repeats <= 1000, "at most the dead replica's window comes again"
    finally:
        for replica in replicas:
            replica.kill()


def test_three_kills_of_the_mqtt_broker_lose_nothing_that_it_had_kept(
    tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto], kafka_topics: Kafka
) -> None:
    # Saved at every change: what Mosquitto acknowledged before it was killed is then on disk, but for the last change.
    broker = mosquitto_factory(configuration=f"{DURABLE}\nautosave_on_changes true\nautosave_interval 1")
    bridge = BridgeProcess(tmp_path, mqtt_port=broker.port, bootstrap=kafka_topics.bootstrap)
    farm = Farm(broker.port)
    farm.client.reconnect_delay_set(1, 1)
    try:
        bridge.start()
        load = Load(farm, messages=1200, rate=100)
        load.start()
        for kills in range(1, 4):
            time.sleep(2.0)
            broker.kill()
            broker.start()
            eventually(lambda kills=kills: bridge.metric("reconnects_total") >= kills, "it is back")  # type: ignore[misc]
            eventually(lambda: bridge.metric("connected") == 1.0, "it is subscribed")
        accepted = load.finish()
        # What the broker had acknowledged and not yet saved is gone with it: at most one change for each kill. The
        # device's outbox sends that again, since no watermark covers it; here there is no outbox.
        eventually(lambda: len(accepted - set(stored(kafka_topics))) <= 3, "all but the unsaved arrive", within_s=90)
        lost = accepted - set(stored(kafka_topics))
        farm.send_readings(sorted(lost))
        eventually(lambda: set(stored(kafka_topics)) == accepted, "every accepted message is in Kafka", within_s=90)
        assert bridge.metric("sessions_lost_total") == 0
    finally:
        farm.close()
        bridge.kill()


def test_a_flood_of_poison_pauses_the_bridge_and_good_messages_still_arrive(
    tmp_path: Path, farm: Farm, broker: Mosquitto, kafka_topics: Kafka
) -> None:
    extra = "dead_letter_burst: 200\ndead_letter_rate_per_s: 100\n"
    bridge = BridgeProcess(tmp_path, mqtt_port=broker.port, bootstrap=kafka_topics.bootstrap, extra=extra)
    try:
        bridge.start()
        before = bridge.rss_bytes()
        poison = [b'{"v": 1, "poison": %d, "fill": "%s"}' % (n, b"x" * 2000) for n in range(1500)]
        farm.send(READINGS_TOPIC, poison)
        farm.send_readings(range(1, 51))
        eventually(lambda: bridge.metric("dead_letter_pause") == 1.0, "it pauses instead of draining the stream")
        assert any("too many dead letters" in obstacle for obstacle in bridge.obstacles())
        largest = 0
        until = time.monotonic() + 60
        while bridge.metric("acked_total") < 1550 and time.monotonic() < until:
            largest = max(largest, bridge.rss_bytes())
            assert bridge.metric("connected") == 1.0
            assert bridge.metric("in_flight") + bridge.metric("waiting") <= 2000
            time.sleep(0.2)
        assert set(stored(kafka_topics)) == set(range(1, 51))
        letters = Counter(
            DeadLetter.model_validate_json(value).payload for _, _, value in read_topic(kafka_topics, "error-messages")
        )
        assert set(letters) == set(poison), "each is kept whole"
        assert largest - before < GROWTH_MAX
        assert bridge.metric("reconnects_total") == 0
    finally:
        bridge.kill()
