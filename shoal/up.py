"""The box as running processes: what to start, in which order, and how each is known to be ready.

broker | postgres -> provision; pipeline, api, edges and simulator start beside them and wait by themselves.
"""

from __future__ import annotations

import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

import structlog

from shoal.box import BoxConfig, BoxFolder
from shoal.children import child_environment
from shoal.service_user import place, service_account
from shoal.supervisor import ProcessSpec, Supervisor

log = structlog.get_logger()


class Progress(Protocol):
    """Who is told how the start goes."""

    def started(self, name: str) -> None:
        """A process or step begins."""

    def ready(self, name: str, seconds: float) -> None:
        """It is ready."""


class Box:
    """All processes of one box.

    Args:
        folder: its folder, created and locked.
        config: what was decided, saved in the folder.
    """

    def __init__(self, folder: BoxFolder, config: BoxConfig) -> None:
        self.folder = folder
        self.config = config
        self.supervisor = Supervisor(folder.state_file, folder.logs)

    @property
    def address(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.config.ports['http']}/"

    def start(self, progress: Progress, *, while_waiting: Callable[[], None] = lambda: None) -> None:
        """Start everything; returns when all of it is ready.

        Raises:
            ConfigurationError: a process refused its settings.
            StartError: a process did not start. What runs already must be stopped by the caller.
        """
        embedded = self.config.database_url is None
        first = ["broker", *(["postgres"] if embedded else [])]
        # These wait for broker and database by themselves, so they load their libraries meanwhile.
        early = [
            "pipeline",
            "api",
            *(["simulator"] if self.config.demo is not None else []),
            *self._controller(),
            *self.config.edges,
        ]
        self._launch([*first, *early], progress)
        self._await([*first], progress, while_waiting)
        began = time.monotonic()
        progress.started("provision")
        self.supervisor.run_once(self._spec("provision"))
        progress.ready("provision", time.monotonic() - began)
        self._await(early, progress, while_waiting)

    def _controller(self) -> list[str]:
        """Rollouts need releases to choose among and a key to assign them with."""
        return ["rollouts"] if self.config.repository is not None and self.config.assigner_key is not None else []

    def stop(self) -> None:
        """Stop everything in reverse order; safe twice."""
        self.supervisor.stop_all()

    @property
    def database_elsewhere(self) -> str | None:
        """Where the embedded database is, when its user could not reach the box's folder."""
        where = place(self.folder.database, service_account())
        return None if where == self.folder.database or self.config.database_url else str(where)

    def _launch(self, names: list[str], progress: Progress) -> None:
        for name in names:
            self.folder.ready_file(name).unlink(missing_ok=True)
            progress.started(name)
            self.supervisor.launch(self._spec(name))

    def _await(self, names: list[str], progress: Progress, while_waiting: Callable[[], None]) -> None:
        began = time.monotonic()
        for name in names:
            self.supervisor.wait_ready(name, while_waiting=while_waiting)
            progress.ready(name, time.monotonic() - began)

    def _spec(self, name: str) -> ProcessSpec:
        return replace(self._described(name), environment=child_environment())

    def _described(self, name: str) -> ProcessSpec:
        command = (sys.executable, "-m", "shoal.process", name, "--data-dir", str(self.folder.root))
        ports = self.config.ports
        if name == "broker":
            return ProcessSpec(name, command, ready=partial(answers, ports["mqtt"]))
        if name == "postgres":
            return ProcessSpec(
                name,
                command,
                ready=partial(answers, ports["postgres"]),
                start_timeout_s=None,
                stop_signal=signal.SIGINT,
                stop_timeout_s=30,
            )
        if name == "provision":
            return ProcessSpec(name, command, ready=lambda: True, start_timeout_s=None)
        if name == "api":
            return ProcessSpec(name, command, ready=partial(is_ok, f"http://127.0.0.1:{ports['http']}/ready"))
        return ProcessSpec(name, command, ready=self.folder.ready_file(name).exists)


def answers(port: int) -> bool:
    """Whether somebody accepts connections on 127.0.0.1 at this port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def is_ok(url: str) -> bool:
    """Whether a GET of this local address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  (our own http address)
            return bool(response.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
