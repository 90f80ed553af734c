"""Redis from the distribution, in memory only."""

from __future__ import annotations

import contextlib
import socket

from tests.servers.process import Server, program


class Redis(Server):
    """A Redis that forgets everything when it stops."""

    name = "redis"
    start_timeout_s = 10.0

    @property
    def url(self) -> str:
        """Connection URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Start without snapshots or an append-only file."""
        binary = program("redis-server", "apt-get install redis-server")
        return [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def ready(self) -> bool:
        """Whether PING is answered: the port opens a moment earlier."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as link:
            link.sendall(b"PING\r\n")
            return link.recv(16).startswith(b"+PONG")
        return False
