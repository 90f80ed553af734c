"""The pictures that a model was most wrong about, drawn so that a person sees why: what is there, what was found, what was missed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from contracts.bundles import Task
from contracts.datasets import DatasetImage
from models.data.errors import DatasetError
from models.data.frames import read_picture
from models.data.snapshot import locate
from models.evaluation.detection import FrameResult, match
from models.evaluation.document import Evaluation, FoundBox, ImageResult, ModelUnderTest
from models.runtime.preprocess import FloatArray, FrameArray

FOUND, MISSED, FALSE = (90, 180, 60), (40, 40, 230), (20, 140, 250)
"""BGR: a fish that was found, one that was missed, a box where there is none."""
WIDTH = 480
_QUALITY = 82


class Case(NamedTuple):
    """One picture and what went wrong, in words."""

    image: ImageResult
    badness: float
    text: str


def worst_cases(evaluation: Evaluation, *, most: int = 12) -> list[Case]:
    """The worst picture of each group first, because one bad video would fill the page; then more of them."""
    told = _box_case if evaluation.model.task is Task.DETECTION else _class_case
    cases = [case for image in evaluation.images if (case := told(evaluation.model, image)) is not None]
    cases.sort(key=lambda case: (-case.badness, case.image.path))
    firsts = list({case.image.group: case for case in reversed(cases)}.values())[::-1]
    firsts.sort(key=lambda case: (-case.badness, case.image.path))
    return [*firsts, *(case for case in cases if case not in firsts)][:most]


def draw(
    case: Case, model: ModelUnderTest, snapshot_images: dict[str, DatasetImage], roots: Sequence[Path]
) -> str | None:
    """The picture as a data URL with boxes in it; None when its file is gone."""
    try:
        (located,) = locate([snapshot_images[case.image.path]], roots)
        picture = read_picture(located.root, located.image)
    except (DatasetError, KeyError):
        return None
    return as_data_url(_drawn(case.image, model, picture))


def as_data_url(picture: FrameArray) -> str:
    """A JPEG for a page that needs no other file."""
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _box_case(model: ModelUnderTest, image: ImageResult) -> Case | None:
    hit, missed, false = _judged(model, image)
    if not missed and not false:
        return None
    text = f"{len(image.boxes)} there: {hit} found, {missed} missed, {false} false"
    return Case(image, missed + false + (missed + false) / (1 + hit), text)


def _class_case(model: ModelUnderTest, image: ImageResult) -> Case | None:
    if not image.scores:
        return None
    if model.task is Task.SCORES:
        wrong = [
            (abs(score - float(label in image.classes)), label, score)
            for label, score in zip(model.labels, image.scores, strict=True)
        ]
        badness, label, score = max(wrong)
        return None if badness < 0.5 else Case(image, badness, f"{label}: {score:.2f}, true {label in image.classes}")  # noqa: PLR2004 - on the wrong side
    best = int(np.argmax(image.scores))
    true = image.classes[0] if image.classes else "nothing"
    if model.labels[best] == true:
        return None
    return Case(image, image.scores[best], f"{true}, said {model.labels[best]} ({image.scores[best]:.2f})")


def _judged(model: ModelUnderTest, image: ImageResult) -> tuple[int, int, int]:
    hits = _hits(model, image)
    hit = int(hits.sum())
    return hit, len(image.boxes) - hit, len(hits) - hit


def _hits(model: ModelUnderTest, image: ImageResult) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """For every box that is sure enough, the surest first: is there a fish that it alone hits (IoU 0.50)?"""
    sure = _sure(model, image)
    boxes = np.array([f.box for f in sure], np.float32).reshape(-1, 4)
    truth = np.array([b.box for b in image.boxes], np.float32).reshape(-1, 4)
    scores = np.array([f.confidence for f in sure], np.float32)
    return np.asarray(match(FrameResult(boxes, scores, truth))[:, 0], bool)


def _sure(model: ModelUnderTest, image: ImageResult) -> list[FoundBox]:
    return sorted((f for f in image.found if f.confidence >= model.threshold), key=lambda f: -f.confidence)


def _drawn(image: ImageResult, model: ModelUnderTest, picture: FrameArray) -> FrameArray:
    scale = WIDTH / picture.shape[1]
    frame = cv2.resize(
        picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    if model.task is not Task.DETECTION:
        return np.asarray(frame, np.uint8)
    size = np.array([frame.shape[1], frame.shape[0]] * 2)
    sure, hits = _sure(model, image), _hits(model, image)
    for true in image.boxes:
        _box(frame, np.asarray(true.box * size, np.float32), MISSED, 1)
    for found, hit in zip(sure, hits, strict=True):
        corners = np.asarray(found.box * size, np.float32)
        _box(frame, corners, FOUND if hit else FALSE, 2)
        place = (int(corners[0]) + 2, max(10, int(corners[1]) - 3))
        cv2.putText(
            frame,
            f"{found.confidence:.2f}",
            place,
            cv2.FONT_HERSHEY_SIMPLEX,
            0.35,
            FOUND if hit else FALSE,
            1,
            cv2.LINE_AA,
        )
    return np.asarray(frame, np.uint8)


def _box(frame: FrameArray, corners: FloatArray, colour: tuple[int, int, int], width: int) -> None:
    left, top, right, bottom = (round(float(v)) for v in corners)
    cv2.rectangle(frame, (left, top), (right, bottom), colour, width, cv2.LINE_AA)
