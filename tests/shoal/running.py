"""Runs the real ``shoal`` command for tests, and watches the processes that it starts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the database's own user can reach; pytest's are private to root."""
    folder = Path(tempfile.mkdtemp(prefix="shoal-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment() -> dict[str, str]:
    """Ours, with the checkout importable."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def shoal(*arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "shoal", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(),
    )


class Demo:
    """A running ``shoal demo``."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.data_dir = data_dir
        self._log = (data_dir.parent / f"{data_dir.name}.out").open("a+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shoal", "demo", "--data-dir", str(data_dir), *arguments],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment(),
        )

    @property
    def output(self) -> str:
        """Everything that it printed."""
        self._log.seek(0)
        return self._log.read()

    @property
    def processes(self) -> dict[str, int]:
        """Ids by name, without the supervisor."""
        try:
            state = json.loads((self.data_dir / "processes.json").read_text())
        except (OSError, ValueError):
            return {}
        state.pop("supervisor", None)
        return {str(name): int(pid) for name, pid in state.items()}

    def wait_until_running(self) -> None:
        """Until the panel with the address is printed."""
        self.wait_for(lambda: "Shoal is running" in self.output, START_S)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Until the condition holds, while the demo lives."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert self.process.poll() is None, f"the demo ended: {self.output}{self.logs()}"
            assert time.monotonic() < deadline, f"waited {timeout_s} s in vain: {self.output}{self.logs()}"
            time.sleep(0.1)

    def kill_and_wait_for_another(self, name: str, timeout_s: float = 20) -> None:
        """Kill -9 one process, and see the supervisor start it again."""
        pid = self.processes[name]
        os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: self.processes.get(name, pid) != pid, timeout_s)

    def finish(self, timeout_s: float = 120) -> int:
        """Wait for the end; the exit status."""
        return self.process.wait(timeout_s)

    def logs(self) -> str:
        """The ends of all log files, for a failure's message."""
        files = sorted((self.data_dir / "logs").glob("*.log"))
        return "".join(f"\n--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in files)

    def close(self) -> None:
        """Whatever happened, leave nothing running."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()


@contextlib.contextmanager
def running_demo(data_dir: Path, *arguments: str) -> Iterator[Demo]:
    """A demo that is stopped at the end whatever happens."""
    demo = Demo(data_dir, *arguments)
    try:
        yield demo
    finally:
        demo.close()


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Every process on this machine that was started for this folder."""
    mine = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and str(data_dir) in " ".join(process.cmdline()):
                mine.append(process)
    return mine
