"""Where bundles lie on this box: two slots, and one small file that says which of them the box starts with.

A slot is written beside its place, synced, and renamed; the pointer is replaced in one step. So a power cut at any moment leaves
the slot that runs as it was, and a pointer to something whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import structlog

from contracts.deployments import Release, ReleaseFile
from edge.deployments.disk import move, sync_file, sync_folder, write_whole
from edge.deployments.errors import TamperedError

log = structlog.get_logger()

POINTER = "active.json"
Slot = Literal["a", "b"]


@dataclass(frozen=True)
class Installed:
    """A bundle that the box may start with."""

    slot: Slot | None
    """None: the bundle of the configuration."""
    bundle: str
    """Its folder, or the name of a shipped one."""
    sha256: str
    """Of its model file; empty when it is not known yet."""
    model: str = ""
    version: str = ""
    deployment: str = ""


@dataclass(frozen=True)
class Pointer:
    """What the box starts with, and what it goes back to."""

    active: Installed
    previous: Installed | None = None


class Slots:
    """Both slots of one box.

    Args:
        folder: they live in; on the disk of ``data_dir``.
        configured: the bundle of the configuration: what runs before the first deployment, and the last resort.
    """

    def __init__(self, folder: Path, *, configured: Installed) -> None:
        self._folder = folder
        self.configured = configured
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".[ab].new"):
            shutil.rmtree(left, ignore_errors=True)
        self.pointer = self._read()

    def bundle(self, slot: Slot) -> Path:
        """Folder of a slot."""
        return self._folder / slot

    def free(self) -> Slot:
        """The slot that does not run."""
        return "b" if self.pointer.active.slot == "a" else "a"

    def install(self, slot: Slot, release: Release, blob: Callable[[ReleaseFile], Path]) -> Path:
        """Assemble a release in a slot from verified blobs and prove every file once more.

        Raises:
            TamperedError: a file is not what was signed; the slot is as it was.
        """
        if slot == self.pointer.active.slot:
            raise ValueError("the slot that runs is not overwritten")
        new, place = self._folder / f".{slot}.new", self.bundle(slot)
        shutil.rmtree(new, ignore_errors=True)
        for file in release.files:
            target = new / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(blob(file), target)
            if sha256_of(target) != file.sha256:
                shutil.rmtree(new, ignore_errors=True)
                raise TamperedError(f"{file.path} changed while it was written: is the disk failing?")
            sync_file(target)
        for folder in sorted({path.parent for path in new.rglob("*")} | {new}):
            sync_folder(folder)
        shutil.rmtree(place, ignore_errors=True)
        move(new, place)
        return place

    def holds(self, slot: Slot, release: Release) -> bool:
        """Whether a slot has this release, every byte of it."""
        place = self.bundle(slot)
        return all(
            (place / file.path).is_file() and sha256_of(place / file.path) == file.sha256 for file in release.files
        )

    def point(self, active: Installed, previous: Installed | None) -> None:
        """From now on the box starts with ``active``."""
        pointer = Pointer(active, previous)
        if pointer != self.pointer:
            write_whole(self._folder / POINTER, json.dumps(asdict(pointer)).encode())
            self.pointer = pointer

    def known_files(self) -> Iterator[Path]:
        """Every file of the bundles on this box: what a download need not bring again."""
        folders = [self.bundle("a"), self.bundle("b")]
        if Path(self.configured.bundle).is_dir():
            folders.append(Path(self.configured.bundle))
        for folder in folders:
            yield from (path for path in folder.rglob("*") if path.is_file())

    def _read(self) -> Pointer:
        start = Pointer(self.configured)
        try:
            kept = json.loads((self._folder / POINTER).read_bytes())
            previous = kept["previous"]
            pointer = Pointer(
                Installed(**kept["active"]), Installed(**previous) if previous is not None else self.configured
            )
        except FileNotFoundError:
            return start
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("deployments.pointer_damaged", reason=str(error))  # noqa: TRY400  (the event says it all)
            return start
        if pointer.active.slot is None:
            return Pointer(self.configured, pointer.previous)
        if not (self.bundle(pointer.active.slot) / "manifest.json").is_file():
            log.error("deployments.slot_missing", slot=pointer.active.slot)
            return start
        return pointer


def sha256_of(path: Path) -> str:
    """Of a whole file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
