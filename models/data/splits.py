"""Which images may train and which must judge: whole sites are held out, and within a site whole stretches of video.

Pure decisions over dataset images. The measured reason: the same network scores mAP50 0.78 on other frames of the
videos it was trained on and 0.13 in unseen habitats.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from contracts.datasets import DatasetImage
from models.data.errors import DatasetError

TRAIN = "train"
SAME_VIDEO = "same_video"
"""Other frames of videos that were trained on: how well the model knows its own tanks."""
UNSEEN_SITE = "unseen_site"
"""Sites that were never trained on: what a new customer gets."""

Split = dict[str, list[DatasetImage]]


def split_by_site(images: Sequence[DatasetImage], held_out: Sequence[str], *, same_video_every: int = 0) -> Split:
    """Put the held-out sites aside, and of every other group its last ``1/same_video_every`` frames.

    Args:
        images: the whole data set; the order within a group is the order of time.
        held_out: sites that go to :data:`UNSEEN_SITE`.
        same_video_every: 0 keeps all frames of the other sites for training.

    Raises:
        DatasetError: a held-out site is not in the data, or nothing is left to train on.
    """
    sites = {image.site for image in images}
    for site in held_out:
        if site not in sites:
            raise DatasetError("data.held_out_sites", site, f"The data has the sites {', '.join(sorted(sites))}.")
    split: Split = {TRAIN: [], SAME_VIDEO: [], UNSEEN_SITE: []}
    groups: dict[str, list[DatasetImage]] = defaultdict(list)
    for image in images:
        if image.site in held_out:
            split[UNSEEN_SITE].append(image)
        else:
            groups[image.group].append(image)
    for group in groups.values():
        kept = len(group) - (len(group) // same_video_every if same_video_every else 0)
        split[TRAIN] += group[:kept]
        split[SAME_VIDEO] += group[kept:]
    refuse_leaks(split)
    return split


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


def fingerprint(images: Sequence[DatasetImage]) -> str:
    """Return the sha256 over the sorted images with their labels: the identity of a data set."""
    digest = hashlib.sha256()
    for image in sorted(images, key=lambda image: (image.path, image.sha256)):
        digest.update(image.model_dump_json().encode())
        digest.update(b"\n")
    return digest.hexdigest()
