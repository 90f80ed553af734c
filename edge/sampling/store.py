"""Pictures on the box's own disk: evidence for the local page, samples that wait for their upload; bounded in bytes.

A file is named by its sha256 and written whole (temporary name, fsync, rename) before its row is committed; it is deleted
after its row. So a kill at any moment leaves at most a file without a row, which the next start removes: the index and the
files never disagree. Within a class the least worth goes first, then the oldest; when the disk runs low evidence makes room
before samples, and neither takes the space that the outbox needs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path

import structlog

log = structlog.get_logger()

_SHA256 = re.compile(r"[0-9a-f]{64}")


class PictureClass(IntEnum):
    """Classes of pictures; when the disk runs low the lower number goes first."""

    EVIDENCE = 0
    SAMPLE = 1


@dataclass(frozen=True)
class Picture:
    """One kept picture, without its bytes."""

    sha256: str
    kind: PictureClass
    camera: str
    observed_at: datetime
    bytes: int
    note: str
    """JSON of what belongs to it: the detections of an evidence image, the ``contracts.samples.Sample`` of a sample."""


@dataclass(frozen=True)
class Upload:
    """How far the upload of a sample is."""

    picture: Picture
    location: str | None
    """Address that the server gave this upload; None before it was created."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS picture (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, kind INTEGER NOT NULL, camera TEXT NOT NULL, observed_at TEXT NOT NULL,
    bytes INTEGER NOT NULL, worth REAL NOT NULL, note TEXT NOT NULL, location TEXT, uploaded INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sha256, kind));
CREATE INDEX IF NOT EXISTS picture_by_worth ON picture (kind, uploaded DESC, worth, id);
"""
_COLUMNS = "sha256, kind, camera, observed_at, bytes, note"


class PictureStore:
    """Pictures in one folder with their index; may be used from several threads.

    Args:
        folder: made when it is missing.
        quotas: bytes that each class may hold.
        min_free_bytes: free disk space below which pictures are evicted, and refused when that is not enough.
    """

    def __init__(self, folder: Path, *, quotas: Mapping[PictureClass, int], min_free_bytes: int) -> None:
        self.folder = folder
        self.evicted = 0
        """Pictures that the quotas took since the start."""
        self.refused = 0
        """Pictures that found no room since the start."""
        self._quotas = dict(quotas)
        self._min_free = min_free_bytes
        self._lock = threading.Lock()
        (folder / "files").mkdir(parents=True, exist_ok=True)
        self._index = self._open()
        self._tidy()

    @staticmethod
    def name_of(data: bytes) -> str:
        """The sha256 that a picture is kept under."""
        return hashlib.sha256(data).hexdigest()

    def put(
        self, kind: PictureClass, data: bytes, *, camera: str, observed_at: datetime, note: str, worth: float = 0.0
    ) -> str | None:
        """Keep a picture; the same bytes twice are one file.

        Returns:
            Its sha256, or None when there is no room for it (counted in ``refused``).

        Raises:
            OSError: the disk failed; nothing is kept.
        """
        sha256 = self.name_of(data)
        with self._lock:
            if not self._make_room(kind, len(data)):
                self.refused += 1
                return None
            path = self._path(sha256)
            if not path.exists():
                _write_whole(path, data)
            try:
                self._index.execute(
                    "INSERT OR IGNORE INTO picture (sha256, kind, camera, observed_at, bytes, worth, note)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (sha256, kind, camera, observed_at.isoformat(), len(data), worth, note),
                )
            except sqlite3.Error as error:
                raise OSError(f"{self.folder}: {error}") from error
        return sha256

    def read(self, sha256: str) -> bytes | None:
        """The bytes of a picture; None when there is none, or it was damaged on disk (then it goes)."""
        if not _SHA256.fullmatch(sha256):  # it becomes a path
            return None
        path = self._path(sha256)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if self.name_of(data) == sha256:
            return data
        log.warning("picture.damaged", sha256=sha256)
        with self._lock:
            self._index.execute("DELETE FROM picture WHERE sha256 = ?", (sha256,))
            path.unlink(missing_ok=True)
        return None

    def find(self, sha256: str) -> Picture | None:
        """What is known of a picture."""
        found = self._select("WHERE sha256 = ? ORDER BY kind LIMIT 1", (sha256,))
        return found[0] if found else None

    def newest(self, kind: PictureClass, *, limit: int = 20) -> list[Picture]:
        """The newest pictures of a class."""
        return self._select("WHERE kind = ? ORDER BY id DESC LIMIT ?", (kind, limit))

    def usage(self) -> dict[PictureClass, tuple[int, int]]:
        """Pictures and bytes by class."""
        with self._lock:
            rows = self._index.execute("SELECT kind, count(*), sum(bytes) FROM picture GROUP BY kind").fetchall()
        return {PictureClass(kind): (count, size) for kind, count, size in rows}

    def next_upload(self) -> Upload | None:
        """The sample to upload next: one that was begun, else the one of the highest worth, else the oldest."""
        with self._lock:
            row = self._index.execute(
                f"SELECT {_COLUMNS}, location FROM picture WHERE kind = ? AND uploaded = 0"  # noqa: S608  (fixed texts)
                " ORDER BY location IS NULL, worth DESC, id LIMIT 1",
                (PictureClass.SAMPLE,),
            ).fetchone()
        return Upload(_picture(row[:-1]), row[-1]) if row is not None else None

    def remember_location(self, sha256: str, location: str | None) -> None:
        """Note where the upload of a sample goes on; None begins it anew."""
        self._change("UPDATE picture SET location = ? WHERE sha256 = ? AND kind = ?", (location, sha256))

    def mark_uploaded(self, sha256: str) -> None:
        """The server has all of it; from now on it is the first to make room."""
        self._change("UPDATE picture SET uploaded = 1, location = ? WHERE sha256 = ? AND kind = ?", (None, sha256))

    def waiting(self) -> int:
        """Samples that are not uploaded yet."""
        with self._lock:
            query = "SELECT count(*) FROM picture WHERE kind = ? AND uploaded = 0"
            return int(self._index.execute(query, (PictureClass.SAMPLE,)).fetchone()[0])

    def close(self) -> None:
        """Close the index. Safe to call twice."""
        with self._lock:
            self._index.close()

    def _make_room(self, kind: PictureClass, size: int) -> bool:
        quota = self._quotas.get(kind, 0)
        if size > quota:
            return False
        used = self._index.execute("SELECT coalesce(sum(bytes), 0) FROM picture WHERE kind = ?", (kind,)).fetchone()[0]
        self._evict(kind, used + size - quota)
        missing = self._min_free + size - shutil.disk_usage(self.folder).free
        for victim in PictureClass:
            if missing > 0 and victim <= kind:
                missing -= self._evict(victim, missing)
        return missing <= 0

    def _evict(self, kind: PictureClass, needed: int) -> int:
        """Delete pictures of a class until ``needed`` bytes are free; returns the bytes freed."""
        freed = 0
        while freed < needed:
            row = self._index.execute(
                "SELECT id, sha256, bytes FROM picture WHERE kind = ? ORDER BY uploaded DESC, worth, id LIMIT 1",
                (kind,),
            ).fetchone()
            if row is None:
                break
            self._index.execute("DELETE FROM picture WHERE id = ?", (row[0],))
            if self._index.execute("SELECT 1 FROM picture WHERE sha256 = ?", (row[1],)).fetchone() is None:
                self._path(row[1]).unlink(missing_ok=True)
            freed += row[2]
            self.evicted += 1
        return freed

    def _open(self) -> sqlite3.Connection:
        path = self.folder / "index.db"
        try:
            return _connect(path)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # busy, read-only and the like are not damage
                raise
            # Copies of what was seen: without their notes they are worth nothing, so a damaged index begins anew.
            log.warning("picture.index_damaged", error=str(error))
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            return _connect(path)

    def _tidy(self) -> None:
        """Files without a row and rows without a file are what a kill leaves behind; both go."""
        named = {sha256 for (sha256,) in self._index.execute("SELECT DISTINCT sha256 FROM picture")}
        present = set()
        for path in (self.folder / "files").glob("*/*"):
            if path.name in named:
                present.add(path.name)
            else:
                path.unlink(missing_ok=True)
        self._index.executemany("DELETE FROM picture WHERE sha256 = ?", [(one,) for one in named - present])

    def _path(self, sha256: str) -> Path:
        return self.folder / "files" / sha256[:2] / sha256

    def _select(self, rest: str, arguments: Sequence[str | int]) -> list[Picture]:
        with self._lock:
            rows = self._index.execute(f"SELECT {_COLUMNS} FROM picture {rest}", arguments).fetchall()  # noqa: S608  (fixed texts)
        return [_picture(row) for row in rows]

    def _change(self, statement: str, arguments: tuple[str | None, str]) -> None:
        with self._lock:
            self._index.execute(statement, (*arguments, PictureClass.SAMPLE))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _picture(row: tuple[str, int, str, str, int, str]) -> Picture:
    sha256, kind, camera, observed_at, size, note = row
    return Picture(sha256, PictureClass(kind), camera, datetime.fromisoformat(observed_at), size, note)


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
