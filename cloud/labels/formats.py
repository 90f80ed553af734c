"""Labels as COCO and as Label Studio JSON, out and in. Pure: documents in, documents out, faults by their place.

COCO (https://cocodataset.org/#format-data) with further keys per image; Label Studio as its own export writes tasks
(https://labelstud.io/guide/export, `rectanglelabels`, `choices`, `number`). Frames are known by their sha256: the key
`sha256`, or 64 hexadecimal digits in the name of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cloud.labels.rules import Answer
from contracts.samples import LabelledBox
from contracts.vision import Box, Detection

_HASH = re.compile(r"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
_SUFFIX = {"image/jpeg": "jpg", "image/png": "png"}
_MOST_FAULTS = 100
_CORNERS = 4


@dataclass(frozen=True)
class Frame:
    """A frame with one answer, as it leaves."""

    sha256: str
    media_type: str
    width: int
    height: int
    site: str
    unit: str
    device: str
    camera: str
    captured_at: datetime
    reason: str
    source: str
    licence: str
    answer: Answer | None
    annotator: str | None
    reviewer: str | None = None
    model: str | None = None
    proposals: Sequence[Detection] = ()

    @property
    def file_name(self) -> str:
        """Name in an archive."""
        return f"images/{self.sha256}.{_SUFFIX[self.media_type]}"

    @property
    def track(self) -> str:
        """What must never be split: a day of one camera, whose frames resemble each other."""
        return f"{self.site}/{self.device}/{self.camera}/{self.captured_at:%Y-%m-%d}"


@dataclass(frozen=True)
class Incoming:
    """An answer that came in a file."""

    where: str
    sha256: str
    annotator: str | None
    answer: Answer


@dataclass
class Parsed:
    """What a file says, and what is wrong with it."""

    answers: list[Incoming] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def fault(self, where: str, what: str) -> None:
        """Keep a fault, as long as there are not too many to read."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append((where, what))


def to_coco(frames: Sequence[Frame], classes: Sequence[str], info: dict[str, Any]) -> dict[str, Any]:
    """A COCO document; the same frames in the same order make the same document."""
    seen = {box.label for frame in frames if frame.answer is not None for box in frame.answer.boxes}
    names = [*classes, *sorted(seen - set(classes))]
    category = {name: number for number, name in enumerate(names, 1)}
    licences = {name: number for number, name in enumerate(sorted({frame.licence for frame in frames}), 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, frame in enumerate(frames, 1):
        images.append(_coco_image(image_id, frame, licences[frame.licence]))
        for box in frame.answer.boxes if frame.answer is not None else ():
            x, y, w, h = (
                round(box.box.x * frame.width, 3),
                round(box.box.y * frame.height, 3),
                round(box.box.w * frame.width, 3),
                round(box.box.h * frame.height, 3),
            )
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category[box.label],
                    "bbox": [x, y, w, h],
                    "area": round(w * h, 3),
                    "iscrowd": 0,
                }
            )
    return {
        "info": info,
        "licenses": [{"id": number, "name": name, "url": ""} for name, number in licences.items()],
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in category.items()],
        "images": images,
        "annotations": annotations,
    }


def from_coco(document: Any) -> Parsed:
    """Answers of a COCO document: every image in it is one, also an image without boxes."""
    parsed = Parsed()
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        parsed.fault("images", "a COCO document is an object with the lists images, annotations and categories")
        return parsed
    names = {one.get("id"): one.get("name") for one in _objects(document, "categories")}
    boxes: dict[Any, list[LabelledBox]] = {}
    sizes = {one.get("id"): (one.get("width"), one.get("height")) for one in _objects(document, "images")}
    for i, one in enumerate(_objects(document, "annotations")):
        where = f"annotations.{i}"
        if one.get("image_id") not in sizes:
            parsed.fault(f"{where}.image_id", f"{one.get('image_id')!r} is no image of this document")
        elif not isinstance(name := names.get(one.get("category_id")), str):
            parsed.fault(f"{where}.category_id", f"{one.get('category_id')!r} is no category of this document")
        else:
            box = _pixels(one.get("bbox"), sizes[one["image_id"]])
            if box is None:
                parsed.fault(f"{where}.bbox", f"{one.get('bbox')!r} is no [x, y, width, height] within its image")
            else:
                labelled = LabelledBox(label=name, box=box)
                boxes.setdefault(one["image_id"], []).append(labelled)
    for i, one in enumerate(_objects(document, "images")):
        sha256 = _hash_in(one.get("sha256"), one.get("file_name"))
        if sha256 is None:
            parsed.fault(f"images.{i}.file_name", f"{one.get('file_name')!r} holds no sha256; name files by theirs")
            continue
        classes, scores = one.get("classes", []), one.get("scores", {})
        if not _are_names(classes) or not _are_scores(scores):
            parsed.fault(f"images.{i}", "classes is a list of names and scores an object of numbers from 0 to 1")
            continue
        answer = Answer(boxes.get(one.get("id"), []), classes, scores)
        parsed.answers.append(Incoming(f"images.{i}", sha256, _text(one.get("annotator")), answer))
    return parsed


def to_label_studio(frames: Iterable[Frame]) -> list[dict[str, Any]]:
    """Tasks of Label Studio: answers as annotations, what a model proposes as predictions."""
    return [
        {
            "data": {
                "image": frame.file_name,
                "sha256": frame.sha256,
                "site": frame.site,
                "unit": frame.unit,
                "camera": frame.camera,
                "track": frame.track,
                "captured_at": frame.captured_at.isoformat(),
                "licence": frame.licence,
                "reason": frame.reason,
            },
            "annotations": [] if frame.answer is None else [_studio_answer(frame, frame.answer)],
            "predictions": [_studio_prediction(frame)] if frame.proposals else [],
        }
        for frame in frames
    ]


def from_label_studio(document: Any) -> Parsed:
    """Answers of a Label Studio export (JSON, not JSON-MIN): every annotation that was not cancelled is one."""
    parsed = Parsed()
    if not isinstance(document, list) or not all(isinstance(task, dict) for task in document):
        parsed.fault("(file)", "a Label Studio export is a list of tasks; export as JSON, not as JSON-MIN")
        return parsed
    for i, task in enumerate(document):
        data = task.get("data")
        data = data if isinstance(data, dict) else {}
        sha256 = _hash_in(data.get("sha256"), data.get("image"))
        if sha256 is None:
            parsed.fault(f"{i}.data.image", f"{data.get('image')!r} holds no sha256; name files by theirs")
            continue
        for j, annotation in enumerate(_objects(task, "annotations")):
            if annotation.get("was_cancelled"):
                continue
            where = f"{i}.annotations.{j}"
            answer = _from_results(annotation, where, parsed)
            who = annotation.get("completed_by")
            who = who.get("email") if isinstance(who, dict) else who
            parsed.answers.append(Incoming(where, sha256, None if who is None else _text(str(who)), answer))
    return parsed


def count(frames: Sequence[Frame]) -> dict[str, Any]:
    """What is in a data set."""
    answers = [frame.answer for frame in frames if frame.answer is not None]
    return {
        "boxes": sum(len(answer.boxes) for answer in answers),
        "boxes_by_class": _tally(box.label for answer in answers for box in answer.boxes),
        "images_by_class": _tally(name for answer in answers for name in answer.classes),
        "images_by_site": _tally(frame.site for frame in frames),
        "images_by_camera": _tally(f"{frame.site}/{frame.device}/{frame.camera}" for frame in frames),
        "images_by_reason": _tally(frame.reason for frame in frames),
        "images_without_boxes": sum(not answer.boxes for answer in answers),
        "tracks": len({frame.track for frame in frames}),
    }


def _tally(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _coco_image(image_id: int, frame: Frame, licence: int) -> dict[str, Any]:
    return {
        "id": image_id,
        "file_name": frame.file_name,
        "width": frame.width,
        "height": frame.height,
        "license": licence,
        "date_captured": frame.captured_at.isoformat(),
        "sha256": frame.sha256,
        "site": frame.site,
        "unit": frame.unit,
        "device": frame.device,
        "camera": frame.camera,
        "track": frame.track,
        "captured_at": frame.captured_at.isoformat(),
        "annotator": frame.annotator,
        "reviewer": frame.reviewer,
        "licence": frame.licence,
        "reason": frame.reason,
        "source": frame.source,
        "model": frame.model,
        "classes": [] if frame.answer is None else list(frame.answer.classes),
        "scores": {} if frame.answer is None else dict(frame.answer.scores or {}),
    }


def _studio_answer(frame: Frame, answer: Answer) -> dict[str, Any]:
    results = [_rectangle(frame, box.label, box.box) for box in answer.boxes]
    if answer.classes:
        value = {"choices": list(answer.classes)}
        results.append({"from_name": "classes", "to_name": "image", "type": "choices", "value": value})
    results += [
        {"from_name": name, "to_name": "image", "type": "number", "value": {"number": value}}
        for name, value in sorted((answer.scores or {}).items())
    ]
    return {"completed_by": frame.annotator, "was_cancelled": False, "result": results}


def _studio_prediction(frame: Frame) -> dict[str, Any]:
    results = [_rectangle(frame, one.label, one.box) | {"score": one.confidence} for one in frame.proposals]
    mean = sum(one.confidence for one in frame.proposals) / len(frame.proposals)
    return {"model_version": frame.model or "", "score": mean, "result": results}


def _rectangle(frame: Frame, label: str, box: Box) -> dict[str, Any]:
    return {
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": frame.width,
        "original_height": frame.height,
        "value": {
            "x": box.x * 100,
            "y": box.y * 100,
            "width": box.w * 100,
            "height": box.h * 100,
            "rotation": 0,
            "rectanglelabels": [label],
        },
    }


def _from_results(annotation: dict[str, Any], where: str, parsed: Parsed) -> Answer:
    boxes: list[LabelledBox] = []
    classes: list[str] = []
    scores: dict[str, float] = {}
    for k, result in enumerate(_objects(annotation, "result")):
        value, at = result.get("value"), f"{where}.result.{k}"
        value = value if isinstance(value, dict) else {}
        kind = result.get("type")
        if kind == "rectanglelabels":
            box = _fractions([value.get(name) for name in ("x", "y", "width", "height")], (100.0, 100.0))
            names: Any = value.get("rectanglelabels")
            if value.get("rotation"):
                parsed.fault(f"{at}.value.rotation", "boxes are upright here; draw it without rotation")
            elif box is None or not _are_names(names) or len(names) != 1:
                parsed.fault(f"{at}.value", "needs x, y, width, height in percent within the image, and one label")
            else:
                boxes.append(LabelledBox(label=names[0], box=box))
        elif kind == "choices" and _are_names(value.get("choices")):
            classes += value["choices"]
        elif kind == "number" and _are_scores({"number": value.get("number")}):
            scores[str(result.get("from_name"))] = float(value["number"])
        else:
            parsed.fault(f"{at}.type", f"{kind!r} is not read here; rectanglelabels, choices and number are")
    return Answer(boxes, list(dict.fromkeys(classes)), scores)


def _pixels(bbox: Any, size: tuple[Any, Any]) -> Box | None:
    width, height = size
    if not all(isinstance(side, (int, float)) and side > 0 for side in (width, height)) or not isinstance(bbox, list):
        return None
    return _fractions(bbox, (float(width), float(height)))


def _fractions(values: Sequence[Any], size: tuple[float, float]) -> Box | None:
    """A box in other units as fractions; up to half a percent beyond the edge is cut off, as tools round."""
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    if len(values) != _CORNERS or not numeric:
        return None
    x, y, w, h = values[0] / size[0], values[1] / size[1], values[2] / size[0], values[3] / size[1]
    left, top, right, bottom = max(0.0, x), max(0.0, y), min(1.0, x + w), min(1.0, y + h)
    slack = 0.005
    inside = x >= -slack and y >= -slack and x + w <= 1 + slack and y + h <= 1 + slack
    if not (inside and right > left and bottom > top):  # a NaN is not inside
        return None
    return Box(x=left, y=top, w=right - left, h=bottom - top)


def _objects(parent: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = parent.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _hash_in(*texts: Any) -> str | None:
    for text in texts:
        match = _HASH.search(text) if isinstance(text, str) else None
        if match is not None:
            return match[1]
    return None


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) and 0 < len(name) <= 64 for name in names)  # noqa: PLR2004


def _are_scores(scores: Any) -> bool:
    return isinstance(scores, dict) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1 for value in scores.values()
    )


def _text(value: Any) -> str | None:
    """A name that may stand in a column."""
    return value[:200] if isinstance(value, str) and value.isprintable() and value else None
