from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from contracts.errors import ConfigurationError
from shoal import supervisor as module
from shoal.supervisor import ProcessSpec, StartError, Supervisor

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "processes.json", tmp_path / "logs")
    yield made
    made.stop_all()


def until(supervisor: Supervisor, condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        supervisor.check()
        time.sleep(0.02)


def test_a_killed_child_is_started_again_and_counted(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.launch(ProcessSpec("pump", SLEEPER, ready=lambda: True))
    supervisor.wait_ready("pump")
    first = supervisor.running["pump"]
    os.kill(first, signal.SIGKILL)
    until(supervisor, lambda: supervisor.running.get("pump", first) != first)
    assert supervisor.restarts == 1
    state = json.loads((tmp_path / "processes.json").read_text())
    assert state == {"supervisor": os.getpid(), "pump": supervisor.running["pump"]}


def test_stopping_leaves_no_process_and_no_state(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("first", "second"):
        supervisor.launch(ProcessSpec(name, SLEEPER, ready=lambda: True))
    pids = list(supervisor.running.values())
    supervisor.stop_all()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not (tmp_path / "processes.json").exists()
    supervisor.stop_all()
    supervisor.check()
    assert supervisor.running == {}


def test_a_stopped_process_is_not_restarted(supervisor: Supervisor) -> None:
    supervisor.launch(ProcessSpec("pump", SLEEPER, ready=lambda: True))
    supervisor.stop("pump")
    time.sleep(0.3)
    supervisor.check()
    assert supervisor.running == {}
    supervisor.stop("no-such-process")


def test_one_that_ignores_its_signal_is_killed(supervisor: Supervisor) -> None:
    stubborn = "import signal, time, pathlib, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    stubborn += "pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
    marker = supervisor._log_dir.parent / "deaf"
    spec = ProcessSpec("deaf", (sys.executable, "-c", stubborn, str(marker)), ready=marker.exists, stop_timeout_s=0.3)
    supervisor.launch(spec)
    supervisor.wait_ready("deaf")
    pid = supervisor.running["deaf"]
    supervisor.stop("deaf")
    assert not psutil.pid_exists(pid)


def test_a_child_that_refuses_its_settings_stops_the_start_with_its_own_words(supervisor: Supervisor) -> None:
    words = "import sys; print('tank.volume: -1 cannot be used. Use a number above 0'); sys.exit(2)"
    supervisor.launch(ProcessSpec("picky", (sys.executable, "-c", words), ready=lambda: False))
    with pytest.raises(ConfigurationError, match=r"tank\.volume: -1 cannot be used"):
        supervisor.wait_ready("picky")


def test_a_child_that_keeps_dying_stops_the_start_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    supervisor.launch(ProcessSpec("weak", (sys.executable, "-c", "raise OSError('no water')"), ready=lambda: False))
    with pytest.raises(StartError, match="no water"):
        supervisor.wait_ready("weak")


def test_a_child_that_is_never_ready_stops_the_start(supervisor: Supervisor) -> None:
    supervisor.launch(ProcessSpec("slow", SLEEPER, ready=lambda: False, start_timeout_s=0.3))
    with pytest.raises(StartError, match="not ready within"):
        supervisor.wait_ready("slow")


def test_the_wait_between_restarts_grows_while_a_child_keeps_dying(tmp_path: Path) -> None:
    now = 0.0
    supervisor = Supervisor(tmp_path / "processes.json", tmp_path / "logs", now=lambda: now)
    supervisor.launch(ProcessSpec("weak", (sys.executable, "-c", ""), ready=lambda: False))
    waits = []
    for _ in range(6):
        child = supervisor._children["weak"]
        assert child.process is not None
        child.process.wait(10)
        supervisor.check()
        assert child.restart_at is not None
        waits.append(child.restart_at - now)
        now = child.restart_at
        supervisor.check()
    supervisor.stop_all()
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4])
    assert max(waits) <= module.RESTART_MAX_S


def test_one_shot_steps_pass_fail_or_refuse(supervisor: Supervisor) -> None:
    def step(code: str) -> ProcessSpec:
        return ProcessSpec("step", (sys.executable, "-c", code), ready=lambda: True)

    supervisor.run_once(step("print('done')"))
    with pytest.raises(StartError, match="ended with status 3"):
        supervisor.run_once(step("raise SystemExit(3)"))
    with pytest.raises(ConfigurationError, match="no such farm"):
        supervisor.run_once(step("print('no such farm'); raise SystemExit(2)"))


def test_a_log_file_is_bounded(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_MAX_BYTES", 10_000)
    chatty = "import time\nwhile True: print('x' * 999, flush=True); time.sleep(0.001)"
    supervisor.launch(ProcessSpec("chatty", (sys.executable, "-c", chatty), ready=lambda: True))
    log = supervisor._log_dir / "chatty.log"
    until(supervisor, (supervisor._log_dir / "chatty.log.1").exists)
    until(supervisor, lambda: log.exists() and log.stat().st_size < 200_000)
