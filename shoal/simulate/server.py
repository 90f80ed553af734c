"""The farm simulator as a process: probes that publish by MQTT, aerators that obey it, cameras over HTTP.

Topics: ``farm/{site}/{unit}/water`` (probe, 1 Hz), ``farm/{site}/{unit}/aerator`` (state and motor current),
``farm/{site}/{unit}/aerator/set`` (command ``{"on": true}``). The edge reads them as it would read real devices.
"""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import structlog
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import BaseModel, ConfigDict

from shoal.simulate.cameras import Camera, CameraServer
from shoal.simulate.farm import Farm, Unit
from shoal.simulate.faults import FaultKind
from shoal.simulate.fish import FishScene, Place

log = structlog.get_logger()

PERIOD_S = 1.0
FISH_IN_VIEW = {"tank": 9, "net_pen": 14, "pond": 7}


class SimulatorSettings(BaseModel):
    """What the simulator needs to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sites: tuple[str, ...] = ("farm-1",)
    """Every site has the same three units, with its own noise."""
    host: str = "127.0.0.1"
    """The farm's MQTT broker."""
    port: int
    username: str | None = None
    password: str | None = None
    camera_port: int
    """HTTP port of the cameras on 127.0.0.1."""
    cameras: bool = True
    """False when the demo's cameras are a video file."""
    began_file: Path
    """Holds the Unix time at which the demo began. Until it exists time stands still, so that nobody misses the first
    fault; a restarted simulator reads it and continues the same day."""
    speed: float = 60.0
    """Simulated seconds per second: 60 makes a day last 24 minutes."""
    seed: int = 1
    fps: float = 5.0


class Simulator:
    """Runs the farm in real time. Opens its connections in ``start``."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._began_at: float | None = None
        elapsed_s = self._elapsed_s()
        self._farms = {
            site: Farm(seed=settings.seed + number, speed=settings.speed, elapsed_s=elapsed_s)
            for number, site in enumerate(settings.sites)
        }
        self._cameras = self._make_cameras() if settings.cameras else {}
        self._server: CameraServer | None = None
        self._client = self._make_client()
        self._stop = threading.Event()

    def start(self) -> None:
        """Serve the cameras and connect to the broker, now or as soon as it is there."""
        cv2.setNumThreads(1)
        if self._cameras:
            self._server = CameraServer(self._cameras, port=self._settings.camera_port)
            self._server.start()
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=30)
        self._client.loop_start()

    def run_forever(self) -> None:
        """Publish once per second until ``stop``."""
        due = time.monotonic()
        while not self._stop.is_set():
            self._tick()
            due = max(due + PERIOD_S, time.monotonic() - PERIOD_S)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def ask_to_stop(self) -> None:
        """Make ``run_forever`` return; returns at once."""
        self._stop.set()

    def stop(self) -> None:
        """Stop publishing and close everything; safe twice."""
        self._stop.set()
        self._client.disconnect()
        self._client.loop_stop()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _tick(self) -> None:
        now = datetime.now(timezone.utc)
        elapsed_s = self._elapsed_s()
        for site, farm in self._farms.items():
            with self._lock:
                farm.advance(elapsed_s)
            for unit in farm.units.values():
                self._publish(site, unit, now)
                camera = self._cameras.get(f"{site}/{unit.model.slug}")
                if camera is not None:
                    camera.blackout = FaultKind.CAMERA_BLACKOUT in unit.faults
                    camera.activity = 1.8 if unit.state.feeding else 1.0

    def _publish(self, site: str, unit: Unit, now: datetime) -> None:
        topic = f"farm/{site}/{unit.model.slug}"
        sample = unit.sample()
        if sample is not None:
            self._send(
                f"{topic}/water",
                {
                    "ts": now.isoformat(timespec="milliseconds"),
                    "do": round(sample.do_mg_l, 3),
                    "temperature": round(sample.temperature_c, 3),
                    "ph": round(sample.ph, 3),
                    "salinity": round(sample.salinity, 3),
                },
            )
        self._send(f"{topic}/aerator", {"on": unit.aerator_on, "current": round(unit.aerator_current_a, 2)})

    def _send(self, topic: str, body: dict[str, Any]) -> None:
        # QoS 0, as probes send: what the broker misses while it is away was never accepted by anybody.
        if self._client.is_connected():
            self._client.publish(topic, json.dumps(body))

    def _elapsed_s(self) -> float:
        if self._began_at is None:
            try:
                self._began_at = float(self._settings.began_file.read_text())
            except (OSError, ValueError):
                return 0.0
        return max(0.0, time.time() - self._began_at)

    def _make_cameras(self) -> dict[str, Camera]:
        cameras = {}
        for site, farm in self._farms.items():
            for unit in farm.units.values():
                name = f"{site}/{unit.model.slug}"
                cameras[name] = Camera(partial(_scene_of, name, unit, self._settings.seed), fps=self._settings.fps)
        return cameras

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="shoal-simulator")
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, self._settings.password)
        client.reconnect_delay_set(1, 2)
        client.on_connect = self._on_connect
        client.on_message = self._on_command
        return client

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe([(f"farm/{site}/+/aerator/set", 1) for site in self._settings.sites])
        log.info("simulator connected", sites=len(self._farms))

    def _on_command(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        _, site, slug, *_ = message.topic.split("/")
        farm = self._farms.get(site)
        if farm is None or slug not in farm.units:
            return
        try:
            wanted = bool(json.loads(message.payload)["on"])
        except (ValueError, KeyError, TypeError):
            log.warning("aerator command not understood", site=site, unit=slug)
            return
        with self._lock:
            farm.units[slug].commanded_on = wanted
        log.info("aerator command", site=site, unit=slug, on=wanted)


def _scene_of(name: str, unit: Unit, seed: int) -> FishScene:
    """The scene of one camera, made when it is first watched."""
    kind = unit.model.kind
    place: Place = "tank" if kind == "tank" else "net_pen" if kind == "net_pen" else "pond"
    return FishScene(crc32(f"{seed}/{name}".encode()), n_fish=FISH_IN_VIEW[place], place=place)
