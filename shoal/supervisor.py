"""Keeps a fixed set of processes running: starts them in order, restarts the dead, stops all in reverse.

Each child is a session of its own, so that Ctrl-C reaches the supervisor alone, and asks the kernel to die with it.
Everything happens on the caller's thread: ``start`` what is needed, call ``check`` in a loop, ``stop_all`` at the end.
``processes.json`` always says which process has which id.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog

from contracts.errors import ConfigurationError, ShoalError

log = structlog.get_logger()

RESTART_MIN_S, RESTART_MAX_S = 0.2, 10.0
"""Wait before a restart: doubles while a child keeps dying, starts anew after it has lived for a while."""
LIVED_S = 30.0
LOG_MAX_BYTES = 5_000_000
"""A log file is moved to ``.1`` beyond this, so a process keeps at most twice as much."""
POLL_S = 0.05
CONFIGURATION_EXIT = 2
"""Exit status of a child whose settings cannot be used; trying again would not help."""


class StartError(ShoalError):
    """A process did not become ready; the message carries the end of its log."""


@dataclass(frozen=True)
class ProcessSpec:
    """How one process is started, known to be ready, and stopped."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    """Cheap check, asked every 50 ms until it is true."""
    start_timeout_s: float | None = 60.0
    """None waits as long as it takes: a database in recovery must not be hurried."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to our own."""


@dataclass
class _Child:
    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0
    failures: int = 0
    exit_status: int | None = None
    """Of its latest death."""
    restart_at: float | None = None


class Supervisor:
    """Parent of all processes of one box.

    Args:
        state_file: JSON of name to process id, rewritten at every change.
        log_dir: one log file per process.
        now: monotonic clock in seconds.
    """

    def __init__(self, state_file: Path, log_dir: Path, *, now: Callable[[], float] = time.monotonic) -> None:
        self._state_file = state_file
        self._log_dir = log_dir
        self._now = now
        self._children: dict[str, _Child] = {}

    @property
    def restarts(self) -> int:
        """How often any process had to be started again."""
        return sum(child.restarts for child in self._children.values())

    @property
    def running(self) -> dict[str, int]:
        """Ids of the processes that run, by name."""
        return {
            name: child.process.pid
            for name, child in self._children.items()
            if child.process is not None and child.process.poll() is None
        }

    def launch(self, spec: ProcessSpec) -> None:
        """Start a process without waiting; from now on it is restarted whenever it dies."""
        child = _Child(spec)
        self._children[spec.name] = child
        self._spawn(child)

    def wait_ready(self, name: str, *, while_waiting: Callable[[], None] = lambda: None) -> None:
        """Wait until a launched process is ready; all others are looked after meanwhile.

        Raises:
            ConfigurationError: it refused its settings (exit status 2).
            StartError: it was not ready in its time, or died again and again.
        """
        child = self._children[name]
        limit = child.spec.start_timeout_s
        deadline = None if limit is None else self._now() + limit
        while True:
            while_waiting()
            self.check()
            if child.exit_status == CONFIGURATION_EXIT:
                raise ConfigurationError(name, "its settings", self._tail(child, lines=1))
            if child.failures > 3:  # noqa: PLR2004  (three tries tell a fault from bad luck)
                raise StartError(self._epitaph(child, f"ended with status {child.exit_status}"))
            if child.process is not None and child.process.poll() is None and child.spec.ready():
                return
            if deadline is not None and self._now() > deadline:
                raise StartError(self._epitaph(child, f"was not ready within {limit:.0f} s"))
            time.sleep(POLL_S)

    def run_once(self, spec: ProcessSpec) -> None:
        """Run a step that ends by itself, such as migrations.

        Raises:
            ConfigurationError: it refused its settings; the last line of its log is the reason.
            StartError: it failed or took too long.
        """
        child = _Child(spec)
        self._spawn(child)
        assert child.process is not None  # noqa: S101  (just spawned)
        deadline = None if spec.start_timeout_s is None else self._now() + spec.start_timeout_s
        while (code := child.process.poll()) is None:
            if deadline is not None and self._now() > deadline:
                self._end(child)
                raise StartError(self._epitaph(child, f"did not end within {spec.start_timeout_s:.0f} s"))
            self.check()
            time.sleep(POLL_S)
        if code == CONFIGURATION_EXIT:
            raise ConfigurationError(spec.name, "its settings", self._tail(child, lines=1))
        if code != 0:
            raise StartError(self._epitaph(child, f"ended with status {code}"))

    def check(self) -> None:
        """Look after all processes once: restart the dead when their wait is over, keep logs bounded."""
        now = self._now()
        for child in self._children.values():
            if child.process is None:
                if child.restart_at is not None and now >= child.restart_at:
                    child.restarts += 1
                    self._spawn(child)
                continue
            code = child.process.poll()
            if code is None:
                self._bound_log(child)
            else:
                self._died(child, code, now)

    def stop(self, name: str) -> None:
        """Stop one process and forget it; its restarts stay counted. Nothing happens when there is no such process."""
        child = self._children.get(name)
        if child is not None:
            child.restart_at = None
            self._end(child)
            child.process = None
            self._write_state()

    def stop_all(self) -> None:
        """Stop everything, the last started first; safe twice."""
        for name in reversed(list(self._children)):
            self.stop(name)
        self._state_file.unlink(missing_ok=True)

    def _died(self, child: _Child, code: int, now: float) -> None:
        lived = now - child.started_at
        child.failures = 1 if lived > LIVED_S else child.failures + 1
        wait = min(RESTART_MIN_S * 2 ** (child.failures - 1), RESTART_MAX_S)
        child.process, child.exit_status, child.restart_at = None, code, now + wait
        log.warning("process died", process=child.spec.name, status=code, lived_s=round(lived, 1), restart_in_s=wait)
        self._write_state()

    def _spawn(self, child: _Child) -> None:
        spec = child.spec
        self._log_dir.mkdir(parents=True, exist_ok=True)
        with self._log_path(child).open("ab") as output:
            child.process = subprocess.Popen(
                spec.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **spec.environment},
                start_new_session=True,
            )
        child.started_at, child.restart_at = self._now(), None
        self._write_state()

    def _end(self, child: _Child) -> None:
        process = child.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(child.spec.stop_signal)
        try:
            process.wait(child.spec.stop_timeout_s)
        except subprocess.TimeoutExpired:
            log.warning("process did not stop in time and was killed", process=child.spec.name)
            process.kill()
            process.wait()

    def _write_state(self) -> None:
        state = {"supervisor": os.getpid(), **self.running}
        temporary = self._state_file.with_suffix(".new")
        temporary.write_text(json.dumps(state, indent=1))
        temporary.replace(self._state_file)

    def _log_path(self, child: _Child) -> Path:
        return self._log_dir / f"{child.spec.name}.log"

    def _bound_log(self, child: _Child) -> None:
        path = self._log_path(child)
        try:
            if path.stat().st_size <= LOG_MAX_BYTES:
                return
            # The child appends to this very file, so it is copied and emptied rather than moved.
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
        except OSError as error:
            log.warning("log file not rotated", file=str(path), error=str(error))

    def _tail(self, child: _Child, *, lines: int) -> str:
        try:
            with self._log_path(child).open("rb") as file:
                _seek_near_end(file, 20_000)
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.strip().splitlines()[-lines:])

    def _epitaph(self, child: _Child, what: str) -> str:
        return f"process {child.spec.name} {what}; the end of {self._log_path(child)}:\n{self._tail(child, lines=15)}"


def _seek_near_end(file: IO[bytes], distance: int) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - distance))
