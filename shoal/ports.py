"""TCP ports of a box on 127.0.0.1: chosen once, remembered, and claimed so that two boxes never choose the same.

Between choosing a port and listening on it pass seconds, in which another box may choose too; so every box holds a lock
file per port for as long as it runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import IO

from contracts.errors import ConfigurationError

PREFERRED = {"http": 8080, "mqtt": 1883, "postgres": 5433, "cameras": 8554, "bridge": 9464}
EDGES = 9600
"""First port of the edges' local pages."""
TRIED = 100
"""Ports after the usual one that are tried in turn."""
PATIENCE_S = 6.0
"""How long to wait for the ports of a box that was killed and is still going down."""


class PortClaims:
    """The ports that this process holds until ``close``."""

    def __init__(self) -> None:
        self._held: dict[int, IO[bytes]] = {}
        self._folder = Path(tempfile.gettempdir()) / "shoal-ports"

    def close(self) -> None:
        """Give all ports back."""
        for file in self._held.values():
            file.close()
        self._held.clear()

    def claim(self, name: str, *, wanted: int | None = None, remembered: int | None = None) -> int:
        """The port that the user wants, or the remembered one if it is free, or the usual one or one after it.

        Raises:
            ConfigurationError: the wanted one is in use.
        """
        if wanted is not None:
            if not (self._take_soon(wanted) if wanted == remembered else self._take(wanted)):
                raise ConfigurationError(
                    f"{name}_port", wanted, "Another program listens there. Stop it, or choose another port"
                )
            return wanted
        if remembered is not None and self._take_soon(remembered):
            return remembered
        usual = PREFERRED.get(name, EDGES)
        for port in range(usual, usual + TRIED):
            if self._take(port):
                return port
        raise ConfigurationError(
            f"{name}_port", f"{usual} to {usual + TRIED - 1}", "All of them are in use. Stop some of what listens there"
        )

    def _take_soon(self, port: int) -> bool:
        deadline = time.monotonic() + PATIENCE_S
        while not self._take(port):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _take(self, port: int) -> bool:
        if port in self._held:
            return False
        lock = self._lock(port)
        if lock is None:
            return False
        if not is_free(port):
            lock.close()
            return False
        self._held[port] = lock
        return True

    def _lock(self, port: int) -> IO[bytes] | None:
        try:
            self._folder.mkdir(exist_ok=True)
            with contextlib.suppress(PermissionError):
                self._folder.chmod(0o1777)  # every user's boxes meet here
            file = os.fdopen(os.open(self._folder / str(port), os.O_RDWR | os.O_CREAT, 0o666), "rb")
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        return file


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1 at this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
