"""Durable numbers for adapted messages: each source counts from 1 without gaps, and a known message keeps its number.

One small SQLite file per replica. A batch is one transaction and is on disk before the batch goes to the sink, so after a
crash a number never names two messages. The file has a name of its own that is part of every stream's: a file that
was lost or copied from nowhere starts new streams instead of using numbers twice.
"""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from typing import TYPE_CHECKING

from bridge.errors import NumbersUnavailableError
from contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

REMEMBERED = 100_000
"""Messages per source whose number is remembered; beyond ten windows of a redelivery, in some MB."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counter (name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS source (name TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    source INTEGER NOT NULL, seq INTEGER NOT NULL, identity BLOB NOT NULL, PRIMARY KEY (source, identity)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS message_seq ON message (source, seq);
"""


class Numbers:
    """Gives numbers; used from one thread at a time.

    Args:
        path: the file; its folder exists.
        remembered: messages of each source that keep their number.

    Raises:
        ConfigurationError: the file cannot be opened.
    """

    def __init__(self, path: Path, *, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")  # a number must outlive a power cut: see above
            self._database.executescript(_SCHEMA)
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "INSERT INTO counter SELECT ? WHERE NOT EXISTS (SELECT 1 FROM counter)", (uuid.uuid4().hex,)
            )
            self._database.execute("COMMIT")
            self.counter: str = self._database.execute("SELECT name FROM counter").fetchone()[0]
        except sqlite3.Error as error:
            raise ConfigurationError("state_dir", str(path), f"It must hold a database of numbers: {error}") from error

    def number(self, source: str, identity: bytes) -> int:
        """The number of this message; durable with the next ``commit``.

        Raises:
            NumbersUnavailableError: the file cannot be written; nothing since the last ``commit`` is numbered.
        """
        try:
            return self._number(source, identity)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def commit(self) -> None:
        """Everything numbered so far is on disk when this returns.

        Raises:
            NumbersUnavailableError: as of ``number``.
        """
        try:
            if self._database.in_transaction:
                self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close; what was not committed is given up. Safe twice."""
        self._database.close()

    def _failed(self, error: sqlite3.Error) -> NumbersUnavailableError:
        with contextlib.suppress(sqlite3.Error):
            self._database.execute("ROLLBACK")
        return NumbersUnavailableError(f"numbers of adapted messages: {error}")

    def _number(self, source: str, identity: bytes) -> int:
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")
        key, last = self._source(source)
        known = self._database.execute(
            "SELECT seq FROM message WHERE source = ? AND identity = ?", (key, identity)
        ).fetchone()
        if known is not None:
            return int(known[0])
        seq = last + 1
        self._database.execute("UPDATE source SET last = ? WHERE id = ?", (seq, key))
        self._database.execute("INSERT INTO message VALUES (?, ?, ?)", (key, seq, identity))
        self._database.execute("DELETE FROM message WHERE source = ? AND seq <= ?", (key, seq - self._remembered))
        return seq

    def _source(self, name: str) -> tuple[int, int]:
        found = self._database.execute("SELECT id, last FROM source WHERE name = ?", (name,)).fetchone()
        if found is not None:
            return int(found[0]), int(found[1])
        self._database.execute("INSERT INTO source SELECT ?, coalesce(max(id), 0) + 1, 0 FROM source", (name,))
        return self._source(name)
