"""The outbox's SQLite file: opened and proven, set aside when it is not whole, rebuilt from what can still be read.

A box at a fish farm loses power while it writes. SQLite's log makes that harmless on a disk that keeps its word; on others
pages come back torn. Then the old file stays beside the new one for whoever wants to look, and every readable row moves over.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import structlog

from edge.outbox.codec import DamagedBodyError, unpack

log = structlog.get_logger()

SCHEMA_VERSION = 3
"""3: bodies are packed (``codec``), and thinned messages are marked. 2: a timeline with each message. Older files are read; newer ones are set aside."""
KEEP_QUARANTINED = 2
"""Set-aside files that are kept, the newest: a disk that dies slowly must not fill itself with them."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY, priority INTEGER NOT NULL, kind TEXT NOT NULL, boot TEXT NOT NULL, sent_at TEXT NOT NULL,
    trusted INTEGER NOT NULL, items INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL, timeline TEXT,
    thinned INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS message_by_priority ON message (priority, seq, bytes);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_SALVAGED = "priority, kind, boot, sent_at, trusted, items, bytes, body"
_LARGEST_SEQ = 2**62


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts for a new file: it can shrink after an outage
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_proven(path: Path) -> sqlite3.Connection:
    """Open the file, prove that its pages are whole, and bring its tables to this version.

    Raises:
        sqlite3.DatabaseError: itself when the file is corrupt (see ``is_corrupt``), a subclass for what may pass.
    """
    connection = connect(path)
    try:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        _refuse_newer(connection)
        connection.executescript(_SCHEMA)
        for column, kind in (("timeline", "TEXT"), ("thinned", "INTEGER NOT NULL DEFAULT 0")):
            if column not in _columns(connection):
                connection.execute(f"ALTER TABLE message ADD COLUMN {column} {kind}")
        connection.execute(
            "SELECT seq, priority, kind, boot, sent_at, trusted, items, bytes, body FROM message LIMIT 1"
        )
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def is_corrupt(error: Exception) -> bool:
    """SQLITE_CORRUPT and SQLITE_NOTADB come as DatabaseError itself; its subclasses mean other things."""
    return type(error) is sqlite3.DatabaseError


def is_full(error: BaseException | None) -> bool:
    """Whether the disk has no room."""
    return isinstance(error, sqlite3.OperationalError) and "full" in str(error)


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be used, with its log; returns its new name."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    kept = sorted(
        found for found in path.parent.glob(f"{path.name}.corrupt-*") if found.suffix[-4:] not in {"-wal", "-shm"}
    )
    for old in kept[:-KEEP_QUARANTINED]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)
    return target


def mark_copied(path: Path) -> None:
    """Tell a copied file that the original went on: the numbers that it assigned meanwhile are skipped at the next opening.

    Messages keep theirs, so that the store still knows those that it has.
    """
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('machine_boot', 'copied')")


def pairs_in(corrupt: sqlite3.Connection, table: str) -> Iterator[tuple[str, Any]]:
    """Rows of ``counter`` or ``state`` up to the first that cannot be read."""
    with contextlib.suppress(sqlite3.Error):
        yield from corrupt.execute(f"SELECT * FROM {table}")  # noqa: S608  (one of two fixed names)


def messages_in(corrupt: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Messages that can be read and whose bodies are whole, oldest first, the columns after ``seq``; skips bad pages."""
    with contextlib.suppress(sqlite3.Error):
        timeline = "timeline" if "timeline" in _columns(corrupt) else "NULL"
        query = f"SELECT seq, {_SALVAGED}, {timeline} FROM message WHERE seq > ? ORDER BY seq"  # noqa: S608  (fixed texts)
        position, step = 0, 1
        while position < _LARGEST_SEQ:
            try:
                for seq, *message in corrupt.execute(query, (position,)):
                    position, step = seq, 1
                    if _is_whole(message):
                        yield tuple(message)
            except sqlite3.DatabaseError:  # noqa: PERF203  (once per bad page)
                # Every look-up goes down from the root: beyond a bad leaf the next one is found by its number.
                position, step = position + step, step * 2
            else:
                return


def _is_whole(message: list[Any]) -> bool:
    body = message[7]
    if not isinstance(body, bytes) or not all(isinstance(number, int) for number in (message[0], *message[4:7])):
        return False
    try:
        unpack(body)
    except DamagedBodyError:
        return False
    return True


def _columns(connection: sqlite3.Connection) -> set[str]:
    return {column[1] for column in connection.execute("PRAGMA table_info(message)")}


def _refuse_newer(connection: sqlite3.Connection) -> None:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return
    found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if found is not None and not (found[0].isdigit() and int(found[0]) <= SCHEMA_VERSION):
        raise sqlite3.DatabaseError(f"the file has version {found[0]}; this agent knows up to {SCHEMA_VERSION}")
