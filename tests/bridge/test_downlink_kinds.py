"""Desired state is retained and the newest wins; jobs and commands are told once and not after their time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bridge.downlink import Downlink, KafkaDownlink, close_publisher, open_consumer, open_publisher
from bridge.settings import BridgeSettings
from bridge.steps.address import Shadows, address
from contracts.downlink import decode
from contracts.errors import InvalidMessageError
from contracts.topics import commands, jobs, shadow
from tests.bridge.farm import always, eventually
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto

GOLDEN = Path(__file__).parent.parent / "golden" / "downlink" / "v1"
NOW = datetime(2026, 6, 1, 12, 0, 30, tzinfo=timezone.utc)
THING = "north.edge-1"

SettingsFor = Callable[..., BridgeSettings]


def golden(name: str, **changes: Any) -> bytes:
    return json.dumps(json.loads((GOLDEN / f"{name}.json").read_bytes()) | changes).encode()


def desired(version: int) -> bytes:
    document = {"state": {"desired": {"version": version}}, "version": version}
    return golden("desired", body={"type": "desired", "shadow": "models", "document": document})


@pytest.mark.parametrize(
    ("name", "topic", "retain"),
    [
        ("watermark", "shoal/1/north/edge-1/committed", True),
        ("desired", shadow(THING, "models", "get/accepted"), True),
        ("job", jobs(THING, "notify-next"), False),
        ("command", commands("north", "edge-1"), False),
    ],
)
def test_each_kind_has_its_topic_and_only_state_is_retained(name: str, topic: str, retain: bool) -> None:
    outgoing = address(decode(golden(name)))
    assert (outgoing.topic, outgoing.retain) == (topic, retain)
    assert (outgoing.expires_at is None) is retain


def test_a_job_looks_as_it_does_on_aws() -> None:
    assert json.loads(address(decode(golden("job"))).payload)["execution"]["jobId"] == "rollout-7"
    assert address(decode(golden("job", body={"type": "job"}))).payload == b"{}"


def test_on_aws_the_shadow_service_is_told_and_what_it_does_not_take_is_counted() -> None:
    state = address(decode(desired(3)), Shadows.AWS_IOT)
    assert (state.topic, state.retain, state.newest_counts) == (shadow(THING, "models", "update"), False, True)
    assert json.loads(state.payload) == {"state": {"desired": {"version": 3}}}, "AWS counts versions itself"
    assert address(decode(golden("watermark")), Shadows.AWS_IOT).retain
    with pytest.raises(InvalidMessageError, match="its own API"):
        address(decode(golden("job")), Shadows.AWS_IOT)
    large = {"state": {"desired": {"holds": "x" * 9000}}, "version": 1}
    with pytest.raises(InvalidMessageError, match="AWS takes 8000"):
        address(
            decode(golden("desired", body={"type": "desired", "shadow": "models", "document": large})), Shadows.AWS_IOT
        )


class Device:
    """Hears everything for edge-1, with whether it was retained."""

    def __init__(self, port: int, *, client_id: str = "", mqtt_5: bool = False) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        protocol = MQTTProtocolVersion.MQTTv5 if mqtt_5 else MQTTProtocolVersion.MQTTv311
        clean = None if mqtt_5 else not client_id
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=clean, protocol=protocol)
        self.client.on_connect = lambda client, *_: client.subscribe(
            [(f"$aws/things/{THING}/#", 1), ("shoal/1/north/edge-1/#", 1)]
        )
        self.subscribed = False
        self.client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self.client.on_message = lambda _c, _u, m: self.heard.append((m.topic, bytes(m.payload), m.retain))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        eventually(lambda: self.subscribed, "the device listens")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Watch:
    """The time, moved by hand."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(params=["3.1.1", "5"])
def watch_and_downlink(request: pytest.FixtureRequest, settings_for: SettingsFor) -> Iterator[tuple[Watch, Downlink]]:
    client = open_publisher(settings_for(mqtt_version=request.param))
    watch = Watch()
    downlink = Downlink(client, now=watch)
    downlink.start()
    yield watch, downlink
    downlink.stop()
    close_publisher(client)


@pytest.mark.integration
def test_a_device_that_comes_later_finds_its_state_and_no_old_command(
    watch_and_downlink: tuple[Watch, Downlink], broker: Mosquitto
) -> None:
    _, downlink = watch_and_downlink
    present = Device(broker.port)
    for value in (desired(1), golden("command"), golden("job"), desired(2)):
        downlink.publish(decode(value))
    assert downlink.wait_until_published(10)
    eventually(
        lambda: {topic for topic, _, _ in present.heard} >= {commands("north", "edge-1"), jobs(THING, "notify-next")},
        "told",
    )
    late = Device(broker.port)
    eventually(lambda: late.heard, "the state is retained")
    always(lambda: len(late.heard) == 1, "and nothing else", for_s=0.3)
    topic, payload, retained = late.heard[0]
    assert (topic, retained) == (shadow(THING, "models", "get/accepted"), True)
    assert json.loads(payload)["state"]["desired"] == {"version": 2}
    present.close()
    late.close()


@pytest.mark.integration
def test_while_the_broker_is_away_commands_wait_and_then_expire(
    watch_and_downlink: tuple[Watch, Downlink], broker: Mosquitto
) -> None:
    watch, downlink = watch_and_downlink
    eventually(downlink._client.is_connected, "connected")
    broker.stop()
    eventually(lambda: not downlink._client.is_connected(), "the line is down")
    for value in (golden("command"), golden("command"), desired(1), desired(2)):
        downlink.publish(decode(value))
    assert downlink.tally().pending == 3
    watch.now = NOW + timedelta(minutes=5)
    broker.start()
    eventually(lambda: downlink.wait_until_published(0), "only the state goes out")
    tally = downlink.tally()
    assert (tally.given, tally.published, tally.superseded, tally.expired) == (4, 1, 1, 2)


@pytest.mark.integration
@pytest.mark.kafka
@pytest.mark.parametrize("kind", ["confluent", "kafka-python"])
def test_all_kinds_travel_from_kafka_to_the_device(
    kind: str, settings_for: SettingsFor, kafka_topics: Kafka, broker: Mosquitto
) -> None:
    settings = settings_for(sink=kind, kafka_bootstrap=kafka_topics.bootstrap, downlink_group=f"kinds-{kind}")
    client = open_publisher(settings)
    downlink = Downlink(client, now=lambda: NOW)
    downlink.start()
    device = Device(broker.port)
    producer = Producer({"bootstrap.servers": kafka_topics.bootstrap})
    for value in (golden("watermark"), desired(1), golden("job"), b"{}", golden("command")):
        producer.produce(KafkaDownlink.TOPIC, value, key=b"north/edge-1")
    assert producer.flush(10) == 0
    mover = KafkaDownlink(downlink, lambda: open_consumer(settings))
    mover.start()
    eventually(lambda: len({topic for topic, _, _ in device.heard}) == 4, "all four arrive", within_s=90)
    assert downlink.tally().invalid == 1
    mover.stop()
    downlink.stop()
    close_publisher(client)
    device.close()
