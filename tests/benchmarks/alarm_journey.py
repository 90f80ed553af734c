"""An alarm's journey on a box with real parts: sensor's message -> edge alarm -> open in the API -> webhook received.

The box runs as ``shoal up`` starts it (embedded broker and PostgreSQL, pipeline with watch, API, edge agent). The rule has no
delay of its own, so every figure is what comes beyond the configured delay. `value` is the 99th percentile to the edge's alarm
on the broker, persisted before; the floor is the sensor's own message through the same broker. The notifier looks once a second.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from contracts.topics import Kind, uplink
from shoal.box import MQTT_USER, BoxConfig, BoxFolder, Credentials, configure
from shoal.ports import PortClaims
from shoal.up import Box
from tests.benchmarks.harness import Pair, result
from tests.journeys.programs import Api, eventually

SITE, DEVICE, UNIT = "bench", "edge-1", "tank-1"
TOPIC = f"farm/{UNIT}/water"
DEFINITION = "do.low.critical"
GOOD, BAD = 9.0, 4.0
PAUSE_S = 0.3
BARS_P99_MS = {"edge": 250.0, "api": 2_000.0, "webhook": 5_000.0}


def run(quick: bool) -> dict[str, Any]:
    """Measure on one box; quick takes a few alarms."""
    with tempfile.TemporaryDirectory() as folder, _box(Path(folder)) as (config, credentials):
        steps = _measure(config, credentials, count=8 if quick else 60)
    stages = {stage: [step[stage] for step in steps] for stage in ("floor", *BARS_P99_MS)}
    details: dict[str, Any] = {"alarms": len(steps), "configured_delay_s": 0}
    for stage, bar in BARS_P99_MS.items():
        details |= {
            f"{stage}_p50_ms": round(statistics.median(stages[stage]), 1),
            f"{stage}_p99_ms": _p99(stages[stage]),
            f"{stage}_bar_p99_ms": bar,
        }
    pair = Pair(ours=_p99(stages["edge"]), floor=_p99(stages["floor"]), details={})
    return result("alarm_journey", [pair], unit="ms", higher_is_better=False, details=details)


@dataclass
class _Receiver:
    """Where the webhook and the broker's messages arrive, with the moment of each."""

    webhooks: dict[str, float] = field(default_factory=dict)
    """By alarm."""
    echoes: list[float] = field(default_factory=list)
    alarms: list[tuple[float, str]] = field(default_factory=list)
    """Moment and id of raised alarms on the broker."""

    def message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        now = time.monotonic()
        if message.topic == TOPIC:
            self.echoes.append(now)
            return
        for alarm in json.loads(message.payload)["body"]["alarms"]:
            if alarm["definition"] == DEFINITION and alarm["change"] == "raised":
                self.alarms.append((now, alarm["alarm_id"]))

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Serve; gives the webhook's address."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                now = time.monotonic()
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.webhooks.setdefault(told.get("alarm_id") or told["detail"]["alarm_id"], now)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/alarms"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _measure(config: BoxConfig, credentials: Credentials, *, count: int) -> list[dict[str, float]]:
    receiver = _Receiver()
    address = f"http://127.0.0.1:{config.ports['http']}"
    with ExitStack() as stack:
        webhook = stack.enter_context(receiver.listening())
        admin = stack.enter_context(Api(address, credentials.admin_email, credentials.admin_password))
        sensor = Client(CallbackAPIVersion.VERSION2)
        sensor.username_pw_set(MQTT_USER, config.mqtt_password)
        sensor.on_message = receiver.message
        sensor.connect("127.0.0.1", config.ports["mqtt"])
        sensor.loop_start()
        stack.callback(sensor.loop_stop)
        stack.callback(sensor.disconnect)
        sensor.subscribe([(TOPIC, 1), (uplink(SITE, DEVICE, Kind.ALARMS), 1)])

        def live() -> bool:
            _send(sensor, GOOD)
            shown = admin.unit(SITE, UNIT)
            return shown is not None and any(reading["value"] is not None for reading in shown["readings"])

        eventually(live, timeout_s=60, what="a live value")
        admin.client.post("/api/v1/contacts", json={"name": "Bench", "webhook_url": webhook}).raise_for_status()
        return [_step(sensor, receiver, admin) for _ in range(count)]


def _step(sensor: Client, receiver: _Receiver, admin: Api) -> dict[str, float]:
    """One alarm, from good water to good water; milliseconds after the sensor's message."""
    time.sleep(PAUSE_S)
    receiver.echoes.clear()
    receiver.alarms.clear()
    began = time.monotonic()
    _send(sensor, BAD)
    shown = _until(lambda: _open(admin))
    told = _until(lambda: receiver.webhooks.get(shown[1]))
    [(on_broker, _), *_] = receiver.alarms
    moments = {"floor": receiver.echoes[0], "edge": on_broker, "api": shown[0], "webhook": told}
    _send(sensor, GOOD)
    _until(lambda: _open(admin) is None or None)
    return {name: (moment - began) * 1000 for name, moment in moments.items()}


def _open(admin: Api) -> tuple[float, str] | None:
    """When this alarm was shown as open, and its id."""
    alarms = admin.get("alarms", site=SITE, open="true")["items"]
    found = next((alarm["id"] for alarm in alarms if alarm["definition"] == DEFINITION and alarm["active"]), None)
    return None if found is None else (time.monotonic(), found)


def _until(ask: Any, *, timeout_s: float = 30.0) -> Any:
    """Ask fifty times a second: the wait between is part of the figure."""
    deadline = time.monotonic() + timeout_s
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"nothing came within {timeout_s} s")
        time.sleep(0.02)
    return answer


def _send(sensor: Client, oxygen: float) -> None:
    now = datetime.now(timezone.utc).isoformat()
    sensor.publish(TOPIC, json.dumps({"ts": now, "do": oxygen, "temperature": 12.0}), qos=1)


def _p99(values: list[float]) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * 0.99))], 1)


class _Quiet:
    """A start that nobody looks at."""

    def started(self, name: str) -> None:
        """Nobody looks."""

    def ready(self, name: str, seconds: float) -> None:
        """Nobody looks."""


@contextmanager
def _box(root: Path) -> Iterator[tuple[BoxConfig, Credentials]]:
    """A running box with one agent."""
    folder = BoxFolder(root / "box")
    folder.create()
    file = root / "edge.yaml"
    with folder.lock(), closing(PortClaims()) as claims:
        config = configure(
            folder,
            claims,
            wanted_ports={"http": None, "mqtt": None},
            edges={f"edge-{SITE}-{DEVICE}": str(file)},
            log_level="warning",
        )
        _write_edge(file, root, config)
        box = Box(folder, config)
        try:
            box.start(_Quiet())
            yield config, folder.credentials()
        finally:
            box.stop()


def _write_edge(file: Path, root: Path, config: BoxConfig) -> None:
    broker = {
        "host": "127.0.0.1",
        "port": config.ports["mqtt"],
        "username": MQTT_USER,
        "password": config.mqtt_password,
        "reconnect_max_s": 1,
    }
    channels = [
        {
            "name": f"{UNIT}.{quantity}",
            "unit": UNIT,
            "quantity": quantity,
            "topic": TOPIC,
            "pointer": f"/{quantity}",
            "time_pointer": "/ts",
        }
        for quantity in ("do", "temperature")
    ]
    document = {
        "site": SITE,
        "device": DEVICE,
        "data_dir": str(root / "edge"),
        "units": [{"slug": UNIT, "kind": "tank", "species": "salmo_salar", "stage": "fry", "salinity": 0.2}],
        "mqtt": broker,
        "sensors": [{"name": "water", "driver": "mqtt", "broker": broker, "channels": channels}],
        "alarms": {"on_delay_s": 0, "off_delay_s": 0},
        "metrics": {"port": 0},
        "clock": {"assume_synchronised": True},
        "log_level": "warning",
    }
    file.write_text(yaml.safe_dump(document))
