"""Mosquitto from the distribution: the MQTT broker of the cluster tests."""

from __future__ import annotations

import os
from pathlib import Path

from tests.servers.process import Server, program


class Mosquitto(Server):
    """Anonymous broker with persistence, so that a restart keeps sessions, retained and queued messages.

    Args:
        folder: where its configuration, log and database live.
        port: fixed port, or None for a free one.
        configuration: extra lines of mosquitto.conf (a TLS listener, a password file).
    """

    name = "mosquitto"
    start_timeout_s = 10.0

    def __init__(self, folder: Path, *, port: int | None = None, configuration: str = "") -> None:
        super().__init__(folder, port=port)
        self.configuration = configuration

    def command(self) -> list[str]:
        """Write mosquitto.conf and start with it."""
        binary = program("mosquitto", "apt-get install mosquitto")
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self.folder}/",
            "autosave_interval 1",
            "max_inflight_messages 1000",
            "max_queued_messages 200000",
            "log_dest stdout",
            "log_type error",
            "log_type warning",
            "log_type notice",
        ]
        if os.getuid() == 0:
            lines.append("user root")  # otherwise it drops to a user that cannot write into the test folder
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join([*lines, self.configuration, ""]))
        return [binary, "-c", str(path)]
