"""``--dataset`` becomes labelled images: a frozen data set, a folder of classes, or a YOLO folder.

A frozen data set (``shoal models dataset freeze``) is the way to a model that is judged and shipped: it names its split, and a
guard has looked for near-duplicates. A plain folder is dealt into folds by group on the spot, and the same guard looks then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contracts.bundles import DataSource
from contracts.datasets import DatasetImage, DatasetSnapshot
from contracts.errors import ConfigurationError
from models.data.class_folders import import_class_folders
from models.data.errors import DatasetError
from models.data.frames import Located
from models.data.near_duplicates import (
    ON_FOLDER,
    GuardOptions,
    Looks,
    describe,
    join_near_duplicates,
    refuse_near_duplicates,
)
from models.data.pictures import Watch, unwatched
from models.data.snapshot import freeze, in_splits, locate, read_snapshot
from models.data.splits import TRAIN, UNKNOWN, Split, SplitRule, deal_groups, fingerprint, refuse_leaks
from models.data.yolo import import_yolo, read_names

FOLD = "fold-"
DRAFT = "all"
NOT_STATED = "not stated: do not pass on"
NOBODY = "none"
"""As ``judge``: every fold trains."""
EVERYBODY = "every fold in turn"


def open_dataset(
    path: Path,
    name: str,
    labels: tuple[str, ...],
    *,
    folds: int,
    roots: Sequence[Path] = (),
    judge: str | None = NOBODY,
    guard: GuardOptions | None = None,
    watch: Watch = unwatched,
) -> tuple[DatasetSnapshot, list[Path]]:
    """Return the data set and the folders that its paths start from.

    Args:
        path: of a frozen data set (JSON) or of a folder.
        name: for a data set that is made here.
        labels: that may occur; empty takes what is there.
        folds: parts that images without a split are dealt into.
        roots: folders that the pictures of a frozen data set are looked for in, before those beside it.
        judge: the fold whose pictures must be no near-duplicates of the others; None is the first one.
        guard: how near-duplicates are treated in what is dealt here; None does not look.
        watch: goes through the pictures while the guard looks at them, and may show progress.

    Raises:
        DatasetError: unreadable, altered, wrong labels, broken images, nothing to judge with, or near-duplicates of what judges.
        ConfigurationError: a guard is given for a data set that was frozen with one.
    """
    if path.is_file():
        snapshot = read_snapshot(path)
        if labels and set(snapshot.labels) - set(labels):
            others = ", ".join(sorted(set(snapshot.labels) - set(labels)))
            raise DatasetError(
                "labels", others, f"{path.name} has labels that the model does not name ({', '.join(labels)}). Add them to labels "
                "in the configuration of a new model, or freeze the data without them.",
            )  # fmt: skip
        places = [*roots, path.parent, path.parent.parent, Path.cwd()]
        split = in_splits(snapshot)
        if DRAFT not in split:
            if guard not in {None, GuardOptions()}:
                raise ConfigurationError(
                    "--join-near-duplicates, --near-duplicate", str(path), "It was split when it was frozen, and the guard looked then. Leave "
                    "them out, or give them to shoal models dataset freeze.",
                )  # fmt: skip
            return snapshot, places
        name, labels, images = snapshot.name, labels or snapshot.labels, split[DRAFT]
    elif not path.is_dir():
        raise DatasetError("--dataset", str(path), "Give a frozen data set (JSON) or a folder of pictures.")
    elif (path / "labels").is_dir():
        places, labels = [path.parent], labels or read_names(path) or ("fish",)
        images = import_yolo(path, labels, licence=NOT_STATED, provenance=path.name)
    else:
        places = [path.parent]
        images = import_class_folders(path, labels, licence=NOT_STATED, provenance=path.name)
        labels = labels or tuple(sorted({label for image in images for label in image.classes}))
    if guard is None:
        return freeze(name, labels, dealt(images, folds)), places
    looks: Looks | None = None
    if guard.join:
        looks = describe(locate(images, places), watch=watch)
        images = join_near_duplicates(images, looks, threshold=guard.threshold)
    split = dealt(images, folds)
    told: dict[str, str | int | float] = {"joined": guard.join}
    if judge != NOBODY:
        looks = looks or describe(locate(images, places), watch=watch)
        remedies = replace(ON_FOLDER, join="") if guard.join else ON_FOLDER
        parts = split if judge == EVERYBODY else _one_against_all(split, judge or min(split))
        told |= refuse_near_duplicates(
            parts, images, looks, SplitRule(by="folds"), threshold=guard.threshold, remedies=remedies
        )
    return freeze(name, labels, split, guard=told), places


def _one_against_all(split: Split, judge: str) -> Split:
    """Folds that train may look alike."""
    others = [image for part, members in split.items() if part != judge for image in members]
    return {TRAIN: others, judge: split.get(judge, [])}


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
        if judge != NOBODY and judge not in folds:
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
