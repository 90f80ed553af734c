"""Writes that a power cut leaves whole: the file, then its name, then the folder."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file; after a power cut it holds the old content or the new one."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)  # noqa: PTH105  (one name for all renames, so that a test can fail each)
    sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Give a file or folder another name on the same disk, durably."""
    os.replace(source, target)  # noqa: PTH105
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """What was written to the file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """The folder's names are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Everything below the folder is on the disk, names and content."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            if path.is_file() and not path.is_symlink():
                sync_file(path)
        sync_folder(Path(where))
