"""From a sensor's message on the farm's broker to the command at the relay, with the uplink's broker away.

`value` is the 99th percentile through the whole agent in milliseconds; the rule has no delay of its own. The floor is a
program of ten lines on the same broker that compares and publishes, with no quality tests, no memory and no disk.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.benchmarks.harness import Pair, result
from tests.edge.farm import eventually
from tests.edge.relay_node import RelayNode
from tests.edge.test_actuation import with_aerator
from tests.edge.test_agent import Box
from tests.servers.mosquitto import Mosquitto

BAR_P99_MS = 250.0
STEPS = 100
"""Half of them switch on; the agent allows 60 starts an hour."""
PAUSE_S = 0.05
GOOD, BAD = 8.0, 4.0
TOPIC, NODE = "farm/tank-1/water", "aerator-1"


def run(quick: bool) -> dict[str, Any]:
    """Alternate agent and floor on one broker."""
    rounds, steps = (1, 20) if quick else (3, STEPS)
    pairs, ours_ms, floor_ms = [], [], []
    for _ in range(rounds):
        # A broker of its own for each: it keeps what the floor's sensor sends for the agent that is away.
        with tempfile.TemporaryDirectory() as folder:
            broker = Mosquitto(Path(folder))
            broker.start()
            try:
                with _agent(Path(folder) / "agent", broker.port):
                    ours = _measure(broker.port, steps)
                with _ten_lines(broker.port):
                    floor = _measure(broker.port, steps)
            finally:
                broker.stop()
        pairs.append(Pair(ours=_p99(ours), floor=_p99(floor), details={"ours_p50_ms": _p50(ours)}))
        ours_ms += ours
        floor_ms += floor
    details = {
        "ours_p50_ms": _p50(ours_ms),
        "ours_p99_ms": _p99(ours_ms),
        "ours_max_ms": round(max(ours_ms), 2),
        "floor_p50_ms": _p50(floor_ms),
        "floor_p99_ms": _p99(floor_ms),
        "bar_p99_ms": BAR_P99_MS,
        "steps": len(ours_ms),
        "uplink": "away",
    }
    return result("actuation", pairs, unit="ms", higher_is_better=False, details=details)


def _measure(port: int, steps: int) -> list[float]:
    """Milliseconds from publishing a step to the command at the relay, for every step."""
    sensor = Client(CallbackAPIVersion.VERSION2)
    sensor.connect("127.0.0.1", port)
    sensor.loop_start()
    found = []
    with RelayNode(port) as node:
        _send(sensor, BAD)
        eventually(lambda: [word for _, word in node.commands if word == "ON"], timeout_s=20)
        for number in range(steps):
            time.sleep(PAUSE_S)
            wanted, value = ("OFF", GOOD) if number % 2 == 0 else ("ON", BAD)
            node.commands.clear()
            node.heard.clear()
            began = time.monotonic()
            _send(sensor, value)
            while not any(word == wanted for _, word in node.commands):
                if not node.heard.wait(10):
                    raise RuntimeError(f"step {number}: the relay heard nothing within 10 s")
                node.heard.clear()
            heard = next(at for at, word in node.commands if word == wanted)
            found.append((heard - began) * 1000)
    sensor.disconnect()
    sensor.loop_stop()
    return found


def _send(sensor: Client, oxygen: float) -> None:
    now = datetime.now(timezone.utc).isoformat()
    sensor.publish(TOPIC, json.dumps({"ts": now, "do": oxygen, "temperature": 12.0}), qos=1)


@contextmanager
def _agent(folder: Path, port: int) -> Iterator[None]:
    folder.mkdir()
    box = Box(with_aerator(folder, port))
    box.start()
    try:
        eventually(lambda: box.log.exists() and box.page, timeout_s=30)
        yield
    finally:
        box.terminate()


@contextmanager
def _ten_lines(port: int) -> Iterator[None]:
    """The least that switches an aerator."""
    client = Client(CallbackAPIVersion.VERSION2)
    state = [True]

    def heard(client: Client, _userdata: object, message: MQTTMessage) -> None:
        oxygen = json.loads(message.payload)["do"]
        state[0] = oxygen < 5 or (state[0] and oxygen < 6.5)
        client.publish(f"{NODE}/switch/aerator/command", "ON" if state[0] else "OFF", qos=1)

    subscribed = threading.Event()
    client.on_message = heard
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(TOPIC, 1)
    subscribed.wait(5)
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()


def _p50(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def _p99(values: list[float]) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * 0.99))], 2)
