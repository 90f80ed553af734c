"""From a frame to its event: an agent process with a file camera, a real broker, and the clock of this machine on both ends.

The newest frame of each short window is stamped when the demuxer gives it, goes through the worker, the analyst, the evidence
encoder, the outbox on disk and the link; the observation that names it is stamped again when a subscriber gets it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from contracts.envelope import Envelope, decode
from contracts.topics import Kind, parse_uplink, uplink
from contracts.vision import ObservationBatch
from models.runtime import Bundle
from tests.servers.mosquitto import Mosquitto
from tests.servers.presence import ROOT

FPS = 20.0
WINDOW_S = 0.5
SITE, DEVICE = "bench", "edge-1"
START_S = 60.0


def frame_to_event(file: Path, *, bundle: Bundle, folder: Path, seconds: float) -> dict[str, Any]:
    """Percentiles in milliseconds, from the arrival of a frame to that of its observation."""
    ages: list[float] = []
    first = threading.Event()

    def arrived(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        now = datetime.now(timezone.utc)
        envelope = decode(bytes(message.payload), parse_uplink(message.topic).kind)
        if not isinstance(envelope, Envelope) or not isinstance(envelope.body, ObservationBatch):
            return
        for seen in envelope.body.observations:
            if seen.model is not None and seen.image_observed_at is not None:
                ages.append((now - seen.image_observed_at).total_seconds())
                first.set()

    (folder / "broker").mkdir()
    broker = Mosquitto(folder / "broker")
    broker.start()
    try:
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = arrived
        client.connect("127.0.0.1", broker.port)
        client.subscribe(uplink(SITE, DEVICE, Kind.OBSERVATIONS), qos=1)
        client.loop_start()
        config = _configuration(folder, broker.port, file, bundle)
        agent = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--config", str(config)], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        try:
            first.wait(START_S)
            ages.clear()
            threading.Event().wait(seconds)
        finally:
            agent.terminate()
            agent.wait(10)
            client.disconnect()
            client.loop_stop()
    finally:
        broker.stop()
    return {
        "frame_to_event_p50_ms": round(float(np.percentile(ages, 50)) * 1000, 1) if ages else None,
        "frame_to_event_p99_ms": round(float(np.percentile(ages, 99)) * 1000, 1) if ages else None,
        "frame_to_event_events": len(ages),
    }


def _configuration(folder: Path, port: int, file: Path, bundle: Bundle) -> Path:
    path = folder / "edge.yaml"
    document = {
        "site": SITE,
        "device": DEVICE,
        "data_dir": str(folder / "data"),
        "units": [{"slug": "tank-1"}],
        "mqtt": {"port": port},
        "cameras": [{"name": "cam-1", "unit": "tank-1", "source": f"file:{file}", "fps": FPS}],
        "model": {"bundle": str(bundle.folder)},
        "observations": {"window_s": WINDOW_S, "evidence_every_s": 0},
        "outbox": {"min_free_bytes": 0},
        "metrics": {"port": 0},
        "log_level": "error",
    }
    path.write_text(yaml.safe_dump(document))
    return path
