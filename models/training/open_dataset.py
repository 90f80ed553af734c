"""``--dataset`` becomes labelled images: a frozen data set, a folder of classes, or a YOLO folder.

A frozen data set (``shoal models dataset freeze``) is the way to a model that is judged and shipped: it names its split, and a
guard has looked for near-duplicates. A plain folder is dealt into folds by group on the spot.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contracts.bundles import DataSource
from contracts.datasets import DatasetImage, DatasetSnapshot
from models.data.class_folders import import_class_folders
from models.data.errors import DatasetError
from models.data.frames import Located
from models.data.snapshot import freeze, in_splits, locate, read_snapshot
from models.data.splits import TRAIN, UNKNOWN, Split, deal_groups, fingerprint, refuse_leaks
from models.data.yolo import import_yolo, read_names

FOLD = "fold-"
DRAFT = "all"
NOT_STATED = "not stated: do not pass on"


def open_dataset(
    path: Path, name: str, labels: tuple[str, ...], *, folds: int, roots: Sequence[Path] = ()
) -> tuple[DatasetSnapshot, list[Path]]:
    """Return the data set and the folders that its paths start from.

    Args:
        path: of a frozen data set (JSON) or of a folder.
        name: for a data set that is made here.
        labels: that may occur; empty takes what is there.
        folds: parts that images without a split are dealt into.
        roots: folders that the pictures of a frozen data set are looked for in, before those beside it.

    Raises:
        DatasetError: unreadable, altered, wrong labels, broken images, or nothing to judge with.
    """
    if path.is_file():
        snapshot = read_snapshot(path)
        if labels and set(snapshot.labels) - set(labels):
            others = ", ".join(sorted(set(snapshot.labels) - set(labels)))
            raise DatasetError(
                "labels", others, f"{path.name} has labels that the model does not name ({', '.join(labels)}). Add them to labels "
                "in the configuration of a new model, or freeze the data without them.",
            )  # fmt: skip
        split = in_splits(snapshot)
        if DRAFT in split:
            split = dealt(split.pop(DRAFT), folds)
            snapshot = freeze(snapshot.name, labels or snapshot.labels, split)
        return snapshot, [*roots, path.parent, path.parent.parent, Path.cwd()]
    if not path.is_dir():
        raise DatasetError("--dataset", str(path), "Give a frozen data set (JSON) or a folder of pictures.")
    if (path / "labels").is_dir():
        labels = labels or read_names(path) or ("fish",)
        images = import_yolo(path, labels, licence=NOT_STATED, provenance=path.name)
    else:
        images = import_class_folders(path, labels, licence=NOT_STATED, provenance=path.name)
        labels = labels or tuple(sorted({label for image in images for label in image.classes}))
    return freeze(name, labels, dealt(images, folds)), [path.parent]


def dealt(images: Sequence[DatasetImage], folds: int) -> Split:
    """Images by fold, whole groups together."""
    split: Split = {f"{FOLD}{number}": [] for number in range(folds)}
    for image, number in zip(images, deal_groups(images, folds), strict=True):
        split[f"{FOLD}{number}"].append(image)
    return split


def fold_names(snapshot: DatasetSnapshot) -> list[str]:
    """The folds of the data set, in order; empty when it has a training part of its own."""
    return sorted(name for name in in_splits(snapshot) if name.startswith(FOLD))


def parts_for(
    snapshot: DatasetSnapshot, roots: Sequence[Path], judge: str | None
) -> tuple[list[Located], dict[str, list[Located]]]:
    """The images to train on, and those that judge by part.

    Args:
        snapshot: split.
        roots: folders that paths start from.
        judge: the fold that judges; None takes the first. ``none`` trains on every fold.

    Raises:
        DatasetError: no such fold, a leak, or a missing file.
    """
    split = in_splits(snapshot)
    unknown = split.pop(UNKNOWN, None)
    folds = fold_names(snapshot)
    if TRAIN not in split:
        judge = folds[0] if judge is None and folds else judge
        if judge != "none" and judge not in folds:
            raise DatasetError("--judge", judge, f"The data set has {', '.join(split)}.")
        kept = {judge: split.pop(judge)} if judge in split else {}
        split = {TRAIN: [image for name in folds if name in split for image in split[name]], **kept}
    if unknown:
        split[UNKNOWN] = unknown
    refuse_leaks(split)
    return locate(split.pop(TRAIN), roots), {name: locate(images, roots) for name, images in split.items()}


def sources_of(snapshot: DatasetSnapshot) -> tuple[DataSource, ...]:
    """Whom to credit: one entry for each licence and provenance of the data set."""
    found: dict[tuple[str, str], list[DatasetImage]] = {}
    for image in snapshot.images:
        found.setdefault((image.licence, image.provenance), []).append(image)
    return tuple(
        DataSource(name=snapshot.name, licence=licence, attribution=who, images=len(images), sha256=fingerprint(images))
        for (licence, who), images in found.items()
    )
