"""The agent under a service manager: it says that it lives only while it does, and what hangs is found and replaced."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.agent import EXIT_START_ANEW, Agent
from edge.clock import machine_boot_id
from edge.lives import Life, Lives, sensors_only
from edge.service import ServiceManager
from edge.settings import load_settings
from edge.supervisor import REPLACEMENTS, StopEvent, Supervisor
from tests.edge.farm import ROOT, configuration, eventually
from tests.edge.test_agent import Box

UNIT_FILE = ROOT / "deploy" / "systemd" / "shoal-edge.service"


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(10)

    def hears(self, what: str) -> str:
        """The next message that begins so; others before it are dropped."""
        while True:
            text = self._socket.recv(4096).decode()
            if text.startswith(what):
                return text

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path / "notify")
    yield systemd
    systemd.close()


class Seconds:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.journey
def test_the_service_manager_hears_ready_then_alive_then_stopping(
    tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    box = Box(configuration(tmp_path, port=9))
    box.start()
    try:
        ready = systemd.hears("READY=1")
        assert "STATUS=degraded: sensor water" in ready
        assert "uplink: " in ready, "nothing has answered yet, whatever else is well"
        systemd.hears("WATCHDOG=1")
        while "uplink: [Errno 111] Connection refused: check mqtt.host and mqtt.port" not in systemd.hears(
            "WATCHDOG=1"
        ):
            pass  # until the box has tried; a minute of silence is an error of its own
        assert box.process is not None
        box.process.send_signal(signal.SIGTERM)
        systemd.hears("STOPPING=1")
        assert box.process.wait(10) == 0
    finally:
        if box.process is not None and box.process.poll() is None:
            box.kill()


def test_without_a_service_manager_nothing_is_sent_and_nothing_fails(tmp_path: Path) -> None:
    assert ServiceManager.from_environment({}).watchdog_s is None
    ServiceManager.from_environment({}).alive("")
    ServiceManager(str(tmp_path / "nobody")).ready("")
    asked = {"WATCHDOG_USEC": "60000000", "NOTIFY_SOCKET": "@shoal"}
    assert ServiceManager.from_environment(asked).watchdog_s == 60
    assert ServiceManager.from_environment({**asked, "WATCHDOG_PID": "1"}).watchdog_s is None


def test_an_agent_whose_vital_worker_hangs_falls_silent_and_starts_anew(tmp_path: Path, systemd: Systemd) -> None:
    codes: list[int] = []
    never = threading.Event()
    agent = Agent(
        load_settings(configuration(tmp_path, port=9)),
        service=ServiceManager(systemd.address, watchdog_s=60),
        end_process=codes.append,
    )
    agent._supervisor.start("vital", lambda _stop: _hang(never), vital=True, stall_after_s=1.5)
    agent.start()
    systemd.hears("WATCHDOG=1")
    eventually(lambda: codes, timeout_s=60)
    never.set()
    assert codes == [EXIT_START_ANEW]
    next_life = Lives(tmp_path / "data" / "lives.json", machine_boot=agent._lives._boot, since_boot_s=lambda: 0.0)
    assert next_life._lives[-2].ended == "stalled: vital"


def test_an_agent_that_goes_on_as_another_start_does_not_say_that_it_stops(tmp_path: Path, systemd: Systemd) -> None:
    """systemd gives a service that says STOPPING=1 fifteen seconds to end, and kills it then: in its new life."""
    agent = Agent(load_settings(configuration(tmp_path, port=9)), service=ServiceManager(systemd.address))
    agent.start()
    systemd.hears("READY=1")
    agent._ask_to_start_anew("the agent 0.2.0")
    assert agent._under_way() == agent._agent_on_probation() == "a new start with the agent 0.2.0", (
        "nothing else joins it"
    )
    agent.stop()
    said = ""
    while not said.startswith("RELOADING=1"):
        said = systemd.hears("")
        assert not said.startswith("STOPPING")
    assert "MONOTONIC_USEC=" in said


def test_a_worker_that_looks_or_waits_does_not_hang() -> None:
    seconds = Seconds()
    stop = StopEvent(seconds)
    seconds.now += 50
    assert stop.silent_s(seconds.now) == 50
    stop.is_set()
    assert stop.silent_s(seconds.now) == 0
    waiting = threading.Thread(target=stop.wait)
    waiting.start()
    eventually(lambda: stop._alive_until_s == float("inf"))
    seconds.now += 1e6
    assert stop.silent_s(seconds.now) == 0
    stop.set()
    waiting.join()


def test_a_hanging_camera_is_replaced_then_the_agent_must_start_anew() -> None:
    seconds = Seconds()
    supervisor = Supervisor(seconds)
    begun: list[threading.Event] = []
    never = threading.Event()

    def hang(stop: threading.Event) -> None:
        begun.append(stop)
        never.wait()

    supervisor.start("camera-1", hang, stall_after_s=60)
    for number in range(REPLACEMENTS):
        eventually(lambda number=number: len(begun) == number + 1)  # type: ignore[misc]
        seconds.now += 61
        [stall] = supervisor.look()
        assert (stall.worker, stall.must_restart) == ("camera-1", False)
        assert "test_supervision.py" in stall.where or "threading.py" in stall.where
        assert threading.Event.is_set(begun[number]), "the old thread ends should it ever come back"
    eventually(lambda: len(begun) == REPLACEMENTS + 1)
    seconds.now += 61
    assert supervisor.alive()
    assert [stall.must_restart for stall in supervisor.look()] == [True]
    assert supervisor.restarts() == {"camera-1": REPLACEMENTS}
    never.set()
    supervisor.stop_all(timeout_s=2)


def test_cameras_stay_off_after_five_bad_ends_within_a_quarter_of_an_hour_and_are_tried_again() -> None:
    bad = [Life(float(at), cameras=True) for at in (0, 100, 200, 300, 400)]
    assert sensors_only(bad, now_s=410)
    assert not sensors_only(bad[1:], now_s=410)
    assert not sensors_only(bad, now_s=400 + 3601)
    slow = [Life(float(at), cameras=True) for at in range(0, 5000, 1000)]
    assert not sensors_only(slow, now_s=5010)
    clean = [Life(life.began_s, cameras=True, ended="clean") for life in bad]
    assert not sensors_only(clean, now_s=410)
    assert not sensors_only([Life(life.began_s, cameras=False) for life in bad], now_s=410)


def test_a_box_that_keeps_dying_with_its_cameras_comes_back_with_sensors_only(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    shutil.copy(ROOT / "models/bundles/fish-detector/golden/simulated.jpg", frames / "0.jpg")
    settings = load_settings(
        configuration(
            tmp_path,
            port=9,
            model=None,
            cameras=[{"name": "cam-1", "unit": "tank-1", "source": "folder:frames"}],
        )
    )
    for _ in range(5):
        lives = Lives(settings.data_dir / "lives.json", machine_boot=machine_boot_id(), since_boot_s=time.monotonic)
        lives.begin()
    agent = Agent(settings)
    try:
        assert agent.snapshot().cameras == ()
        assert any("sensors only" in words for words in agent.snapshot().degraded)
        assert [camera.name for camera in agent.inventory().cameras] == ["cam-1"]
    finally:
        agent.stop()


def _hang(never: threading.Event) -> None:
    never.wait(60)


def test_the_unit_file_is_what_systemd_understands_and_keeps_the_agent_confined() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    rated = subprocess.run(
        [program, "security", "--offline=true", "--threshold=30", "--no-pager", str(UNIT_FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-500:] + rated.stderr
    text = UNIT_FILE.read_text()
    assert "Type=notify" in text
    assert "WatchdogSec=60" in text
