"""The shipped Mosquitto configuration, for real: the certificate decides on the topics, and the bridge on the message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bridge.downlink import Downlink, close_publisher, open_publisher
from bridge.settings import BridgeSettings, load_settings
from bridge.steps.address import address
from bridge.uplink import Uplink
from contracts.dead_letters import DeadLetter
from contracts.downlink import decode
from contracts.topics import commands, committed, shadow
from tests.bridge.certificates import authority, signed
from tests.bridge.farm import READINGS_TOPIC, always, eventually, payload
from tests.bridge.memory_sink import MemorySink
from tests.servers.mosquitto import SHIPPED, ShippedMosquitto
from tests.servers.presence import MissingServerError, missing

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).parent.parent / "golden" / "downlink" / "v1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates, and the shipped ACL with the two lines that a device with shadows needs."""
    folder = tmp_path_factory.mktemp("shipped")
    authority(folder, "ca")
    for file, name in (("broker", "broker"), ("bridge", "bridge"), ("one", "north/edge-1"), ("two", "north/edge-2")):
        signed(folder, file, by="ca", name=name)
    acl = (SHIPPED / "acl").read_text()
    (folder / "acl").write_text(acl.replace("# user north/edge-1\n# topic", "user north/edge-1\ntopic"))
    return folder


@pytest.fixture
def shipped(folder: Path, tmp_path: Path) -> Iterator[int]:
    """Port of a broker with the shipped mosquitto.conf."""
    broker = ShippedMosquitto(tmp_path / "mosquitto", folder)
    try:
        broker.start()
    except MissingServerError as error:
        missing(broker.name, str(error))
    yield broker.port
    broker.stop()


@pytest.fixture
def settings(shipped: int, folder: Path) -> BridgeSettings:
    files = {f"mqtt_{what}_file": folder / name for what, name in (("ca", "ca.pem"), ("cert", "bridge.pem"))}
    return load_settings(
        None, mqtt_port=shipped, mqtt_key_file=folder / "bridge.key", drain_timeout_s=1, mqtt_reconnect_max_s=1, **files
    )


class Device:
    """A device with its certificate, on MQTT 5, where the broker says what it refuses."""

    def __init__(self, port: int, folder: Path, file: str) -> None:
        self.heard: list[str] = []
        self.refused: list[str] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.tls_set(str(folder / "ca.pem"), str(folder / f"{file}.pem"), str(folder / f"{file}.key"))
        self.client.on_message = lambda _c, _u, message: self.heard.append(message.topic)
        self.client.on_publish = lambda _c, _u, _m, reason, _p: self.refused.append(str(reason))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        eventually(self.client.is_connected, "the device connects")

    def send(self, topic: str, value: bytes) -> str:
        """Publish; the broker's answer."""
        answers = len(self.refused)
        self.client.publish(topic, value, qos=1)
        eventually(lambda: len(self.refused) > answers, "the broker answers")
        return self.refused[-1]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def devices(shipped: int, folder: Path) -> Iterator[tuple[Device, Device]]:
    one, two = Device(shipped, folder, "one"), Device(shipped, folder, "two")
    yield one, two
    one.close()
    two.close()


def test_another_devices_topic_is_refused_and_ones_own_is_carried(
    settings: BridgeSettings, devices: tuple[Device, Device], sink: MemorySink
) -> None:
    one, two = devices
    uplink = Uplink(settings, sink)
    uplink.start()
    try:
        eventually(lambda: uplink.state().source.subscribed, "the bridge may read every kind")
        assert one.send(READINGS_TOPIC, payload(1)) == "Success"
        assert two.send(READINGS_TOPIC, payload(2)) == "Not authorized"
        assert one.send(committed("north", "edge-1"), b"{}") == "Not authorized", "a device cannot confirm to itself"
        eventually(lambda: sink.sequences() == [1], "the reading arrives")
        own_topic = READINGS_TOPIC.replace("edge-1", "edge-2")
        assert two.send(own_topic, payload(3)) == "Success"
        eventually(lambda: len(sink.stored) == 2, "a forged message on ones own topic reaches the bridge")
        always(lambda: len(sink.stored) == 2, "and nothing else", for_s=0.3)
    finally:
        uplink.stop()
    letter = sink.stored[1].message
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.device) == ("identity_mismatch", "edge-2")


def test_a_device_hears_what_is_for_it_and_nothing_of_another(
    settings: BridgeSettings, devices: tuple[Device, Device]
) -> None:
    one, two = devices
    topics = [
        committed("north", "edge-1"),
        commands("north", "edge-1"),
        shadow("north.edge-1", "models", "get/accepted"),
    ]
    for device in devices:
        device.client.subscribe([("shoal/#", 1), ("$aws/#", 1), *((topic, 1) for topic in topics)])
    client = open_publisher(settings)
    downlink = Downlink(client)
    downlink.start()
    messages = [decode((GOLDEN / f"{name}.json").read_bytes()) for name in ("watermark", "desired")]
    for message in messages:
        downlink.publish(message)
    eventually(lambda: set(one.heard) == {address(message).topic for message in messages}, "its own")
    assert two.heard == []
    downlink.stop()
    close_publisher(client)
