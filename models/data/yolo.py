"""A YOLO folder (``images/*.jpg`` with ``labels/*.txt``) becomes dataset images with site, group and sha256.

What belongs together is read from the file name or from ``index.csv`` (columns path, sequence, habitat), because a
split by single images would put neighbouring frames of one video on both sides.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2

from contracts.datasets import DatasetImage
from contracts.samples import LabelledBox
from contracts.vision import Box
from models.data.errors import DatasetError

Crop = tuple[int, int, int, int]

MIN_VISIBLE = 0.2
"""A box of which less than this share lies inside the crop is dropped."""


class Origin(NamedTuple):
    """Where an image comes from: ``site`` never spans two splits, ``group`` is one video or scene."""

    site: str
    group: str


def import_yolo(
    folder: Path,
    labels: tuple[str, ...],
    *,
    licence: str,
    provenance: str,
    site: str = "unknown",
    crop: Crop | None = None,
) -> list[DatasetImage]:
    """Read every image of the folder with its boxes, in order of path; paths start with the folder's own name.

    Args:
        folder: holds ``images`` and ``labels``, and ``index.csv`` where the file names do not tell the origin.
        labels: class names in the order of the class numbers.
        licence: SPDX name or words of the licence, kept with every image.
        provenance: where the data came from and whom to credit, kept with every image.
        site: site of images that the index does not name.
        crop: x0 y0 x1 y1 in pixels, when the pictures have letterbox bars.

    Raises:
        DatasetError: no images, a missing or malformed label file, an unreadable image.
    """
    paths = sorted((folder / "images").glob("*.jpg"))
    if not paths:
        raise DatasetError("data.folder", str(folder), "Give a folder with images/*.jpg and labels/*.txt.")
    origins = dict(_read_index(folder / "index.csv"))
    images = []
    for path in paths:
        name = f"images/{path.name}"  # as index.csv writes it
        # shoal.simulate.export names scenes "sim1_s00042_f000168"; the scene is the group.
        origin = origins.get(name, Origin(site, path.stem.rsplit("_f", 1)[0]))
        content = path.read_bytes()
        height, width = _size(path)
        boxes = tuple(_read_labels(folder / "labels" / f"{path.stem}.txt", labels, (width, height), crop))
        images.append(
            DatasetImage(
                path=f"{folder.name}/{name}",
                sha256=hashlib.sha256(content).hexdigest(),
                width=width,
                height=height,
                crop=crop,
                site=origin.site,
                group=origin.group,
                boxes=boxes,
                licence=licence,
                provenance=provenance,
            )
        )
    return images


def _read_index(path: Path) -> Iterator[tuple[str, Origin]]:
    if path.is_file():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                yield row["path"], Origin(row["habitat"], row["sequence"])


def _size(path: Path) -> tuple[int, int]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError("data.image", str(path), "The image is broken. Remove it or fetch it again.")
    return int(image.shape[0]), int(image.shape[1])


def _read_labels(
    path: Path, labels: tuple[str, ...], size: tuple[int, int], crop: Crop | None
) -> Iterator[LabelledBox]:
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise DatasetError(
            "data.labels", str(path), "Every image needs a label file; an empty one means none."
        ) from error
    for number, line in enumerate(filter(str.strip, lines), start=1):
        try:
            index, *numbers = line.split()
            x, y, w, h = map(float, numbers)
            label = labels[int(index)]
        except (ValueError, IndexError) as error:
            raise DatasetError(
                f"{path.name}:{number}", line, f"Write 'class x y w h' with class 0..{len(labels) - 1}."
            ) from error
        if not (0 < w <= 1 and 0 < h <= 1 and 0 <= x <= 1 and 0 <= y <= 1):
            raise DatasetError(f"{path.name}:{number}", line, "x y w h are fractions of the image, w and h above 0.")
        box = _within((x - w / 2, y - h / 2, x + w / 2, y + h / 2), size, crop)
        if box is not None:
            yield LabelledBox(label=label, box=box)


def _within(corners: tuple[float, float, float, float], size: tuple[int, int], crop: Crop | None) -> Box | None:
    width, height = size
    left, top, right, bottom = crop or (0, 0, width, height)
    spans = []
    for low, high, start, end, full in (
        (corners[0], corners[2], left, right, width),
        (corners[1], corners[3], top, bottom, height),
    ):
        inside = [min(max((v * full - start) / (end - start), 0.0), 1.0) for v in (low, high)]
        visible = (inside[1] - inside[0]) * (end - start) / ((high - low) * full)
        if visible < MIN_VISIBLE:
            return None
        spans.append((inside[0], inside[1] - inside[0]))
    (x, w), (y, h) = spans
    return Box(x=x, y=y, w=w, h=h)
