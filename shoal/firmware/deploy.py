"""Brings rendered nodes to their boards, one by one: ``checked → esphome run → the node says that it is back → next``.

A node that does not come back stops everything: the other tanks keep the program that is known to work. The node itself
switches its aerator on while it restarts (packages/aerator.yaml), so that a bad program costs sight, not oxygen.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from contracts.errors import ConfigurationError
from edge.messaging.client import new_client
from edge.sections import MqttSettings
from shoal.firmware.check import read_node

_PLACEHOLDER = "change-me"
_CONNECT_S = 10.0


class NodeError(Exception):
    """A node was not written, or did not come back. Look at it before anything else is written."""


@dataclass(frozen=True)
class Target:
    """A node that will get its program."""

    name: str
    file: Path
    status_topic: str
    """Where it says ``online`` after every start."""


@dataclass(frozen=True)
class Broker:
    """The broker that the nodes report to, from their secrets."""

    host: str
    port: int
    username: str
    password: str


def targets(folder: Path, names: tuple[str, ...]) -> list[Target]:
    """The nodes to write, in the order given; all of the folder without names.

    Raises:
        ConfigurationError: a node has no file, or the folder has no secrets of its own.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.yaml")) if path.name != "secrets.yaml"}
    if not files:
        raise ConfigurationError("folder", str(folder), "There is no node in it: render some first")
    unknown = [name for name in names if name not in files]
    if unknown:
        raise ConfigurationError("node", unknown[0], f"There are: {', '.join(files)}")
    return [_target(files[name]) for name in (names or files)]


def read_broker(folder: Path, *, port: int = 1883) -> Broker:
    """Broker and login out of the nodes' ``secrets.yaml``.

    Raises:
        ConfigurationError: it is missing or still the example.
    """
    path = folder / "secrets.yaml"
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "secrets", str(path), "Copy firmware_configs/esphome/examples/secrets.yaml there and fill it in"
        ) from error
    secrets: Mapping[str, Any] = found if isinstance(found, dict) else {}
    kept = [name for name, value in secrets.items() if _PLACEHOLDER in str(value)]
    if kept:
        raise ConfigurationError(f"secrets.{kept[0]}", "(the example's)", "Write the farm's own; it would be public")
    for name in ("mqtt_host", "mqtt_username", "mqtt_password"):
        if name not in secrets:
            raise ConfigurationError(f"secrets.{name}", "(not set)", f"Write it into {path}")
    return Broker(str(secrets["mqtt_host"]), port, str(secrets["mqtt_username"]), str(secrets["mqtt_password"]))


def deploy(
    nodes: list[Target],
    broker: Broker,
    *,
    esphome: str = "esphome",
    devices: Mapping[str, str] | None = None,
    timeout_s: float = 180.0,
    run: Callable[[list[str]], int] | None = None,
) -> Iterator[str]:
    """Compile and write one node after the other.

    Args:
        nodes: what to write, in this order: begin with a tank that somebody stands at.
        broker: where the nodes say that they are back.
        esphome: ESPHome's command.
        devices: address or serial port by node; without one ESPHome finds it by mDNS.
        timeout_s: how long a node may take to come back after it was written.
        run: runs a command and returns its exit status. None: as a child process.

    Yields:
        The name of every node that is back.

    Raises:
        NodeError: ESPHome failed, or the node was silent; nothing after it was touched.
    """
    run = run or _run
    # Every file is checked before the first is written: a slip in the last must not leave a farm half-way.
    if run([esphome, "config", *(str(node.file) for node in nodes)]) != 0:
        raise NodeError("ESPHome does not accept the files; no node was touched")
    for node in nodes:
        device = (devices or {}).get(node.name)
        with _listening(broker, node.status_topic) as back:
            command = [esphome, "run", "--no-logs", *(("--device", device) if device else ()), str(node.file)]
            if run(command) != 0:
                raise NodeError(f"{node.name} was not written; it has the program that it had")
            if not back.wait(timeout_s):
                raise NodeError(
                    f"{node.name} was written and has not said online on {node.status_topic} within {timeout_s:g} s:"
                    " go to its tank; the nodes after it were not touched"
                )
        yield node.name


def _target(path: Path) -> Target:
    values = read_node(path).get("substitutions")
    if not isinstance(values, dict) or not {"name", "unit"} <= values.keys():
        raise ConfigurationError("substitutions", str(path), "It needs name and unit; was it rendered?")
    return Target(str(values["name"]), path, f"farm/{values['unit']}/{values['name']}/status")


@contextmanager
def _listening(broker: Broker, topic: str) -> Iterator[threading.Event]:
    """Set by the next ``online`` that is said now; what the broker kept from before does not count."""
    back, subscribed = threading.Event(), threading.Event()
    settings = MqttSettings(
        host=broker.host, port=broker.port, username=broker.username, password=SecretStr(broker.password)
    )
    client = new_client(settings, client_id="", clean=True)

    def on_connect(client: Any, *_: object) -> None:
        client.subscribe(topic, qos=1)

    def on_subscribe(*_: object) -> None:
        subscribed.set()

    def on_message(_client: Any, _data: object, message: Any) -> None:
        if message.payload == b"online" and not message.retain:
            back.set()

    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    try:
        client.connect(broker.host, broker.port)
    except OSError as error:
        raise NodeError(
            f"the broker {broker.host}:{broker.port} does not answer: {error}; nothing more was written"
        ) from error
    client.loop_start()
    try:
        if not subscribed.wait(_CONNECT_S):
            raise NodeError(
                f"the broker {broker.host}:{broker.port} does not let us listen to {topic}; nothing more was written"
            )
        yield back
    finally:
        client.loop_stop()
        client.disconnect()


def _run(command: list[str]) -> int:
    try:
        return subprocess.run(command, check=False).returncode
    except FileNotFoundError as error:
        raise NodeError(f"{command[0]} is not installed: pipx install esphome") from error
