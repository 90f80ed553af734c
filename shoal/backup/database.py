"""The embedded database in a backup: a base backup taken from the running server, proven by PostgreSQL's own tools.

A box that is stopped gets its server for as long as the copy takes. ``pg_basebackup`` brings the log that makes the copy
consistent; ``pg_verifybackup`` compares every file with its manifest and reads that log.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from contracts.errors import ConfigurationError, ShoalError
from shoal.box import BoxConfig, BoxFolder
from shoal.children import child_environment
from shoal.embedded_postgres import SUPERUSER, EmbeddedPostgres, find_binaries
from shoal.up import answers

START_S = 300.0
"""Recovery after a power cut or from a base backup may take minutes."""


class DatabaseCopyError(ShoalError):
    """PostgreSQL's tools refused; their words are in the message."""


def base_backup(config: BoxConfig, target: Path) -> None:
    """Copy the running server's data directory with the log that makes it consistent.

    Raises:
        DatabaseCopyError: the copy failed or did not verify.
    """
    environment = {**os.environ, "PGPASSWORD": config.database_password, "PGCONNECT_TIMEOUT": "10"}
    where = ["--host=127.0.0.1", f"--port={config.ports['postgres']}", f"--username={SUPERUSER}", "--no-password"]
    how = ["--checkpoint=fast", "--wal-method=stream", "--manifest-checksums=SHA256", "--no-sync"]
    _run("pg_basebackup", f"--pgdata={target}", *where, *how, environment=environment)
    verify(target)


def verify(data_dir: Path) -> None:
    """Prove a base backup: every file against its manifest, and the log up to the end.

    Raises:
        DatabaseCopyError: it is not whole.
    """
    _run("pg_verifybackup", "--exit-on-error", "--quiet", str(data_dir), environment=dict(os.environ))


def schema_revision(url: str) -> str | None:
    """Alembic's version of the running database; None before its first migration."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return None
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if found is None else str(found[0])


@contextlib.contextmanager
def server_of(folder: BoxFolder, config: BoxConfig) -> Iterator[EmbeddedPostgres]:
    """The box's database server: the one that runs, or one for the time being.

    Raises:
        DatabaseCopyError: it does not start.
    """
    server = EmbeddedPostgres(folder.database, port=config.ports["postgres"], password=config.database_password)
    if server.is_ready():
        yield server
        return
    if answers(config.ports["postgres"]):
        raise ConfigurationError(
            "data_dir", str(folder.root), f"Port {config.ports['postgres']} belongs to another program; stop it first"
        )
    folder.logs.mkdir(parents=True, exist_ok=True)
    log_file = folder.logs / "postgres.log"
    with log_file.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "shoal.process", "postgres", "--data-dir", str(folder.root)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=child_environment(),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_S
        while not server.is_ready():
            if child.poll() is not None or time.monotonic() > deadline:
                end = log_file.read_text(errors="replace")[-1500:]
                raise DatabaseCopyError(f"the database does not start; the end of {log_file}:\n{end}")
            time.sleep(0.1)
        yield server
    finally:
        child.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        try:
            child.wait(60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _run(program: str, *arguments: str, environment: dict[str, str]) -> None:
    path = find_binaries(os.environ) / program
    found = str(path) if path.exists() else shutil.which(program)
    if found is None:
        raise ConfigurationError("SHOAL_PG_BIN", str(path.parent), f"It has no {program}; install PostgreSQL's client")
    done = subprocess.run([found, *arguments], check=False, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise DatabaseCopyError(f"{program}: {(done.stderr or done.stdout).strip()[-1500:]}")
