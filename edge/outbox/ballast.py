"""A few megabytes of disk kept in reserve, so that an alarm can still be written when something else has filled the disk.

SQLite needs room in its log even to delete. The reserve is given up when the disk is full and made again when there is room.
"""

from __future__ import annotations

from pathlib import Path

SIZE_BYTES = 4_000_000
ROOM_FACTOR = 4
"""The reserve is made only on a disk with this many times its size free: it must not be what fills it."""


class Ballast:
    """The reserve, a file that nobody reads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def release(self) -> bool:
        """Give the space back to the disk; False when there was none to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def restore(self, *, free_bytes: int, min_free_bytes: int) -> None:
        """Make the reserve unless it is there, when the disk has room for it above ``min_free_bytes``."""
        if free_bytes < min_free_bytes + ROOM_FACTOR * SIZE_BYTES or self._path.exists():
            return
        try:
            self._path.write_bytes(bytes(SIZE_BYTES))
        except OSError:
            self.release()
