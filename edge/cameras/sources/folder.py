"""A folder of images as a camera: files in name order, again from the start when it loops."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

from edge.cameras.source import Frame
from edge.clock import Clock
from edge.errors import SourceEndedError, SourceError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def images_in(folder: Path) -> list[Path]:
    """Image files of a folder and its subfolders, in name order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


class FolderSource:
    """Serves the files still encoded; the pace is kept by the capture."""

    paced = True

    def __init__(self, folder: Path, *, clock: Clock, loop: bool) -> None:
        self._folder = folder
        self._clock = clock
        self._loop = loop
        self._paths: Iterator[Path] = iter(())

    def open(self, *, timeout_s: float) -> None:
        """List the folder."""
        del timeout_s  # a disk answers or fails
        paths = images_in(self._folder)
        if not paths:
            raise SourceError(f"{self._folder} holds no images")
        self._paths = chain.from_iterable(repeat(paths)) if self._loop else iter(paths)

    def read(self, *, skip: bool) -> Frame | None:
        """The next file."""
        path = next(self._paths, None)
        if path is None:
            raise SourceEndedError(f"{self._folder} has no more images")
        if skip:
            return None
        try:
            return Frame(self._clock.now(), self._clock.monotonic(), encoded=path.read_bytes())
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error

    def close(self) -> None:
        """Forget the position."""
        self._paths = iter(())
