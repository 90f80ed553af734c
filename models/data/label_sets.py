"""A label set that was frozen on the platform becomes a data set here: document and images, each proven by its sha256, split and frozen.

    annotations.json + images/<sha256>.jpg → draft.json → NAME-SHA.json

Done again it goes on where it was cut off, and fetches nothing twice. Where the files come from is a :class:`Source`: the platform's
API (``shoal.models.label_sets``), or its storage, where a training on the platform finds them beside its own folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.base import Sha256Hex
from contracts.datasets import DatasetSnapshot
from models.data.coco import import_coco
from models.data.errors import DatasetError
from models.data.pictures import MAX_BYTES, Watch, unwatched
from models.data.snapshot import draft, write_snapshot

DOCUMENT, IMAGES, DRAFT = "annotations.json", "images", "draft.json"
ROOM = 500_000_000
"""Bytes that stay free on the disk."""
_FROM = "An address begins with https://; of a storage name the labels.json that the platform wrote."
_RESTORE = "Whoever runs the platform restores it from a backup; then give the same command again."
_FILE = re.compile(r"images/([0-9a-f]{64})\.(jpg|png)")


@dataclass(frozen=True)
class LabelSet:
    """A version of a label set, as the platform names it."""

    name: str
    number: int
    sha256: str
    """Of its document."""
    images: int
    bytes: int
    """Of all images together."""
    server: str = ""
    """Where it was asked for."""

    def __str__(self) -> str:
        """As it is named to people."""
        return f"{self.name}@{self.number} ({self.sha256[:12]})"


Piece = tuple[str, "bytes | Path"]
"""sha256 of an image that was wanted, and its content, or a file that holds it."""


class Source(Protocol):
    """Where a label set comes from."""

    def document(self) -> bytes:
        """``annotations.json``."""
        ...

    def images(self, wanted: Sequence[str], every: Sequence[str]) -> Iterator[Piece]:
        """The images that are wanted, in any order, of all in the order of their sha256; one that is nowhere may be left out."""
        ...

    def takes_room(self, folder: Path) -> bool:
        """Whether images that come into this folder, which is there, fill its disk."""
        ...


class Pointer(BaseModel):
    """``labels.json``: what a platform writes beside a training of its own. Paths start from the file."""

    model_config = ConfigDict(extra="ignore")

    name: str
    number: int
    sha256: Sha256Hex
    images: int
    bytes: int
    document: Path
    image_folder: Path
    """Holds an image as ``ab/ab12...``, by its sha256."""

    def label_set(self) -> LabelSet:
        """Which it is."""
        return LabelSet(self.name, self.number, self.sha256, self.images, self.bytes)


class StorageSource:
    """The platform's own storage; images are linked, so they take no room a second time."""

    def __init__(self, path: Path) -> None:
        try:
            self.pointer = Pointer.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DatasetError("--from", str(path), f"It cannot be read: {error.strerror}. {_FROM}") from error
        except ValidationError as error:
            raise DatasetError("--from", str(path), _FROM) from error
        self._base = path.resolve().parent

    def document(self) -> bytes:
        """As it was frozen."""
        path = self._base / self.pointer.document
        try:
            return path.read_bytes()
        except OSError as error:
            raise DatasetError(
                "labels.document",
                str(path),
                f"It is missing in the storage ({error.strerror}). Restore it from a backup.",
            ) from error

    def images(self, wanted: Sequence[str], every: Sequence[str]) -> Iterator[Piece]:
        """Files of the storage."""
        del every
        for sha256 in wanted:
            path = self._base / self.pointer.image_folder / sha256[:2] / sha256
            if path.is_file():
                yield sha256, path

    def takes_room(self, folder: Path) -> bool:
        """Not on the disk of the storage, where they are linked."""
        images = self._base / self.pointer.image_folder
        return not images.is_dir() or images.stat().st_dev != folder.stat().st_dev


def _untold(done: int, of: int) -> None:
    del done, of


def fetch(
    source: Source,
    label_set: LabelSet,
    folder: Path,
    *,
    progress: Callable[[int, int], None] = _untold,
    watch: Watch = unwatched,
) -> tuple[DatasetSnapshot, Path]:
    """Bring a label set into a folder; its draft, and the file of the draft.

    Args:
        source: where it comes from.
        label_set: which; everything that comes is compared with it.
        folder: for its files; what is there already and is right stays.
        progress: told after each image how many of how many are there.
        watch: goes through the images while they are read.

    Raises:
        DatasetError: another label set is in the folder, the disk is too small, a file is missing or not what was frozen.
    """
    document = _document(source, label_set, folder)
    names = _files(document, label_set)
    _make(folder / IMAGES)
    for stale in (folder / IMAGES).glob(".*.partial"):
        stale.unlink()
    there = {sha256 for sha256, name in names.items() if _is(folder / name, sha256)}
    missing = [sha256 for sha256 in names if sha256 not in there]
    if source.takes_room(folder):
        _refuse_small_disk(folder, label_set.bytes * len(missing) // max(1, len(names)))
    progress(len(there), len(names))
    left = label_set.bytes + MAX_BYTES
    for sha256, piece in source.images(missing, list(names)):
        if sha256 in there or sha256 not in names:
            continue
        left -= len(piece) if isinstance(piece, bytes) else 0
        if left < 0:
            raise DatasetError(
                "labels.bytes", str(label_set), f"More came than the {label_set.bytes} bytes that it has. {_RESTORE}"
            )
        _keep(piece, sha256, folder / names[sha256], label_set)
        there.add(sha256)
        progress(len(there), len(names))
    lost = [names[sha256] for sha256 in missing if sha256 not in there]
    if lost:
        raise DatasetError(
            "labels.images", lost[0], f"{len(lost)} images of {label_set} are missing where they should come from. "
            "Whoever runs the platform restores them from a backup; then give the same command again.",
        )  # fmt: skip
    return _drafted(document, label_set, folder, watch)


def _document(source: Source, label_set: LabelSet, folder: Path) -> Path:
    path = folder / DOCUMENT
    if path.exists():
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found == label_set.sha256:
            return path
        raise DatasetError("--output", str(folder), f"Another label set is in it ({found[:12]}). Give a new folder.")
    content = source.document()
    found = hashlib.sha256(content).hexdigest()
    if found != label_set.sha256:
        raise DatasetError(
            "labels.sha256",
            found,
            f"{label_set} was frozen as {label_set.sha256}. The platform's copy was altered. {_RESTORE}",
        )
    _make(folder)
    _write(path, content)
    return path


def _files(document: Path, label_set: LabelSet) -> dict[str, str]:
    """Names of the images by sha256, in its order.

    Raises:
        DatasetError: a name is not what the platform writes; it must never lead out of the folder.
    """
    content: dict[str, Any] = json.loads(document.read_bytes())
    names: dict[str, str] = {}
    for place, image in enumerate(content["images"]):
        name = image.get("file_name")
        match = _FILE.fullmatch(name) if isinstance(name, str) else None
        if match is None or match[1] != image.get("sha256"):
            raise DatasetError(f"{label_set}: images.{place}.file_name", name, "Images are named by their sha256.")
        names[match[1]] = name
    return dict(sorted(names.items()))


def _is(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _refuse_small_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed and free < needed + ROOM:
        raise DatasetError(
            "--output", str(folder), f"{needed / 1e6:,.0f} MB are still to come, and {free / 1e6:,.0f} MB are free, of which "
            f"{ROOM / 1e6:,.0f} stay so. Make room, or give a folder on another disk.",
        )  # fmt: skip


def _keep(piece: bytes | Path, sha256: str, path: Path, label_set: LabelSet) -> None:
    found = hashlib.sha256(piece if isinstance(piece, bytes) else piece.read_bytes()).hexdigest()
    if found != sha256:
        raise DatasetError("labels.sha256", found, f"{path.name} of {label_set} is not what was frozen. {_RESTORE}")
    if isinstance(piece, bytes):
        _write(path, piece)
        return
    with _replacing(path) as partial:
        try:
            os.link(piece, partial)
        except OSError:  # another disk, or one that knows no links
            shutil.copyfile(piece, partial)


def _write(path: Path, content: bytes) -> None:
    with _replacing(path) as partial:
        partial.write_bytes(content)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside this one, which takes its place: whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _unwritable(path.parent, error) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> DatasetError:
    return DatasetError(
        "--output",
        str(folder),
        f"It cannot be written: {error.strerror}. Give a folder that can be; what is there stays.",
    )


def _drafted(document: Path, label_set: LabelSet, folder: Path, watch: Watch) -> tuple[DatasetSnapshot, Path]:
    provenance = f"label set {label_set.name} version {label_set.number}, sha256 {label_set.sha256}"
    images, labels = import_coco(document, images=folder, provenance=provenance, watch=watch)
    # Paths of the data set start within the folder: its hash does not depend on where it was fetched to.
    moved = [image.model_copy(update={"path": image.path.partition("/")[2]}) for image in images]
    origin = {"label_set": label_set.name, "number": label_set.number, "sha256": label_set.sha256}
    snapshot = draft(
        label_set.name, labels, moved, origin=origin | ({"server": label_set.server} if label_set.server else {})
    )
    write_snapshot(snapshot, folder / DRAFT)
    return snapshot, folder / DRAFT


def reference(text: str) -> tuple[str, str | None]:
    """Name and version of ``NAME``, ``NAME@NUMBER`` or ``NAME@HASH`` (six digits of the sha256 at least); None: the newest.

    Raises:
        DatasetError: it is neither.
    """
    name, at, version = text.partition("@")
    if not name or (at and not re.fullmatch(r"\d{1,5}|[0-9a-f]{6,64}", version)):
        raise DatasetError(
            "NAME@HASH",
            text,
            "Name the label set with its version: pens@3, or the first digits of its sha256: pens@9c41d07b.",
        )
    return name, version or None


def fits(version: str | None, number: int, sha256: str) -> bool:
    """Whether a version is the one that was named."""
    return version is None or (number == int(version) if len(version) <= 5 else sha256.startswith(version))  # noqa: PLR2004


def of_pointer(pointer: Pointer, name: str, version: str | None) -> LabelSet:
    """What a pointer names, when it is what was asked for.

    Raises:
        DatasetError: it is another.
    """
    found = pointer.label_set()
    if found.name != name or not fits(version, found.number, found.sha256):
        wanted = f"{name}@{version}" if version else name
        raise DatasetError(
            "--from", str(found), f"It is not {wanted}. Name this one, or give the labels.json of the other."
        )
    return found


def newest(versions: Iterable[LabelSet], name: str, version: str | None, known: Sequence[str]) -> LabelSet:
    """The version that was named, of those that there are.

    Args:
        versions: of this name, newest first.
        name: of the label set.
        version: number or digits of the sha256.
        known: names of all label sets, for the message.

    Raises:
        DatasetError: there is none.
    """
    there = list(versions)
    for one in there:
        if fits(version, one.number, one.sha256):
            return one
    if there:
        raise DatasetError("NAME@HASH", f"{name}@{version}", f"There is {', '.join(map(str, there[:10]))}.")
    raise DatasetError(
        "NAME@HASH", name, f"There is no such label set for you; there is: {', '.join(known) or 'none'}. Freeze one of accepted "
        "labels on the page Labels, or with POST /api/v1/datasets.",
    )  # fmt: skip
