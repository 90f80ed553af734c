"""A COCO document becomes dataset images; the label queue exports the same document with a few words more for each image.

Beside COCO's own ``file_name``, ``width`` and ``height`` an image may say ``site``, ``camera``, ``track``, ``captured_at``, ``annotator``
(one name or a list), ``sha256``, ``licence``, ``provenance`` and ``classes`` of the whole image; an annotation without ``bbox`` is such
a class, too. An image of the queue that nobody has labelled is refused: as an empty picture it would teach that there are no fish.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from contracts.datasets import DatasetImage
from contracts.samples import LabelledBox
from contracts.vision import Box
from models.data.errors import DatasetError
from models.data.index import read_time
from models.data.pictures import Watch, check_picture, unwatched
from models.data.yolo import OUTSIDE

MAX_DOCUMENT_BYTES = 1_000_000_000


def import_coco(
    document: Path,
    labels: tuple[str, ...] = (),
    *,
    images: Path | None = None,
    licence: str = "",
    provenance: str = "",
    site: str = "unknown",
    watch: Watch = unwatched,
) -> tuple[list[DatasetImage], tuple[str, ...]]:
    """Read every image of the document with its boxes and classes; return them with the names of the categories.

    Args:
        document: the JSON file.
        labels: categories that may occur; empty takes the document's.
        images: folder that ``file_name`` starts from; None takes the document's folder, else ``images`` in it.
            Paths of the dataset start with this folder's own name.
        licence: of images that do not name one, themselves or by COCO's ``license``.
        provenance: of images that do not tell it.
        site: of images that do not tell it.
        watch: goes through what it is given, and may show progress.

    Raises:
        DatasetError: not a COCO document, a missing or altered image, a box outside its image, an unknown category.
    """
    content = _read(document)
    root = images or _root_of(document, content["images"])
    names = {c.get("id"): str(c.get("name")) for c in content["categories"]}
    licences = {entry.get("id"): str(entry.get("name")) for entry in content.get("licenses") or ()}
    for identity, name in names.items():
        if labels and name not in labels:
            raise DatasetError(f"{document}: categories.{identity}", name, f"The classes are {', '.join(labels)}.")
    of_image: dict[Any, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for place, annotation in enumerate(content["annotations"]):
        of_image[annotation.get("image_id")].append((place, annotation))
    known = {entry.get("id") for entry in content["images"]}
    for identity in of_image:
        if identity not in known:
            place = of_image[identity][0][0]
            raise DatasetError(f"{document}: annotations.{place}.image_id", identity, "There is no such image.")
    found = []
    for place, entry in enumerate(watch(content["images"])):
        where = f"{document}: images.{place}"
        boxes, classes = _labels_of(of_image.get(entry.get("id"), ()), entry, names, str(document))
        classes = tuple(sorted({*classes, *_image_classes(entry, labels, where)}))
        if "annotator" in entry and entry["annotator"] is None and not boxes and not classes:
            raise DatasetError(
                f"{where}.annotator", None, "Nobody has labelled it. Export accepted labels only, or remove the image."
            )
        found.append(
            _image(entry, root, where, boxes, classes).model_copy(
                update={
                    "licence": entry.get("licence") or licences.get(entry.get("license")) or licence or "not stated",
                    "provenance": entry.get("provenance") or provenance or document.name,
                    "site": entry.get("site") or site,
                }
            )
        )
    if not found:
        raise DatasetError("data.document", str(document), "It has no images.")
    of_images = sorted({label for image in found for label in image.classes} - set(names.values()))
    return sorted(found, key=lambda image: image.path), labels or (*names.values(), *of_images)


def _root_of(document: Path, images: list[dict[str, Any]]) -> Path:
    beside = document.resolve().parent
    first = str(images[0].get("file_name") or "") if images else ""
    return beside if (beside / first).is_file() or not (beside / "images").is_dir() else beside / "images"


def _read(document: Path) -> dict[str, Any]:
    try:
        if document.stat().st_size > MAX_DOCUMENT_BYTES:
            raise DatasetError(
                "data.document", str(document), f"It has more than {MAX_DOCUMENT_BYTES} bytes. Split it."
            )
        content = json.loads(document.read_bytes())
    except (OSError, ValueError) as error:
        raise DatasetError("data.document", str(document), f"It cannot be read as JSON: {error}.") from error
    parts = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(
        isinstance(content.get(part), list) and all(isinstance(entry, dict) for entry in content[part])
        for part in parts
    ):
        raise DatasetError("data.document", str(document), f"A COCO document has the lists {', '.join(parts)}.")
    return content


def _image(
    entry: dict[str, Any], root: Path, where: str, boxes: tuple[LabelledBox, ...], classes: tuple[str, ...]
) -> DatasetImage:
    name = entry.get("file_name")
    if not isinstance(name, str) or not name:
        raise DatasetError(f"{where}.file_name", name, "Every image needs its file_name.")
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise DatasetError(f"{where}.file_name", name, f"Images lie inside {root}.")
    picture = check_picture(path)
    if (entry.get("width", picture.width), entry.get("height", picture.height)) != (picture.width, picture.height):
        raise DatasetError(
            f"{where}.width",
            f"{entry.get('width')}x{entry.get('height')}",
            f"{path} has {picture.width}x{picture.height} pixels: boxes would lie wrong. Export the document again.",
        )
    if entry.get("sha256") not in {None, picture.sha256}:
        raise DatasetError(f"{where}.sha256", entry["sha256"], f"{path} has other content. Fetch it again.")
    annotator = entry.get("annotator") or ()
    track = entry.get("track")
    return DatasetImage(
        path=f"{root.name}/{name}",
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        site="",
        group=str(track) if track is not None else name,
        camera=entry.get("camera"),
        captured_at=read_time(entry.get("captured_at"), f"{where}.captured_at"),
        boxes=boxes,
        classes=classes,
        annotators=(annotator,) if isinstance(annotator, str) else tuple(map(str, annotator)),
        licence="",
        provenance="",
    )


def _image_classes(entry: dict[str, Any], labels: tuple[str, ...], where: str) -> list[str]:
    classes = entry.get("classes") or []
    if not isinstance(classes, list) or not all(isinstance(name, str) and name for name in classes):
        raise DatasetError(f"{where}.classes", classes, "classes is a list of names.")
    for name in classes:
        if labels and name not in labels:
            raise DatasetError(f"{where}.classes", name, f"The classes are {', '.join(labels)}.")
    return classes


def _labels_of(
    annotations: Any, entry: dict[str, Any], names: dict[Any, str], document: str
) -> tuple[tuple[LabelledBox, ...], tuple[str, ...]]:
    boxes, classes = [], []
    for place, annotation in annotations:
        where = f"{document}: annotations.{place}"
        category = annotation.get("category_id")
        if category not in names:
            known = ", ".join(f"{key} {name}" for key, name in names.items())
            raise DatasetError(f"{where}.category_id", category, f"The categories are {known}.")
        if not annotation.get("bbox"):
            classes.append(names[category])
        elif not annotation.get("iscrowd"):  # a crowd is an area without counted objects
            box = _box(annotation["bbox"], entry, f"{where}.bbox")
            boxes.append(LabelledBox(label=names[category], box=box))
    return tuple(boxes), tuple(sorted(set(classes)))


def _box(values: Any, entry: dict[str, Any], where: str) -> Box:
    try:
        x, y, w, h = map(float, values)
        width, height = float(entry["width"]), float(entry["height"])
    except (TypeError, ValueError, KeyError) as error:
        raise DatasetError(
            where, values, "bbox is [left, top, width, height] in pixels; its image needs a width and height."
        ) from error
    if not (w > 0 and h > 0):
        raise DatasetError(where, values, "Width and height of a box are above 0.")
    if min(x / width, y / height) < -OUTSIDE or max((x + w) / width, (y + h) / height) > 1 + OUTSIDE:
        raise DatasetError(
            where, values, f"The box leaves its image of {width:.0f}x{height:.0f} pixels. Draw it again."
        )
    left, top = max(x, 0.0) / width, max(y, 0.0) / height
    return Box(x=left, y=top, w=min((x + w) / width, 1.0) - left, h=min((y + h) / height, 1.0) - top)
