"""An archive into a box: unpack beside the place -> prove -> move into place -> ``box.json`` last.

Nothing is overwritten. A folder that holds a box is refused, or its parts are moved aside first. An outbox that is still on the
disk is newer than the archive's and stays: its messages are what the database is missing.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from contracts.errors import ConfigurationError
from edge.outbox.file import mark_copied
from shoal.backup import database
from shoal.backup.archive import DamagedArchiveError, extract
from shoal.backup.manifest import BackupManifest
from shoal.box import BoxConfig, BoxFolder
from shoal.embedded_postgres import EmbeddedPostgres, find_binaries, major_version

Say = Callable[[str], None]


@dataclass(frozen=True)
class Restored:
    """What a restore did."""

    manifest: BackupManifest
    kept: tuple[str, ...]
    """Agents whose outbox was on the disk and stayed."""
    aside: Path | None
    """Where the parts of the box before were moved to."""


@dataclass(frozen=True)
class Rehearsed:
    """What a started copy of an archive's database holds."""

    manifest: BackupManifest
    schema_revision: str | None
    rows: dict[str, int]
    """Rows by table, for the tables that a farm would miss."""


def restore(
    archive: Path, data_dir: Path, *, now: datetime, replace: bool = False, say: Say = lambda _: None
) -> Restored:
    """Make the box of an archive.

    Args:
        archive: file written by ``save``.
        data_dir: the box's folder; made when it is missing.
        now: UTC, for the name of what is moved aside.
        replace: move a box that is there aside instead of refusing.
        say: told of every step.

    Raises:
        ConfigurationError: there is a box, it runs, or the binaries are of another PostgreSQL.
        DamagedArchiveError: the archive is not whole; nothing was changed.
    """
    folder = BoxFolder(data_dir)
    folder.create()
    with folder.lock(), tempfile.TemporaryDirectory(dir=folder.root, prefix=".restore-") as temporary:
        scratch = Path(temporary)
        present = _present(folder)
        if present and not replace:
            raise ConfigurationError(
                "data_dir", str(folder.root), f"It holds {present[0].name}; add --replace to move that aside first"
            )
        say("unpacking and proving")
        manifest = extract(archive, scratch)
        config = _proven(scratch, manifest)
        aside = _move_aside(folder, present, now) if present else None
        say("pictures, keys and settings")
        kept = _place_edges(folder, scratch, manifest)
        config_file = scratch / "box" / folder.config_file.name
        moved = config.model_copy(
            update={"edges": {edge.name: str(folder.root / edge.config) for edge in manifest.edges}}
        )
        config_file.unlink()
        _merge(scratch / "box", folder.root)
        if manifest.database:
            say("database")
            _place_database(folder, scratch / "database")
        folder.save(moved)
    return Restored(manifest, kept, aside)


def rehearse(archive: Path, scratch: Path | None = None) -> Rehearsed:
    """Restore into a scratch folder, start the database and count; the folder is removed.

    Raises:
        DamagedArchiveError: the archive is not whole.
        DatabaseCopyError: its database does not start.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="shoal-rehearsal-") as temporary:
        root = Path(temporary)
        root.chmod(0o755)  # the database's own user walks through it
        folder = BoxFolder(root)
        manifest = extract(archive, root / "unpacked")
        config = _proven(root / "unpacked", manifest)
        if not manifest.database:
            return Rehearsed(manifest, None, {})
        _place_database(folder, root / "unpacked" / "database")
        config = config.model_copy(update={"ports": {**config.ports, "postgres": _free_port()}, "edges": {}})
        folder.save(config)
        try:
            with database.server_of(folder, config) as server, psycopg.connect(server.url) as connection:
                return Rehearsed(manifest, database.schema_revision(server.url), _rows(connection))
        finally:
            shutil.rmtree(EmbeddedPostgres(folder.database, port=0, password="").data_dir, ignore_errors=True)


def _rows(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, int]:
    """Exact rows of every ordinary table; partitions count in the table that they are part of."""
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace ORDER BY relname"
    ).fetchall()
    counted = {}
    for (name,) in tables:
        found = connection.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(str(name))))
        row = found.fetchone()
        counted[str(name)] = int(str(row[0])) if row else 0
    return counted


def _present(folder: BoxFolder) -> list[Path]:
    """Parts of a box that a restore would overwrite; pictures and outboxes are joined instead."""
    data_dir = EmbeddedPostgres(folder.database, port=0, password="").data_dir
    return [path for path in (folder.config_file, data_dir) if path.exists()]


def _proven(scratch: Path, manifest: BackupManifest) -> BoxConfig:
    config = BoxFolder(scratch / "box").load()
    if config is None:
        raise DamagedArchiveError("it has no box.json, so it is not the backup of a box")
    if manifest.database:
        ours = major_version(find_binaries(os.environ))
        if manifest.postgres_major != ours:
            raise ConfigurationError(
                "archive",
                f"PostgreSQL {manifest.postgres_major}",
                f"The binaries here are {ours}; set SHOAL_PG_BIN to those of {manifest.postgres_major}",
            )
        database.verify(scratch / "database")
    return config


def _move_aside(folder: BoxFolder, present: list[Path], now: datetime) -> Path:
    aside = folder.root / f"before-restore-{now:%Y%m%dT%H%M%SZ}"
    aside.mkdir()
    for path in present:
        shutil.move(str(path), aside / path.name)
    return aside


def _place_edges(folder: BoxFolder, scratch: Path, manifest: BackupManifest) -> tuple[str, ...]:
    kept = []
    for edge in manifest.edges:
        source = scratch / "edges" / edge.name
        data_dir = folder.root / edge.data_dir
        config = folder.root / edge.config
        if (source / "edge.yaml").exists() and not config.exists():
            config.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(str(source / "edge.yaml"), config)
        if (data_dir / "outbox.db").exists():
            kept.append(edge.name)
            continue
        if not (source / "data").is_dir():
            continue
        outbox = source / "data" / "outbox.db"
        if outbox.exists():
            mark_copied(outbox)
        _merge(source / "data", data_dir)
        _give_to_owner_of(data_dir.parent, data_dir)
    return tuple(kept)


def _place_database(folder: BoxFolder, source: Path) -> None:
    server = EmbeddedPostgres(folder.database, port=0, password="")
    (source / "backup_manifest").unlink()
    source.chmod(0o700)
    if server.account is not None:
        for path in (source, *source.rglob("*")):
            os.chown(path, server.account.uid, server.account.gid)
    server.data_dir.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(str(source), server.data_dir)


def _merge(source: Path, target: Path) -> None:
    """Move files into a tree; what is there under the same name is replaced."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_dir():
            _merge(path, target / path.name)
        else:
            shutil.move(str(path), target / path.name)


def _give_to_owner_of(example: Path, tree: Path) -> None:
    if os.geteuid() != 0:
        return
    status = example.stat()
    for path in (tree, *tree.rglob("*")):
        os.chown(path, status.st_uid, status.st_gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
