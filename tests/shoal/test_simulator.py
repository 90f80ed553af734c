from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from structlog.testing import capture_logs

from contracts.devices import Inventory
from edge.clock import SystemClock
from edge.messaging.client import MqttLink
from edge.sections import MqttSettings
from shoal.simulate.cameras import Camera, CameraServer
from shoal.simulate.fish import FishScene
from shoal.simulate.server import Simulator, SimulatorSettings
from shoal.up import answers
from tests.shoal.running import environment

pytestmark = pytest.mark.integration

_BROKER = """
import sys
from pathlib import Path
from shoal import embedded_broker
embedded_broker.run(Path(sys.argv[1]), int(sys.argv[2]), username="farm", password="secret-1")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def broker_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _BROKER, str(tmp_path), str(port)], env=environment())
    deadline = time.monotonic() + 30
    while not answers(port):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(10)


class Listener:
    """A client of the farm broker that keeps what it hears."""

    def __init__(self, port: int, password: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.refused = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"listener-{time.time_ns()}")
        self.client.username_pw_set("farm", password)
        self.client.on_connect = lambda client, *_: client.subscribe("farm/#", 1)
        self.client.on_connect_fail = lambda *_: self.refused.set()
        self.client.on_disconnect = lambda *_: self.refused.set()
        self.client.on_message = lambda _client, _userdata, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def wait(self, topic: str, count: int = 1, timeout_s: float = 20) -> list[dict[str, object]]:
        deadline = time.monotonic() + timeout_s
        while len(found := [json.loads(body) for name, body in list(self.heard) if name == topic]) < count:
            assert time.monotonic() < deadline, f"{topic}: {len(found)} of {count} heard"
            time.sleep(0.05)
        return found

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def simulator(broker_port: int, tmp_path: Path) -> Iterator[Simulator]:
    (tmp_path / "began").write_text(str(time.time()))
    settings = SimulatorSettings(
        port=broker_port, username="farm", password="secret-1", camera_port=free_port(), began_file=tmp_path / "began"
    )
    made = Simulator(settings)
    made.start()
    thread = threading.Thread(target=made.run_forever, daemon=True)
    thread.start()
    yield made
    made.ask_to_stop()
    thread.join(5)
    made.stop()
    made.stop()


def test_probes_of_all_units_report_every_second_and_aerators_obey(simulator: Simulator, broker_port: int) -> None:
    listener = Listener(broker_port, "secret-1")
    try:
        for unit in ("tank-1", "pen-1", "pond-1"):
            sample = listener.wait(f"farm/farm-1/{unit}/water", 2)[-1]
            assert set(sample) == {"ts", "do", "temperature", "ph", "salinity"}
            assert 3 < float(str(sample["do"])) < 15
        listener.client.publish("farm/farm-1/tank-1/aerator/set", "no json", 1)
        listener.client.publish("farm/farm-1/tank-1/aerator/set", json.dumps({"on": False}), 1)
        listener.heard.clear()
        states = listener.wait("farm/farm-1/tank-1/aerator", 3)
        assert states[-1] == {"on": False, "current": 0.0}
    finally:
        listener.close()


def test_a_wrong_password_is_refused_by_the_broker(broker_port: int) -> None:
    stranger = Listener(broker_port, password="wrong")
    try:
        assert stranger.refused.wait(10)
        assert not stranger.heard
    finally:
        stranger.close()


@pytest.mark.parametrize("login", [{}, {"username": "farm", "password": "wrong"}])
def test_a_box_without_the_right_login_says_at_once_what_is_wrong_and_what_to_do(
    broker_port: int, login: dict[str, str]
) -> None:
    link = MqttLink(
        MqttSettings.model_validate({"host": "127.0.0.1", "port": broker_port, **login}),
        site="farm",
        device="edge-1",
        boot="b" * 32,
        clock=SystemClock(),
        inventory=lambda: Inventory(agent_version="1", python="3", machine="x"),
        on_event=lambda _event: None,
    )
    assert link.trouble == "not connected yet"
    stop = threading.Event()
    with capture_logs() as logs:
        running = threading.Thread(target=link.run, args=(stop,))
        running.start()
        deadline = time.monotonic() + 30
        while not any(line["event"] == "mqtt.refused" for line in logs):
            assert time.monotonic() < deadline, "nobody is told why this box sends nothing"
            time.sleep(0.05)
        stop.set()
        running.join(10)
    told = next(line for line in logs if line["event"] == "mqtt.refused")
    assert "hung up" in told["error"]
    assert "mqtt.username and mqtt.password_file" in told["remedy"]
    assert link.trouble == f"{told['error']}: {told['remedy']}"


def test_a_large_image_passes_the_broker(broker_port: int) -> None:
    listener = Listener(broker_port, "secret-1")
    try:
        time.sleep(0.5)
        listener.client.publish("farm/farm-1/picture", b"x" * 1_900_000, 1)
        deadline = time.monotonic() + 20
        while not listener.heard:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert len(listener.heard[0][1]) == 1_900_000
    finally:
        listener.close()


@pytest.fixture
def camera_server() -> Iterator[tuple[CameraServer, Camera]]:
    camera = Camera(lambda: FishScene(1, 320, 180, n_fish=3), fps=20)
    server = CameraServer({"farm-1/tank-1": camera}, port=0)
    server.start()
    yield server, camera
    server.stop()
    server.stop()


def test_a_camera_streams_moving_pictures_as_an_ip_camera_does(camera_server: tuple[CameraServer, Camera]) -> None:
    server, camera = camera_server
    capture = cv2.VideoCapture(f"http://127.0.0.1:{server.port}/farm-1/tank-1.mjpeg", cv2.CAP_FFMPEG)
    try:
        frames = [capture.read()[1] for _ in range(8)]
        assert frames[0].shape == (180, 320, 3)
        assert not np.array_equal(frames[0], frames[-1])
        camera.blackout = True
        assert min(float(capture.read()[1].mean()) for _ in range(30)) < 10
    finally:
        capture.release()


def test_one_picture_a_list_and_an_unknown_camera(camera_server: tuple[CameraServer, Camera]) -> None:
    base = f"http://127.0.0.1:{camera_server[0].port}"
    assert httpx.get(f"{base}/farm-1/tank-1.jpg").content.startswith(b"\xff\xd8")
    assert httpx.get(base).text == "/farm-1/tank-1.mjpeg\n"
    assert httpx.get(f"{base}/farm-1/tank-9.mjpeg").status_code == 404


def test_two_watchers_share_one_camera_and_a_camera_nobody_watches_rests() -> None:
    camera = Camera(lambda: FishScene(1, 160, 90, n_fish=1), fps=50)
    first, second = camera.frames(), camera.frames()
    assert next(first)
    assert next(second)
    rendering = camera._thread
    assert rendering is not None
    camera._wanted_until = 0
    rendering.join(5)
    assert not rendering.is_alive()
    camera.close()
    assert list(camera.frames()) == []
