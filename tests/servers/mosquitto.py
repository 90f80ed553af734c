"""Mosquitto from the distribution: the MQTT broker of the cluster tests."""

from __future__ import annotations

import os
from pathlib import Path

from tests.servers.presence import ROOT
from tests.servers.process import Server, program

SHIPPED = ROOT / "deploy" / "mosquitto"


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


class ShippedMosquitto(Mosquitto):
    """The broker as ``deploy/mosquitto`` ships it, with certificates and ACL from a folder; only its places are changed.

    Args:
        certificates: folder with ca.pem, broker.pem, broker.key and acl.
    """

    def __init__(self, folder: Path, certificates: Path, *, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self._certificates = certificates

    def command(self) -> list[str]:
        """Write the shipped mosquitto.conf with our places, and start with it."""
        command = super().command()
        path = Path(command[-1])
        user = [line for line in path.read_text().splitlines() if line.startswith("user ")]
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        shipped = (SHIPPED / "mosquitto.conf").read_text()
        for theirs, ours in (
            ("listener 8883\n", f"listener {self.port} 127.0.0.1\n"),
            ("/mosquitto/config/", f"{self._certificates}/"),
            ("/mosquitto/data/", f"{data}/"),
        ):
            assert theirs in shipped, theirs
            shipped = shipped.replace(theirs, ours)
        path.write_text("\n".join([*user, "log_dest stdout", shipped]))
        return command
