"""Certificates and passwords against a real broker: the right ones work, at full size, and the wrong ones do not."""

from __future__ import annotations

import gc
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.settings import load_settings
from bridge.uplink import Uplink
from tests.bridge.certificates import authority, signed
from tests.bridge.farm import READINGS_TOPIC, always, eventually, payload
from tests.bridge.memory_sink import MemorySink
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import program

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities; the first signed the broker and the bridge, the second a stranger."""
    folder = tmp_path_factory.mktemp("certificates")

    for name in ("farm-ca", "other-ca"):
        authority(folder, name)
    for name, by in (("broker", "farm-ca"), ("bridge", "farm-ca"), ("stranger", "other-ca")):
        signed(folder, name, by=by)
    return folder


@pytest.fixture
def uplink_with() -> Iterator[Callable[..., Uplink]]:
    started: list[Uplink] = []

    def start(broker: Mosquitto, sink: MemorySink, **overrides: Any) -> Uplink:
        settings = load_settings(None, mqtt_port=broker.port, mqtt_reconnect_max_s=1, drain_timeout_s=1, **overrides)
        uplink = Uplink(settings, sink)
        started.append(uplink)
        uplink.start()
        return uplink

    yield start
    for uplink in started:
        uplink.stop()


@pytest.fixture
def mutual_tls(certificates: Path, mosquitto_factory: Callable[..., Mosquitto]) -> Mosquitto:
    lines = [
        f"cafile {certificates}/farm-ca.pem",
        f"certfile {certificates}/broker.pem",
        f"keyfile {certificates}/broker.key",
        "require_certificate true",
    ]
    return mosquitto_factory(configuration="\n".join(lines))


@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "plain"])
def test_messages_of_every_size_pass_mutual_tls(
    certificates: Path, mutual_tls: Mosquitto, sink: MemorySink, uplink_with: Callable[..., Uplink], buffered: bool
) -> None:
    files = {
        "mqtt_ca_file": certificates / "farm-ca.pem",
        "mqtt_cert_file": certificates / "bridge.pem",
        "mqtt_key_file": certificates / "bridge.key",
    }
    uplink = uplink_with(mutual_tls, sink, mqtt_buffered=buffered, **files)
    eventually(lambda: uplink.state().source.subscribed, "subscribed over TLS")
    big = payload(2).replace(b'"tank-1"', b'"tank-1","note":"' + b"x" * 1_300_000 + b'"', 1)
    values = [payload(1), big, *[payload(seq) for seq in range(3, 301)]]
    _publish_over_tls(mutual_tls, certificates, values)
    eventually(lambda: uplink.state().tally.acked == 300, "all are acknowledged")
    assert sink.sequences() == list(range(1, 301))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves failed sockets to the GC
@pytest.mark.parametrize(
    "files",
    [
        {"mqtt_ca_file": "farm-ca.pem"},
        {"mqtt_ca_file": "farm-ca.pem", "mqtt_cert_file": "stranger.pem", "mqtt_key_file": "stranger.key"},
        {"mqtt_ca_file": "other-ca.pem", "mqtt_cert_file": "bridge.pem", "mqtt_key_file": "bridge.key"},
    ],
    ids=["no certificate", "a stranger's certificate", "a broker that it cannot trust"],
)
def test_without_the_right_certificates_there_is_no_connection(
    certificates: Path,
    mutual_tls: Mosquitto,
    sink: MemorySink,
    uplink_with: Callable[..., Uplink],
    files: dict[str, str],
) -> None:
    uplink = uplink_with(mutual_tls, sink, **{name: certificates / file for name, file in files.items()})
    always(lambda: not uplink.state().source.subscribed, "never subscribed", for_s=2.5)
    assert uplink.state().alive, "it goes on trying"
    assert uplink.state().obstacles[0].startswith("not subscribed at the MQTT broker: ")
    uplink.stop()
    gc.collect()


def test_a_wrong_password_is_named(
    tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto], sink: MemorySink, uplink_with: Callable[..., Uplink]
) -> None:
    users = tmp_path / "users"
    tool = program("mosquitto_passwd", "apt-get install mosquitto")
    subprocess.run([tool, "-b", "-c", str(users), "bridge", "right"], check=True, capture_output=True)
    users.chmod(0o644)
    broker = mosquitto_factory(configuration=f"allow_anonymous false\npassword_file {users}")

    wrong = uplink_with(broker, sink, mqtt_username="bridge", mqtt_password="wrong")
    eventually(lambda: any("Not authorized" in obstacle for obstacle in wrong.state().obstacles), "it says why")
    right = uplink_with(broker, sink, mqtt_username="bridge", mqtt_password="right", client_id="right")
    eventually(lambda: right.state().source.subscribed, "the right password works")


def _publish_over_tls(broker: Mosquitto, certificates: Path, values: list[bytes]) -> None:
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.tls_set(
        str(certificates / "farm-ca.pem"), str(certificates / "bridge.pem"), str(certificates / "bridge.key")
    )
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    for info in [client.publish(READINGS_TOPIC, value, qos=1) for value in values]:
        info.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()
