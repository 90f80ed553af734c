"""Evidence images as files named by their content: ``<storage>/images/ab/<sha256>``.

A file is complete before it has its name and on the disk before the database speaks of it, so that a row always has
its image. Writing the same image again changes nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

_MODE = 0o644  # the API may run as another user than the ingest


def path_of(storage_dir: Path, sha256: str) -> Path:
    """Where the image with this hash is, or would be."""
    return storage_dir / "images" / sha256[:2] / sha256


def store(storage_dir: Path, sha256: str, data: bytes) -> Path:
    """Write the image durably and return its path; the caller has checked that the hash is the data's."""
    path = path_of(storage_dir, sha256)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".incoming-", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            Path(file.name).chmod(_MODE)
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)
    return path


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable."""
    if os.name == "nt":  # no folder handles there; NTFS journals names
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
