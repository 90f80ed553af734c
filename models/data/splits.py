"""Which images may train and which must judge: whole sites are held out, and within a site whole stretches of video.

Pure decisions over dataset images; pictures are looked at by ``near_duplicates`` alone. The measured reason: the same network
scores mAP50 0.78 on other frames of the videos it was trained on and 0.13 in unseen habitats.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from contracts.datasets import DatasetImage
from models.data.errors import DatasetError

TRAIN = "train"
SAME_VIDEO = "same_video"
"""Other frames of videos that were trained on: how well the model knows its own tanks."""
BETWEEN = "between"
"""Frames from between those that were trained on: the split of the literature, and the easiest there is."""
UNSEEN_SITE = "unseen_site"
"""Sites that were never trained on: what a new customer gets."""

JUDGE = "judge"
"""Whole groups, or later times of the same cameras, that were never trained on."""
UNKNOWN = "unknown"
"""Images of classes that are kept out of training, to judge whether a model says that it does not know."""

Split = dict[str, list[DatasetImage]]
LATER_FIELDS = ("camera", "captured_at", "annotators", "split")
"""Fields of an image that count for the fingerprint only where they are set: earlier data sets keep theirs."""


class SplitRule(BaseModel):
    """How a data set is split; it is kept in the frozen data set, so that anybody can do it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["site", "group", "steady", "time", "folds", "folds_by_site"] = "group"
    """``site``: some sites judge. ``group``: some tracks, videos or scenes judge. ``steady``: some groups of every site judge, told
    by their names, so that what trained once does not judge when labels were added. ``time``: the last part of every camera
    judges. ``folds``: every group judges once. ``folds_by_site``: every site judges once."""
    held_out_sites: tuple[str, ...] = ()
    """``site``: the sites that judge."""
    same_video_every: int = Field(default=0, ge=0)
    """``site``: the last 1/n of every other video judges too, apart, as ``same_video``; 0 for none."""
    between_every: int = Field(default=0, ge=0)
    """``site``: of what is left every n-th frame judges too, apart, as ``between``; 0 for none."""
    judge_share: float = Field(default=0.2, gt=0, lt=1)
    """``group`` and ``time``: share of the images that judge, about. ``steady``: chance of a group to judge."""
    folds: int = Field(default=5, ge=2, le=50)
    """``folds``: how many."""
    gap_s: float = Field(default=0.0, ge=0)
    """``time``: seconds before the cut whose images are left out, because they look like the first that judge."""
    unknown_classes: tuple[str, ...] = ()
    """Classes that go to ``unknown`` whole."""
    seed: int = 1


def split_by_site(
    images: Sequence[DatasetImage], held_out: Sequence[str], *, same_video_every: int = 0, between_every: int = 0
) -> Split:
    """Put the held-out sites aside, of every other group its last ``1/same_video_every`` frames, and every n-th of the rest.

    Args:
        images: the whole data set; the order within a group is the order of time.
        held_out: sites that go to :data:`UNSEEN_SITE`.
        same_video_every: 0 leaves the end of the videos where it is.
        between_every: 0 takes no frame out from between others.

    Raises:
        DatasetError: a held-out site is not in the data, or nothing is left to train on.
    """
    sites = {image.site for image in images}
    for site in held_out:
        if site not in sites:
            known = ", ".join(sorted(sites))
            how = (
                ""
                if len(sites) > 1
                else " Tell them by the column site of an index.csv, or import each with --site; or split by group."
            )
            raise DatasetError("data.held_out_sites", site, f"The data has the sites {known}.{how}")
    split: Split = {TRAIN: [], SAME_VIDEO: [], BETWEEN: [], UNSEEN_SITE: []}
    groups: dict[str, list[DatasetImage]] = defaultdict(list)
    for image in images:
        if image.site in held_out:
            split[UNSEEN_SITE].append(image)
        else:
            groups[image.group].append(image)
    for group in groups.values():
        kept = len(group) - (len(group) // same_video_every if same_video_every else 0)
        split[SAME_VIDEO] += group[kept:]
        for place, image in enumerate(group[:kept], start=1):
            split[BETWEEN if between_every and place % between_every == 0 else TRAIN].append(image)
    refuse_leaks(split)
    return split


def apply_rule(images: Sequence[DatasetImage], rule: SplitRule) -> Split:
    """Split the images as the rule says; every part has at least one image.

    Raises:
        DatasetError: the rule names what is not there, or leaves a part empty.
    """
    split: Split = {}
    kept = list(images)
    if rule.unknown_classes:
        split[UNKNOWN], kept = _hold_out_classes(images, rule.unknown_classes)
    if rule.by == "site":
        split |= {
            k: v
            for k, v in split_by_site(
                kept, rule.held_out_sites, same_video_every=rule.same_video_every, between_every=rule.between_every
            ).items()
            if v
        }
    elif rule.by == "time":
        split |= split_by_time(kept, rule.judge_share, gap_s=rule.gap_s)
    elif rule.by == "steady":
        split |= split_steadily(kept, rule.judge_share, seed=rule.seed)
    elif rule.by == "folds_by_site":
        sites = sorted({image.site for image in kept})
        split |= {f"fold-{site}": [image for image in kept if image.site == site] for site in sites}
    else:
        folds = rule.folds if rule.by == "folds" else max(2, round(1 / rule.judge_share))
        numbers = deal_groups(kept, folds, seed=rule.seed)
        names = [f"fold-{n}" for n in range(folds)] if rule.by == "folds" else [JUDGE] + [TRAIN] * (folds - 1)
        for image, number in zip(kept, numbers, strict=True):
            split.setdefault(names[number], []).append(image)
    if sum(name != UNKNOWN for name in split) < 2:  # noqa: PLR2004 - one part to train on, one to judge
        raise DatasetError("split.by", rule.by, f"All images fall into one part ({', '.join(split)}). Split otherwise.")
    return dict(sorted(split.items()))


def deal_groups(images: Sequence[DatasetImage], folds: int, *, seed: int = 1) -> list[int]:
    """The fold of every image: whole groups are dealt so that every fold has its share of every class.

    Greedy, the largest group first, each to the fold that is then most even; the same seed deals the same.

    Raises:
        DatasetError: fewer groups than folds.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for place, image in enumerate(images):
        members[group_of(image)].append(place)
    if len(members) < folds:
        raise DatasetError(
            "split.folds", folds, f"There are {len(members)} groups (tracks, videos or scenes that stay together) for {folds} parts. "
            "Ask for fewer parts (--folds, a larger --judge-share, or folds in the configuration), or bring more groups.",
        )  # fmt: skip
    labels = sorted({label for image in images for label in labels_of(image)})
    column = {label: number for number, label in enumerate(labels)}
    counts = {}
    for group, places in members.items():
        counts[group] = np.zeros(len(labels) + 1)
        for place in places:
            counts[group][len(labels)] += 1
            for label in labels_of(images[place]):
                counts[group][column[label]] += 1
    total = np.maximum(sum(counts.values(), np.zeros(len(labels) + 1)), 1)
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
    order.sort(key=lambda group: -len(members[group]))  # stable: groups of one size stay shuffled
    filled = np.zeros((folds, len(labels) + 1))
    dealt = [0] * len(images)
    for group in order:
        share = (filled + counts[group]) / total
        # Adding to a fold changes only its own square; the fold where the sum of squares grows least is the emptiest in what
        # this group brings.
        growth = (share**2 - (filled / total) ** 2).sum(axis=1)
        best = int(growth.argmin())
        filled[best] += counts[group]
        for place in members[group]:
            dealt[place] = best
    return dealt


def split_steadily(images: Sequence[DatasetImage], judge_share: float, *, seed: int = 1) -> Split:
    """Of every site the groups judge whose name falls below ``judge_share``, for a set of labels that grows.

    Dealing evenly (:func:`deal_groups`) would deal anew with every label that comes, and the model in production would be judged on
    what it was trained on. A site where no name falls below gives the group of the lowest one, until a lower one comes; a site with
    one group trains, and that one alone may judge later.

    Args:
        images: the whole data set.
        judge_share: from 0 to 1.
        seed: another one chooses others.
    """
    sites: dict[str, dict[str, float]] = defaultdict(dict)
    for image in images:
        drawn = hashlib.sha256(f"{seed}:{group_of(image)}".encode()).digest()
        sites[image.site][image.group] = int.from_bytes(drawn[:8], "big") / 2**64
    judging = set()
    for site, groups in sites.items():
        bound = max(judge_share, min(groups.values()))
        judging |= {(site, group) for group, number in groups.items() if number <= bound and len(groups) > 1}
    split: Split = {TRAIN: [], JUDGE: []}
    for image in images:
        split[JUDGE if (image.site, image.group) in judging else TRAIN].append(image)
    return {name: part for name, part in split.items() if part}


def split_by_time(images: Sequence[DatasetImage], judge_share: float, *, gap_s: float = 0.0) -> Split:
    """Of every camera the first part trains and the last judges, as a model meets the future of tanks that it knows.

    Images less than ``gap_s`` before a camera's cut are in no part.

    Raises:
        DatasetError: an image has no time.
    """
    split: Split = {TRAIN: [], JUDGE: []}
    cameras: dict[tuple[str, str], list[DatasetImage]] = defaultdict(list)
    for image in images:
        if image.captured_at is None:
            raise DatasetError("data.captured_at", image.path, "A split by time needs the time of every image.")
        cameras[image.site, image.camera or ""].append(image)
    for members in cameras.values():
        moments = sorted(image.captured_at for image in members if image.captured_at is not None)
        cut = moments[min(len(moments) - 1, round(len(moments) * (1 - judge_share)))]
        for image in members:
            if image.captured_at is None or cut - timedelta(seconds=gap_s) <= image.captured_at < cut:
                continue
            split[JUDGE if image.captured_at >= cut else TRAIN].append(image)
    return {name: part for name, part in split.items() if part}


def _hold_out_classes(
    images: Sequence[DatasetImage], classes: Sequence[str]
) -> tuple[list[DatasetImage], list[DatasetImage]]:
    there = {label for image in images for label in labels_of(image)}
    for label in classes:
        if label not in there:
            raise DatasetError("split.unknown_classes", label, f"The data has {', '.join(sorted(there))}.")
    aside = [image for image in images if labels_of(image) & set(classes)]
    groups = {group_of(image) for image in aside}
    # What shares a group with an unknown fish would show it to the training after all.
    return aside, [image for image in images if group_of(image) not in groups]


def group_of(image: DatasetImage) -> str:
    """Name of the image's group, unique over sites."""
    return f"{image.site}/{image.group}"


def labels_of(image: DatasetImage) -> set[str]:
    """Classes of the image and of its boxes."""
    return {*image.classes, *(box.label for box in image.boxes)}


def class_weights(images: Sequence[DatasetImage], *, power: float = 0.5) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Chance (N,) of drawing each image, sum 1: rare classes more often.

    ``power`` 0 draws as the data is, 1 every class equally often, the default in between: full balance shows the few pictures
    of a rare class so often that they are learned by heart. An image counts by its rarest class, one without any by ``nothing``.
    """
    return _rarest_first(images, labels_of, power)


def site_weights(images: Sequence[DatasetImage], *, power: float = 0.5) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The same over sites, so that a long video does not outweigh a short one."""
    return _rarest_first(images, lambda image: {image.site}, power)


def crowd_weights(images: Sequence[DatasetImage], power: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weight of every image by how much there is to find in it: (1 + objects) to this power; 0 takes all alike."""
    return np.array([(1.0 + len(image.boxes)) ** power for image in images], np.float64)


def _rarest_first(
    images: Sequence[DatasetImage], keys: Callable[[DatasetImage], Iterable[str]], power: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    of_image = [set(keys(image)) or {""} for image in images]
    counts = Counter(key for those in of_image for key in those)
    weights = np.array([min(counts[key] for key in those) ** -power for those in of_image])
    return np.asarray(weights / weights.sum(), np.float64)


def refuse_shared_groups(split: Split, rule: SplitRule) -> None:
    """Stop when a group, a whole site that was held out, or an identical file is in two parts.

    Raises:
        DatasetError: naming both images.
    """
    groups: dict[str, tuple[str, DatasetImage]] = {}
    files: dict[str, tuple[str, DatasetImage]] = {}
    for part, images in split.items():
        for image in images:
            other_part, other = files.setdefault(image.sha256, (part, image))
            if other_part != part:
                raise DatasetError(
                    f"data.{part}", image.path, f"The same file is in {other_part} as {other.path}. Remove one of them."
                )
            if rule.by == "time" or part in {SAME_VIDEO, BETWEEN}:
                continue  # their groups are meant to go on in another part
            other_part, other = groups.setdefault(group_of(image), (part, image))
            if other_part != part:
                raise DatasetError(
                    "data.group",
                    group_of(image),
                    f"It is in {part} ({image.path}) and in {other_part} ({other.path}). Keep a group in one part.",
                )


def refuse_leaks(split: Split) -> None:
    """Stop when something of the judging sets was trained on.

    Raises:
        DatasetError: a site or group of :data:`UNSEEN_SITE`, or an identical image of any other set, is in training.
    """
    train = split[TRAIN]
    if not train:
        raise DatasetError("data.held_out_sites", "all", "Leave at least one site to train on.")
    for what, seen in (
        ("site", {image.site for image in train}),
        ("group", {image.group for image in train}),
    ):
        for image in split.get(UNSEEN_SITE, []):
            if getattr(image, what) in seen:
                raise DatasetError(f"data.{what}", getattr(image, what), "It is in training and in the unseen sites.")
    hashes = {image.sha256: image.path for image in train}
    for name, images in split.items():
        for image in images if name != TRAIN else ():
            if image.sha256 in hashes:
                raise DatasetError(
                    f"data.{name}", image.path, f"The same picture is trained on as {hashes[image.sha256]}. Remove one."
                )


def pictures_fingerprint(images: Sequence[DatasetImage]) -> str:
    """Return the sha256 over the pictures alone, whatever their labels, names and split."""
    return hashlib.sha256("\n".join(sorted({image.sha256 for image in images})).encode()).hexdigest()


def fingerprint(images: Sequence[DatasetImage]) -> str:
    """Return the sha256 over the sorted images with their labels: the identity of a data set."""
    digest = hashlib.sha256()
    for image in sorted(images, key=lambda image: (image.path, image.sha256)):
        unset = {name for name in LATER_FIELDS if not getattr(image, name)}
        digest.update(image.model_dump_json(exclude=unset).encode())
        digest.update(b"\n")
    return digest.hexdigest()
