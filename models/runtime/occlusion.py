"""Where a classifier's answer comes from: parts of the picture are covered one after the other, and what its confidence loses is told.

Occlusion (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2). It needs nothing but the model's
answers, so that it holds for every bundle; it tells what the answer rests on, not whether it is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from models.runtime.classifier import Classifier
from models.runtime.jpeg import decode_for
from models.runtime.preprocess import FrameArray, placement

GRID = 7
"""Rows and columns of parts: 49 answers, which a processor core gives in a second or two."""
AT_ONCE = 4
"""Pictures in one call: whoever asks the same session meanwhile waits for no more than these."""


@dataclass(frozen=True, slots=True)
class OcclusionMap:
    """What the confidence in one class loses when a part of the picture is covered."""

    label: str
    """The class that is told of: the most likely one of the whole picture."""
    confidence: float
    """Of the whole picture."""
    lost: tuple[tuple[float, ...], ...]
    """By row from the top and column from the left, -1 to 1; below 0 where covering makes the model surer."""


def occlusion_map(classifier: Classifier, image: bytes, *, grid: int = GRID) -> OcclusionMap:
    """Cover each of ``grid`` x ``grid`` parts with the picture's mean colour, and ask again.

    Args:
        classifier: a running one.
        image: encoded; it is looked at in the size that the model sees, so that memory does not depend on it.
        grid: rows and columns of parts.

    Raises:
        InferenceError: the bytes are not an image, or the model gave no usable answer.
    """
    frame = _as_seen(classifier, image)
    (whole,) = classifier.classify([frame])
    scores: list[float] = []
    chunk: list[FrameArray] = []
    for covered in _covered(frame, grid):
        chunk.append(covered)
        if len(chunk) == AT_ONCE:
            scores += [answer.scores[whole.best_label] for answer in classifier.classify(chunk)]
            chunk = []
    if chunk:
        scores += [answer.scores[whole.best_label] for answer in classifier.classify(chunk)]
    lost = [round(whole.confidence - score, 4) for score in scores]
    rows = tuple(tuple(lost[row * grid : (row + 1) * grid]) for row in range(grid))
    return OcclusionMap(whole.best_label, whole.confidence, rows)


def _as_seen(classifier: Classifier, image: bytes) -> FrameArray:
    wanted = classifier.session.image
    frame = decode_for(image, wanted.width, wanted.height)
    place = placement(frame.shape[1], frame.shape[0], wanted)
    if place.width >= frame.shape[1] and place.height >= frame.shape[0]:
        return frame
    return np.asarray(cv2.resize(frame, (place.width, place.height), interpolation=cv2.INTER_AREA), np.uint8)


def _covered(frame: FrameArray, grid: int) -> Iterator[FrameArray]:
    """The frame with one part covered, by row and column."""
    mean = frame.mean(axis=(0, 1)).astype(np.uint8)
    rows = np.linspace(0, frame.shape[0], grid + 1).round().astype(int)
    columns = np.linspace(0, frame.shape[1], grid + 1).round().astype(int)
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            covered = frame.copy()
            covered[top:bottom, left:right] = mean
            yield covered
