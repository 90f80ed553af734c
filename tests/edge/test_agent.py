"""The whole agent as a process: end to end over a real broker, SIGKILL, SIGTERM, the local page, and its footprint."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import pytest

from contracts.alarms import AlarmChange
from contracts.devices import DeviceState, EventBatch, Health
from contracts.vision import Evidence, ObservationBatch
from edge.doctor import Verdict, examine
from edge.outbox.store import read_counters
from edge.settings import load_settings
from edge.supervisor import Supervisor
from tests.edge.farm import ROOT, Store, configuration, eventually, publisher_client
from tests.models.tiny_bundle import bright_cells, tiny_detector
from tests.servers.mosquitto import Mosquitto


class Probe:
    """A sensor node that publishes ten messages a second until it is stopped."""

    def __init__(self, port: int) -> None:
        self.oxygen = 9.0
        self.published: list[datetime] = []
        self._client = publisher_client(port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self.published.append(datetime.now(timezone.utc))
            message = {"ts": self.published[-1].isoformat(), "do": self.oxygen, "temperature": 12.0}
            self._client.publish("farm/tank-1/water", json.dumps(message), qos=1)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()


class Box:
    """An agent process."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.log = config.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None
        self.program: tuple[str, ...] = ("edge",)
        """Module that starts it, with its options."""

    def start(self) -> None:
        with self.log.open("wb") as log:  # the page of an earlier life must not be found
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.program, "run", "--config", str(self.config)], cwd=ROOT, stderr=log
            )

    @property
    def page(self) -> str:
        """Address of the local page, from the log."""
        for line in reversed(self.log.read_text().splitlines()):
            if '"agent.started"' in line:
                return str(json.loads(line)["page"])
        return ""

    def get(self, path: str) -> bytes:
        """Body of one path of the local page; anything but 200 fails."""
        connection = http.client.HTTPConnection(self.page.removeprefix("http://").rstrip("/"), timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/status.json")))

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> tuple[int, float]:
        assert self.process is not None
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60), time.monotonic() - started

    def counters(self) -> dict[str, int]:
        return read_counters(load_settings(self.config).data_dir / "outbox.db")


@pytest.fixture
def box(tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto]) -> Iterator[Box]:
    broker = mosquitto_factory()
    (tmp_path / "frames").mkdir()
    for number, cells in enumerate([[(0, 0), (2, 1)], [(1, 1)]]):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), bright_cells(cells, scale=4))
    tiny_detector(tmp_path / "bundle")
    config = configuration(
        tmp_path,
        port=broker.port,
        cameras=[{"name": "cam-1", "unit": "tank-1", "source": "folder:frames", "fps": 10}],
        model={"bundle": "bundle"},
        observations={"window_s": 0.5, "evidence_every_s": 1},
        health={"every_s": 1},
        outbox={"min_free_bytes": 0, "resend_after_s": 1},
    )
    box = Box(config)
    yield box
    if box.process is not None and box.process.poll() is None:
        box.process.kill()
        box.process.wait()


@pytest.fixture
def store(box: Box) -> Iterator[Store]:
    store = Store(load_settings(box.config).mqtt.port)
    yield store
    store.close()


@pytest.fixture
def probe(box: Box) -> Iterator[Probe]:
    probe = Probe(load_settings(box.config).mqtt.port)
    yield probe
    probe.stop()


@pytest.mark.journey
def test_readings_observations_and_alarms_reach_the_store_and_the_page(box: Box, store: Store, probe: Probe) -> None:
    box.start()
    eventually(lambda: len(store.readings()) > 10 and store.bodies(Evidence) and store.bodies(Health), timeout_s=60)
    assert store.statuses[0].state is DeviceState.ONLINE
    assert {reading.channel for reading in store.readings()} == {"tank-1.do", "tank-1.temperature", "tank-1.do_sat"}
    seen = eventually(
        lambda: [o for batch in store.bodies(ObservationBatch) for o in batch.observations if o.count_mean is not None]
    )
    assert seen[0].model is not None
    probe.oxygen = 3.0
    eventually(lambda: any(a.definition == "do.low.critical" for a in store.alarms()))
    status = box.status()
    assert status["connected"] is True
    assert status["degraded"] == []
    assert status["alarms"][0]["definition"] == "do.low.critical"
    oxygen = next(entry for entry in status["channels"] if entry["channel"] == "tank-1.do")
    assert (oxygen["value"], oxygen["ucum"]) == (3.0, "mg/L")
    # six mg/L at once is suspect for three readings, and alarms all the same
    assert oxygen["quality"] in {"good", "suspect"}
    assert oxygen["age_s"] < 3
    probe.oxygen = 9.0
    eventually(lambda: any(a.change is AlarmChange.CLEARED for a in store.alarms()))

    metrics = box.get("/metrics").decode()
    assert 'shoal_edge_accepted_total{kind="readings"}' in metrics
    assert 'shoal_edge_frames_captured_total{camera="cam-1"}' in metrics
    assert not [name for name, stage in box.status()["stages"].items() if not stage["count"]]
    assert b"Shoal edge" in box.get("/")
    assert json.loads(box.get("/healthz")) == {"ready": True, "degraded": []}

    code, took_s = box.terminate()
    assert code == 0
    assert took_s < 5
    eventually(lambda: store.statuses[-1].state is DeviceState.OFFLINE)
    assert store.statuses[-1].reason == "stopped"
    names = [event.name for batch in store.bodies(EventBatch) for event in batch.events]
    assert {"agent.started", "model.loaded", "agent.stopped"} <= set(names)


@pytest.mark.faults
@pytest.mark.journey
def test_sigkill_loses_nothing_doubles_nothing_and_raises_no_alarm_twice(box: Box, store: Store, probe: Probe) -> None:
    probe.oxygen = 3.0
    for _ in range(4):
        box.start()
        enough = len(store.readings()) + 15
        while len(store.readings()) < enough:
            threading.Event().wait(0.05)
        box.kill()
    probe.stop()
    box.start()
    eventually(lambda: box.page)
    threading.Event().wait(2.5)
    eventually(lambda: box.status()["outbox"]["rows"] <= 1, timeout_s=60)
    box.terminate()
    eventually(lambda: len(store.readings()) == box.counters()["readings"])
    readings = [(reading.channel, reading.observed_at) for reading in store.readings()]
    assert len(readings) == len(set(readings)) == box.counters()["readings"]
    # From the first subscription on, every message is accepted exactly once: none was lost in the four kills.
    oxygen = sorted(observed_at for channel, observed_at in readings if channel == "tank-1.do")
    assert oxygen == [moment for moment in probe.published if moment >= oxygen[0]]
    raised = [alarm for alarm in store.alarms() if alarm.change is AlarmChange.RAISED and ".low." in alarm.definition]
    assert sorted(alarm.definition for alarm in raised) == ["do.low.critical", "do.low.warning"]


@pytest.mark.faults
def test_without_any_broker_the_box_still_shows_and_keeps_everything(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    cv2.imwrite(str(frames / "0.png"), bright_cells([(0, 0)], scale=4))
    config = configuration(
        tmp_path,
        port=9,
        cameras=[{"name": "cam-1", "unit": "tank-1", "source": "folder:frames", "fps": 5}],
        model=None,
        observations={"window_s": 0.3},
    )
    box = Box(config)
    box.start()
    eventually(lambda: box.log.exists() and box.page)
    eventually(lambda: box.counters().get("observations", 0) >= 3)
    status = box.status()
    assert status["connected"] is False
    settings = load_settings(config)
    listening = settings.model_copy(
        update={"metrics": settings.metrics.model_copy(update={"port": int(box.page.rstrip("/").rpartition(":")[2])})}
    )
    own = next(finding for finding in examine(listening) if finding.subject == "settings")
    assert own.verdict is Verdict.OK, "a running agent is no fault"
    assert status["outbox"]["rows"] >= 3
    assert any("sensor water is not connected" in reason for reason in status["degraded"])
    code, took_s = box.terminate()
    assert (code, took_s < 5) == (0, True)


def test_footprint_and_imports_before_a_model_is_loaded(tmp_path: Path) -> None:
    config = configuration(tmp_path, port=9)
    script = (
        "import sys, json, time, psutil, logging\n"
        "started = time.perf_counter()\n"
        "from edge.agent import Agent\n"
        "from edge.settings import load_settings\n"
        "took = time.perf_counter() - started\n"
        f"agent = Agent(load_settings({str(config)!r}))\n"
        "agent.start(); time.sleep(1); agent.snapshot()\n"
        "rss = psutil.Process().memory_info().rss\n"
        "agent.stop()\n"
        "print(json.dumps({'import_s': took, 'rss': rss, 'modules': sorted(sys.modules)}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.splitlines()[-1])
    heavy = {
        "torch",
        "fastapi",
        "sqlalchemy",
        "kafka",
        "confluent_kafka",
        "pandas",
        "cv2",
        "onnxruntime",
        "numpy",
        "httpx",
    }
    assert heavy & set(seen["modules"]) == set()
    assert seen["rss"] < 150e6
    assert seen["import_s"] < 5


def test_a_worker_that_dies_is_started_again() -> None:
    supervisor = Supervisor()
    lives: list[int] = []

    def fragile(stop: threading.Event) -> None:
        lives.append(1)
        if len(lives) < 2:
            raise RuntimeError("it broke")
        stop.wait()

    supervisor.start("fragile", fragile)
    eventually(lambda: len(lives) == 2)
    assert supervisor.restarts() == {"fragile": 1}
    assert supervisor.failing() == ()
    supervisor.stop_all(timeout_s=2)
