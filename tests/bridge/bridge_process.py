"""The bridge as the program that operators run: started, asked over HTTP, killed or asked to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.bridge.farm import eventually
from tests.servers.process import free_port

ROOT = Path(__file__).parents[2]


class BridgeProcess:
    """``python -m bridge`` with settings from a YAML file in ``folder``."""

    def __init__(
        self, folder: Path, *, mqtt_port: int, bootstrap: str, sink: str = "confluent", extra: str = ""
    ) -> None:
        self.health_port = free_port()
        self.config = folder / "bridge.yaml"
        self.log = folder / "bridge.log"
        self.config.write_text(
            f"mqtt_port: {mqtt_port}\nkafka_bootstrap: {bootstrap}\nsink: {sink}\nmetrics_port: {self.health_port}\n"
            f"mqtt_reconnect_max_s: 1\nretry_max_s: 0.5\nkafka_delivery_timeout_s: 5\n{extra}"
        )
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it is ready."""
        self.launch()
        eventually(lambda: self.get("/readyz")[0] == 200, f"the bridge is ready; see {self.log}")

    def launch(self) -> None:
        """Start without waiting."""
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "bridge", "--config", str(self.config)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As Kubernetes does; returns the exit code."""
        return self._end(signal.SIGTERM)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 while nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def obstacles(self) -> list[str]:
        """What it says keeps it from forwarding."""
        body = self.get("/readyz")[1]
        obstacles: list[str] = json.loads(body)["obstacles"] if body else []
        return obstacles

    def metric(self, name: str) -> float:
        """Value of one metric without labels."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"shoal_bridge_{name} "):
                return float(line.split()[1])
        return -1.0

    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        assert self.child is not None
        pages = int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _end(self, number: signal.Signals) -> int:
        if self.child is None:
            return 0
        child, self.child = self.child, None
        child.send_signal(number)
        return child.wait(20)
