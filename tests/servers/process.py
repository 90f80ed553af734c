"""One server as a child process: start, wait until it answers, stop or kill, start again on the same port.

A server has its own process group and dies with its parent, so an interrupted test run leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path

from tests.servers.presence import MissingServerError

POLL_S = 0.05


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether something listens on 127.0.0.1:``port``."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


def program(name: str, remedy: str) -> str:
    """Path of an installed program, also where a plain user's PATH does not look.

    Raises:
        MissingServerError: it is nowhere.
    """
    places = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin")
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise MissingServerError(f"{name} is not installed; {remedy}")
    return found


class Server(ABC):
    """A server on a free port of 127.0.0.1, with its data and log in ``folder``."""

    name = "server"
    start_timeout_s = 60.0

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.host = "127.0.0.1"
        self.log = folder / f"{self.name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Prepare ``folder`` and return the argument list that starts the server."""

    def ready(self) -> bool:
        """Whether the server answers."""
        return accepts(self.port)

    def environment(self) -> dict[str, str]:
        """Environment of the child."""
        return dict(os.environ)

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._child is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._child.pid

    def start(self) -> float:
        """Start and wait until it answers; returns the seconds that took.

        Raises:
            MissingServerError: it ended or did not answer in time; the message carries the end of its log.
        """
        began = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = self.command()
        if shutil.which("setpriv"):  # the kernel ends the server when the test run is killed
            arguments = ["setpriv", "--pdeathsig", "TERM", *arguments]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                arguments,
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not self.ready():
            if self._child.poll() is not None:
                raise MissingServerError(f"{self.name} ended with {self._child.returncode}:\n{self.log_tail()}")
            if time.monotonic() - began > self.start_timeout_s:
                self.kill()
                raise MissingServerError(f"{self.name} did not answer in {self.start_timeout_s} s:\n{self.log_tail()}")
            time.sleep(POLL_S)
        return time.monotonic() - began

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Ask the server to end, then insist. Safe to call twice."""
        if self._child is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._child = None

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._child is None:
            return
        self._signal(signal.SIGKILL)
        self._child.wait()
        self._child = None
        deadline = time.monotonic() + self.start_timeout_s
        while accepts(self.port) and time.monotonic() < deadline:  # a child of the child may still hold the port
            time.sleep(POLL_S)

    def restart(self) -> float:
        """Stop, then start on the same port with the same data."""
        self.stop()
        return self.start()

    def log_tail(self, lines: int = 30) -> str:
        """The last lines the server wrote."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)
