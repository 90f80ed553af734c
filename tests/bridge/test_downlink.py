"""Watermarks reach their device, retained, the newest only, also when the broker or Kafka comes late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bridge.downlink import Downlink, KafkaDownlink, close_publisher, open_consumer, open_publisher
from bridge.settings import BridgeSettings
from contracts.devices import Watermark
from contracts.topics import committed
from tests.bridge.farm import eventually
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.integration

SettingsFor = Callable[..., BridgeSettings]


def watermark(number: int, device: str = "edge-1") -> Watermark:
    return Watermark(
        site="north", device=device, stream="stream-0001", committed=number, above=((number + 2, number + 3),)
    )


class Device:
    """Subscribes to its watermark and keeps what it hears."""

    def __init__(self, port: int, device: str = "edge-1") -> None:
        self.heard: list[tuple[Watermark, bool]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe(committed("north", device), qos=1)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        self.heard.append((Watermark.model_validate_json(message.payload), message.retain))


@pytest.fixture
def downlink(settings_for: SettingsFor) -> Iterator[Downlink]:
    client = open_publisher(settings_for())
    downlink = Downlink(client)
    downlink.start()
    yield downlink
    downlink.stop()
    downlink.stop()
    close_publisher(client)


@pytest.fixture
def listen(broker: Mosquitto) -> Iterator[Callable[..., Device]]:
    devices: list[Device] = []

    def start(device: str = "edge-1") -> Device:
        devices.append(Device(broker.port, device))
        return devices[-1]

    yield start
    for device in devices:
        device.close()


def test_a_device_that_connects_later_finds_the_newest_watermark_retained(
    downlink: Downlink, listen: Callable[..., Device]
) -> None:
    for number in range(1, 51):
        downlink.publish_watermark(watermark(number))
    assert downlink.wait_until_published(5)
    device = listen()
    eventually(lambda: device.heard == [(watermark(50), True)], "the newest one, from the broker's memory")
    tally = downlink.tally()
    assert tally.given == tally.published + tally.superseded + tally.pending == 50


def test_each_device_hears_its_own(downlink: Downlink, listen: Callable[..., Device]) -> None:
    first, second = listen("edge-1"), listen("edge-2")
    downlink.publish_watermark(watermark(1, "edge-1"))
    downlink.publish_watermark(watermark(2, "edge-2"))
    eventually(lambda: [w for w, _ in first.heard] == [watermark(1, "edge-1")], "edge-1 hears 1")
    eventually(lambda: [w for w, _ in second.heard] == [watermark(2, "edge-2")], "edge-2 hears 2")


def test_while_the_broker_is_away_only_the_newest_waits(
    downlink: Downlink, broker: Mosquitto, listen: Callable[..., Device]
) -> None:
    downlink.publish_watermark(watermark(1))
    assert downlink.wait_until_published(5)
    broker.stop()
    eventually(lambda: not downlink._client.is_connected(), "the line is down")
    for number in range(2, 1000):
        downlink.publish_watermark(watermark(number))
    assert downlink.tally().pending == 1
    broker.start()
    assert downlink.wait_until_published(10)
    device = listen()
    eventually(lambda: [w for w, _ in device.heard][-1:] == [watermark(999)], "the newest arrives")


def test_publishing_from_many_threads_loses_no_confirmation(downlink: Downlink) -> None:
    def publish(device: str) -> None:
        for number in range(200):
            downlink.publish_watermark(watermark(number, device))

    threads = [threading.Thread(target=publish, args=(f"edge-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert downlink.wait_until_published(10)
    tally = downlink.tally()
    assert (tally.pending, tally.published + tally.superseded) == (0, 800)


@pytest.mark.kafka
@pytest.mark.parametrize("kind", ["confluent", "kafka-python"])
def test_watermarks_travel_from_kafka_to_the_device(
    kind: str, downlink: Downlink, settings_for: SettingsFor, kafka_topics: Kafka, listen: Callable[..., Device]
) -> None:
    settings = settings_for(sink=kind, kafka_bootstrap=kafka_topics.bootstrap, downlink_group=f"downlink-{kind}")
    device = listen()
    producer = Producer({"bootstrap.servers": kafka_topics.bootstrap})

    def produce(value: bytes) -> None:
        producer.produce(KafkaDownlink.TOPIC, value, key=b"north/edge-1")
        assert producer.flush(10) == 0

    produce(watermark(1).model_dump_json().encode())
    produce(b"{not a watermark")
    produce(watermark(2).model_dump_json().encode())
    first = KafkaDownlink(downlink, lambda: open_consumer(settings))
    first.start()
    eventually(
        lambda: [w.committed for w, _ in device.heard][-1:] == [2], "both sides of the poison arrive", within_s=30
    )
    assert downlink.tally().invalid == 1
    first.stop()
    first.stop()

    produce(watermark(3).model_dump_json().encode())
    heard_before = len(device.heard)
    second = KafkaDownlink(downlink, lambda: open_consumer(settings))
    second.start()
    eventually(lambda: [w.committed for w, _ in device.heard][-1:] == [3], "the next member goes on", within_s=90)
    second.stop()
    assert len(device.heard) == heard_before + 1, "what was committed is not read again"
