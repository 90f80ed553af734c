"""Frames as files, by organization and content: ``<storage>/samples/<organization>/ab/<sha256>``.

An upload grows in ``incoming``; it is complete and on the disk before it has its name, and before the database speaks of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

_MODE = 0o644  # the training may run as another user than the API


def path_of(storage_dir: Path, organization_id: int, sha256: str) -> Path:
    """Where the frame with this hash is, or would be."""
    return storage_dir / "samples" / str(organization_id) / sha256[:2] / sha256


def part_of(storage_dir: Path, organization_id: int, upload_id: UUID) -> Path:
    """Where an upload grows."""
    return storage_dir / "samples" / str(organization_id) / "incoming" / str(upload_id)


def append(part: Path, offset: int, data: bytes) -> None:
    """Put bytes at an offset of an upload, durably; what lay behind the offset was never told to be here."""
    part.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(part, os.O_RDWR | os.O_CREAT, _MODE)
    with os.fdopen(handle, "r+b") as file:
        file.truncate(offset)
        file.seek(offset)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if offset == 0:
        sync_folder(part.parent)


def finish(part: Path, path: Path) -> None:
    """Give a whole upload its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part.replace(path)
    sync_folder(path.parent)


def put(path: Path, data: bytes) -> None:
    """Write a file as a whole, durably; the same again changes nothing."""
    if path.exists():
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    append(partial, 0, data)
    finish(partial, path)


def sync_folder(folder: Path) -> None:
    """Make a new name itself durable."""
    if os.name == "nt":  # no folder handles there; NTFS journals names
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
