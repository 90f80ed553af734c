"""A box into an archive, while it runs: outboxes -> database -> everything else of its folder -> manifest.

The order makes the parts agree without stopping anything (see the package). Left out is what the next start makes by itself:
logs, process ids, copied binaries, engines built for this very board.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.errors import ConfigurationError
from edge.settings import EdgeSettings, load_settings
from shoal import __version__
from shoal.backup import database
from shoal.backup.archive import ArchiveWriter, written_whole
from shoal.backup.manifest import ArchivedEdge, BackupManifest
from shoal.box import BoxConfig, BoxFolder
from shoal.embedded_postgres import EmbeddedPostgres

MADE_BY_THE_NEXT_START = {"run", "logs", "lock", "processes.json", "database"}
NOT_OF_AN_EDGE = {"engines"}
"""Engines are built for the board that runs them, and take minutes to copy."""
PREFIX, SUFFIX = "shoal-", ".tar.zst"
_SQLITE = b"SQLite format 3\x00"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Saved:
    """What was written where."""

    path: Path
    manifest: BackupManifest


def save(data_dir: Path, target: Path, *, now: datetime, say: Say = lambda _: None) -> Saved:
    """Write one archive.

    Args:
        data_dir: the box's folder.
        target: a folder, in which the archive is named by its time, or the archive's own path.
        now: UTC, for the name and the manifest.
        say: told of every step.

    Raises:
        ConfigurationError: there is no box, or no room for the archive.
        DatabaseCopyError: the database could not be copied or proven.
    """
    folder = BoxFolder(data_dir)
    config = folder.loaded()
    path = target / f"{PREFIX}{now:%Y%m%dT%H%M%SZ}{SUFFIX}" if target.is_dir() else target
    _has_room(folder, config, path)
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".shoal-backup-") as scratch,
        written_whole(path) as file,
        _at_rest(folder, config),
    ):
        writer = ArchiveWriter(file)
        edges = []
        for name, config_file in config.edges.items():
            say(f"outbox and state of {name}")
            edges.append(_edge(writer, folder, name, Path(config_file), Path(scratch)))
        revision = None
        if config.database_url is None:
            say("database")
            revision = _database(writer, folder, config, Path(scratch))
        say("pictures, keys and settings")
        _box(writer, folder, [_absolute(folder, edge.data_dir) for edge in edges], Path(scratch))
        manifest = BackupManifest(
            made_at=now,
            shoal_version=__version__,
            database=config.database_url is None,
            postgres_major=_major(folder, config),
            schema_revision=revision,
            edges=tuple(edges),
            files=tuple(writer.files),
        )
        writer.close(manifest)
    return Saved(path, manifest)


def prune(folder: Path, *, keep: int) -> list[Path]:
    """Remove the oldest archives of a folder but for ``keep``; their names sort by time."""
    archives = sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))
    surplus = archives[: max(0, len(archives) - max(1, keep))]
    for path in surplus:
        path.unlink()
    return surplus


def inside(folder: BoxFolder, path: Path) -> str:
    """A path as the archive keeps it: relative when it is below the box's folder."""
    absolute = path.absolute()
    return str(absolute.relative_to(folder.root)) if absolute.is_relative_to(folder.root) else str(absolute)


def _absolute(folder: BoxFolder, path: str) -> Path:
    return folder.root / path  # an absolute second part replaces the first


@contextlib.contextmanager
def _at_rest(folder: BoxFolder, config: BoxConfig) -> Iterator[None]:
    """Where no box runs, see that none starts meanwhile."""
    server = EmbeddedPostgres(folder.database, port=config.ports.get("postgres", 0), password=config.database_password)
    if config.database_url is not None or server.is_ready():
        yield
        return
    with folder.lock():
        yield


def _database(writer: ArchiveWriter, folder: BoxFolder, config: BoxConfig, scratch: Path) -> str | None:
    copy = scratch / "database"
    with database.server_of(folder, config) as server:
        revision = database.schema_revision(server.url)
        database.base_backup(config, copy)
    writer.add_tree(copy, "database")
    shutil.rmtree(copy)
    return revision


def _edge(writer: ArchiveWriter, folder: BoxFolder, name: str, config_file: Path, scratch: Path) -> ArchivedEdge:
    settings: EdgeSettings = load_settings(config_file)
    waiting = 0
    if settings.data_dir.is_dir():
        # The outbox first: what leaves it from now on is in the database that is copied next.
        files = sorted(_files(settings.data_dir, NOT_OF_AN_EDGE), key=lambda path: path != settings.outbox_file)
        for path in files:
            _add(writer, path, f"edges/{name}/data/{path.relative_to(settings.data_dir).as_posix()}", scratch)
        waiting = _waiting(settings.outbox_file)
    if not config_file.absolute().is_relative_to(folder.root):
        writer.add(config_file, f"edges/{name}/edge.yaml")
    return ArchivedEdge(
        name=name, config=inside(folder, config_file), data_dir=inside(folder, settings.data_dir), waiting=waiting
    )


def _box(writer: ArchiveWriter, folder: BoxFolder, edges: list[Path], scratch: Path) -> None:
    for top in sorted(folder.root.iterdir()):
        if top.name in MADE_BY_THE_NEXT_START or top.name.startswith((".", "postgres-binaries-")):
            continue
        for path in [top] if top.is_file() else _files(top, set()):
            if not any(path.is_relative_to(edge) for edge in edges):
                _add(writer, path, f"box/{path.relative_to(folder.root).as_posix()}", scratch)


def _files(folder: Path, without: set[str]) -> Iterator[Path]:
    """Regular files below a folder, without SQLite's own companions and half-written files."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_symlink() or not path.is_file() or parts[0] in without or path.name.startswith("."):
            continue
        if path.name.endswith(("-wal", "-shm", ".ballast")):
            continue
        yield path


def _add(writer: ArchiveWriter, path: Path, name: str, scratch: Path) -> None:
    """One file; a SQLite database through its own online copy, because the file alone is half of the truth."""
    try:
        with path.open("rb") as file:
            is_sqlite = file.read(len(_SQLITE)) == _SQLITE
    except FileNotFoundError:
        return
    if not is_sqlite:
        writer.add(path, name)
        return
    copy = scratch / "copy.db"
    copy.unlink(missing_ok=True)
    with (
        contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as source,
        contextlib.closing(sqlite3.connect(copy)) as destination,
    ):
        source.backup(destination)
        destination.execute("PRAGMA journal_mode = DELETE")  # one file, no companions
    writer.add(copy, name)


def _waiting(outbox: Path) -> int:
    if not outbox.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"{outbox.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as found:
        return int(found.execute("SELECT count(*) FROM message").fetchone()[0])


def _major(folder: BoxFolder, config: BoxConfig) -> int | None:
    if config.database_url is not None:
        return None
    data_dir = EmbeddedPostgres(folder.database, port=0, password="").data_dir
    return int((data_dir / "PG_VERSION").read_text())


def _has_room(folder: BoxFolder, config: BoxConfig, path: Path) -> None:
    """The database lies beside the archive once in full before it is packed."""
    if not path.parent.is_dir():
        raise ConfigurationError(
            "to", str(path), "Its folder does not exist; create it, on another disk if there is one"
        )
    if path.exists():
        raise ConfigurationError("to", str(path), "There is a file already; backups are never overwritten")
    if config.database_url is not None:
        return
    data_dir = EmbeddedPostgres(folder.database, port=0, password="").data_dir
    needed = sum(_size(file) for file in data_dir.rglob("*"))
    free = shutil.disk_usage(path.parent).free
    if free < needed * 1.5:
        raise ConfigurationError(
            "to", str(path.parent), f"It needs {needed * 1.5 / 1e6:.0f} MB free and has {free / 1e6:.0f} MB"
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # temporary files of a running server come and go
        return 0
