"""Nodes are written one by one, over a real broker. ESPHome is a double: its compiler and boards are not here.

The double does what a board does after it was written: it connects to the broker and says that it is back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from contracts.errors import ConfigurationError
from shoal.cli import app
from shoal.firmware.deploy import Broker, NodeError, deploy, read_broker, targets
from tests.servers.mosquitto import Mosquitto

SECRETS = {"mqtt_host": "127.0.0.1", "mqtt_username": "nodes", "mqtt_password": "x", "wifi_ssid": "farm"}


class Boards:
    """Stands for ESPHome and the boards that it writes."""

    def __init__(self, port: int, *, dead: str = "", refused: str = "") -> None:
        self.calls: list[list[str]] = []
        self._dead = dead
        self._refused = refused
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def run(self, command: list[str]) -> int:
        self.calls.append(command[1:])
        if command[1] == "run":
            name = Path(command[-1]).stem
            if name == self._refused:
                return 1
            if name != self._dead:
                self._client.publish(f"farm/{name}/{name}/status", "online", qos=1, retain=True).wait_for_publish(5)
        return 0

    def written(self) -> list[str]:
        return [Path(call[-1]).stem for call in self.calls if call[0] == "run"]

    def close(self) -> None:
        for name in ("tank-1", "tank-2", "tank-3"):
            self._client.publish(f"farm/{name}/{name}/status", b"", qos=1, retain=True).wait_for_publish(5)
        self._client.loop_stop()
        self._client.disconnect()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets.yaml").write_text(yaml.safe_dump(SECRETS))
    for name in ("tank-1", "tank-2", "tank-3"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"substitutions": {"name": name, "unit": name}}))
    return tmp_path


@pytest.fixture
def broker(mosquitto: Mosquitto, folder: Path) -> Broker:
    return read_broker(folder, port=mosquitto.port)


@pytest.fixture
def boards(mosquitto: Mosquitto) -> Iterator[type[Boards]]:
    made: list[Boards] = []

    class Ours(Boards):
        def __init__(self, port: int = mosquitto.port, *, dead: str = "", refused: str = "") -> None:
            super().__init__(port, dead=dead, refused=refused)
            made.append(self)

    yield Ours
    for each in made:
        each.close()


@pytest.mark.integration
def test_nodes_are_written_one_by_one_each_after_the_one_before_is_back(
    folder: Path, broker: Broker, boards: type[Boards]
) -> None:
    farm = boards()  # type: ignore[call-arg]
    nodes = targets(folder, ("tank-2", "tank-1"))
    assert list(deploy(nodes, broker, devices={"tank-1": "10.0.0.7"}, run=farm.run)) == ["tank-2", "tank-1"]
    assert farm.calls[0][0] == "config"
    assert farm.calls[0][1:] == [str(node.file) for node in nodes], "all are checked before one is written"
    assert farm.calls[2][:4] == ["run", "--no-logs", "--device", "10.0.0.7"]


@pytest.mark.integration
def test_a_node_that_does_not_come_back_stops_the_others_even_if_the_broker_remembers_it(
    folder: Path, broker: Broker, boards: type[Boards]
) -> None:
    before = boards()  # type: ignore[call-arg]
    list(deploy(targets(folder, ()), broker, run=before.run))  # the broker keeps an "online" of each
    farm = boards(dead="tank-2")  # type: ignore[call-arg]
    back: list[str] = []
    with pytest.raises(NodeError, match="tank-2 was written and has not said online"):
        back.extend(deploy(targets(folder, ()), broker, timeout_s=1, run=farm.run))
    assert farm.written() == ["tank-1", "tank-2"]


@pytest.mark.integration
def test_a_node_that_cannot_be_written_stops_the_others(folder: Path, broker: Broker, boards: type[Boards]) -> None:
    farm = boards(refused="tank-1")  # type: ignore[call-arg]
    with pytest.raises(NodeError, match="it has the program that it had"):
        list(deploy(targets(folder, ()), broker, run=farm.run))
    assert farm.written() == ["tank-1"]


def test_a_file_that_esphome_refuses_touches_no_node(folder: Path) -> None:
    calls: list[list[str]] = []

    def refuses(command: list[str]) -> int:
        calls.append(command)
        return 1

    with pytest.raises(NodeError, match="no node was touched"):
        list(deploy(targets(folder, ()), read_broker(folder), run=refuses))
    assert [call[1] for call in calls] == ["config"]


def test_no_node_is_written_with_the_secrets_of_the_example(folder: Path) -> None:
    (folder / "secrets.yaml").write_text(yaml.safe_dump({**SECRETS, "wifi_password": "change-me-please"}))
    with pytest.raises(ConfigurationError, match=r"secrets\.wifi_password"):
        read_broker(folder)
    (folder / "secrets.yaml").unlink()
    with pytest.raises(ConfigurationError, match="Copy firmware_configs"):
        read_broker(folder)


def test_a_node_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="tank-9"):
        targets(folder, ("tank-9",))


def test_an_address_for_a_node_that_is_not_written_is_named(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="none of the nodes to write"):
        CliRunner().invoke(
            app, ["firmware", "deploy", str(folder), "--device", "tank-9=10.0.0.7"], catch_exceptions=False
        )
