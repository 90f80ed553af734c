"""A YOLO folder (``images/*.jpg`` with ``labels/*.txt``) becomes dataset images with site, group and sha256.

What belongs together is read from the file name or from ``index.csv`` (columns path, sequence, habitat; see ``index``),
because a split by single images would put neighbouring frames of one video on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from contracts.datasets import DatasetImage
from contracts.samples import LabelledBox
from contracts.vision import Box
from models.data.errors import DatasetError
from models.data.index import Origin, read_index
from models.data.pictures import Watch, check_picture, find_pictures, unwatched

Crop = tuple[int, int, int, int]

MIN_VISIBLE = 0.2
"""A box of which less than this share lies inside the crop is dropped."""
OUTSIDE = 0.01
"""Share of the image by which a box may stick out: labelling tools round. More is a wrong label."""


def import_yolo(
    folder: Path,
    labels: tuple[str, ...],
    *,
    licence: str,
    provenance: str,
    site: str = "unknown",
    crop: Crop | None = None,
    watch: Watch = unwatched,
) -> list[DatasetImage]:
    """Read every image of the folder with its boxes, in order of path; paths start with the folder's own name.

    Args:
        folder: holds ``images`` and ``labels``, and ``index.csv`` where the file names do not tell the origin.
        labels: class names in the order of the class numbers.
        licence: SPDX name or words of the licence, kept with every image.
        provenance: where the data came from and whom to credit, kept with every image.
        site: site of images that the index does not name.
        crop: x0 y0 x1 y1 in pixels, when the pictures have letterbox bars.
        watch: goes through what it is given, and may show progress.

    Raises:
        DatasetError: no images, a missing or malformed label file, a box outside its image, an unreadable image.
    """
    paths = find_pictures(folder / "images")
    if not paths:
        raise DatasetError("data.folder", str(folder), "Give a folder with images/*.jpg and labels/*.txt.")
    origins = read_index(folder)
    images = []
    for path in watch(paths):
        name = f"images/{path.name}"  # as index.csv writes it
        origin = origins.get(name, Origin())
        picture = check_picture(path)
        size = (picture.width, picture.height)
        images.append(
            DatasetImage(
                path=f"{folder.name}/{name}",
                sha256=picture.sha256,
                width=picture.width,
                height=picture.height,
                crop=_checked_crop(crop, size, path),
                site=origin.site or site,
                # shoal.simulate.export names scenes "sim1_s00042_f000168"; the scene is the group.
                group=origin.group or path.stem.rsplit("_f", 1)[0],
                camera=origin.camera,
                captured_at=origin.captured_at,
                boxes=tuple(_read_labels(folder / "labels" / f"{path.stem}.txt", labels, size, crop)),
                licence=licence,
                provenance=provenance,
            )
        )
    _refuse_labels_of_nothing(folder / "labels", {Path(image.path).stem for image in images})
    return images


def _refuse_labels_of_nothing(folder: Path, pictures: set[str]) -> None:
    lost = sorted(path for path in folder.glob("*.txt") if path.stem not in {*pictures, "classes"})
    if lost:
        raise DatasetError(
            "data.labels", str(lost[0]), f"There is no picture {lost[0].stem} in images for it ({len(lost)} such files). Rename it as "
            "its picture is named, bring the picture, or remove it.",
        )  # fmt: skip


def read_names(folder: Path) -> tuple[str, ...]:
    """Class names of ``data.yaml`` or ``classes.txt``, as YOLO tools write them; empty when neither is there.

    Raises:
        DatasetError: ``data.yaml`` is no YAML, or its ``names`` are none.
    """
    listed, described = folder / "classes.txt", folder / "data.yaml"
    if listed.is_file():
        return tuple(line.strip() for line in listed.read_text().splitlines() if line.strip())
    if not described.is_file():
        return ()
    try:
        names = yaml.safe_load(described.read_text())["names"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise DatasetError("data.names", str(described), "Write 'names: [fish, ...]', or give the labels.") from error
    values = [names[key] for key in sorted(names)] if isinstance(names, dict) else names
    return tuple(map(str, values))


def _checked_crop(crop: Crop | None, size: tuple[int, int], path: Path) -> Crop | None:
    if crop is not None and not (0 <= crop[0] < crop[2] <= size[0] and 0 <= crop[1] < crop[3] <= size[1]):
        raise DatasetError(
            "data.crop", crop, f"{path} has {size[0]}x{size[1]} pixels. Give left top right bottom inside."
        )
    return crop


def _read_labels(
    path: Path, labels: tuple[str, ...], size: tuple[int, int], crop: Crop | None
) -> Iterator[LabelledBox]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            "data.labels", str(path), "Every image needs a label file; an empty one means none."
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            index, *numbers = line.split()
            x, y, w, h = map(float, numbers)
            label = labels[_class_number(index, len(labels))]
        except ValueError as error:
            classes = ", ".join(f"{place} is {name}" for place, name in enumerate(labels))
            raise DatasetError(
                where, line, f"Write 'class x y w h', the class as its number ({classes}). A class that is missing there is named "
                "with --label, or in data.yaml or classes.txt.",
            ) from error  # fmt: skip
        if not (0 < w <= 1 and 0 < h <= 1 and 0 <= x <= 1 and 0 <= y <= 1):
            raise DatasetError(
                where,
                line,
                "x y w h are fractions of the image from 0 to 1, w and h above 0. Divide pixels by width and height.",
            )
        corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        if min(corners) < -OUTSIDE or max(corners) > 1 + OUTSIDE:
            raise DatasetError(
                where,
                line,
                f"The box leaves its image: its edges are {_short(corners)}. x y are the middle; draw again.",
            )
        box = _within(corners, size, crop)
        if box is not None:
            yield LabelledBox(label=label, box=box)


def _class_number(text: str, classes: int) -> int:
    number = int(text)
    if not 0 <= number < classes:
        raise ValueError(text)
    return number


def _short(corners: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3f}" for value in corners)


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
