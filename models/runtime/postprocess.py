"""Raw tensors become labelled boxes: both detector formats of the manifest, non-maximum suppression, the threshold.

Pure numpy on one image at a time; it decides nothing about files, sessions or frames.

Array suffixes: N boxes kept, K candidates of a ``boxes_scores`` head, A anchors of a ``yolo`` head, C classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from contracts.vision import Box, Detection
from models.runtime.errors import InferenceError
from models.runtime.preprocess import FloatArray, Placement

MAX_CANDIDATES = 1000
"""Candidates per image that go into non-maximum suppression; the best by score."""
MAX_DETECTIONS = 300
"""Detections per image; more is noise, and every one costs bytes on the uplink."""


class Candidates(NamedTuple):
    """Corner boxes x0 y0 x1 y1 in input pixels, best first, with score and class index."""

    boxes: FloatArray
    scores: FloatArray
    classes: npt.NDArray[np.int64]


def from_boxes_scores(
    boxes_K4: npt.NDArray[Any], scores_K: npt.NDArray[Any], classes_K: npt.NDArray[Any] | None, threshold: float
) -> Candidates:
    """Read a head whose graph already suppressed duplicates; unused slots have a score below every threshold."""
    if classes_K is None:
        classes_K = np.zeros(len(scores_K), np.int64)
    return _best(boxes_K4, scores_K, classes_K, threshold, MAX_DETECTIONS)


def from_yolo(output_FA: npt.NDArray[Any], threshold: float, iou_threshold: float) -> Candidates:
    """Read a YOLO head, rows cx cy w h then one score per class, and suppress duplicates per class."""
    if len(output_FA) < 5:  # noqa: PLR2004 - four box rows and at least one class
        raise InferenceError(f"a yolo head has four box rows and at least one class row; got {output_FA.shape}")
    classes_A = output_FA[4:].argmax(axis=0)
    scores_A = output_FA[4:].max(axis=0)
    centre, half = output_FA[:2], output_FA[2:4] / 2
    boxes_A4 = np.concatenate([centre - half, centre + half]).T
    found = _best(boxes_A4, scores_A, classes_A, threshold, MAX_CANDIDATES)
    keep = suppress(found, iou_threshold)[:MAX_DETECTIONS]
    return Candidates(found.boxes[keep], found.scores[keep], found.classes[keep])


def suppress(found: Candidates, iou_threshold: float) -> npt.NDArray[np.int64]:
    """Return the indices that survive greedy non-maximum suppression within each class, best first."""
    # Shifting each class to a place of its own makes one pass serve all classes.
    span = float(found.boxes.max(initial=0.0) - found.boxes.min(initial=0.0)) + 1.0
    boxes_N4 = found.boxes + (found.classes * span)[:, None].astype(np.float32)
    left = np.arange(len(boxes_N4))
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[iou(boxes_N4[best : best + 1], boxes_N4[left])[0] <= iou_threshold]
    return np.asarray(kept, np.int64)


def iou(first_N4: FloatArray, second_M4: FloatArray) -> FloatArray:
    """Intersection over union of every pair of corner boxes, (N, M); 0 where both are empty."""
    low = np.maximum(first_N4[:, None, :2], second_M4[None, :, :2])
    high = np.minimum(first_N4[:, None, 2:], second_M4[None, :, 2:])
    overlap = np.clip(high - low, 0.0, None).prod(axis=2)
    union = _area(first_N4)[:, None] + _area(second_M4)[None, :] - overlap
    return np.asarray(overlap / np.maximum(union, 1e-12), np.float32)


def to_detections(found: Candidates, place: Placement, labels: tuple[str, ...]) -> list[Detection]:
    """Name the classes and bring the boxes to fractions of the original frame; boxes wholly outside it vanish.

    Raises:
        InferenceError: the model gave a class that the manifest has no label for.
    """
    if len(found.classes) and not 0 <= found.classes.min() <= found.classes.max() < len(labels):
        raise InferenceError(f"the model gave class {found.classes.max()}; the manifest has {len(labels)} labels")
    detections = []
    for (x0, y0, x1, y1), score, label in zip(
        place.to_fractions(found.boxes).tolist(), found.scores.tolist(), found.classes.tolist(), strict=True
    ):
        if x1 > x0 and y1 > y0:
            box = Box(x=x0, y=y0, w=x1 - x0, h=y1 - y0)
            detections.append(Detection(label=labels[label], confidence=min(1.0, score), box=box))
    return detections


def _best(
    boxes_K4: npt.NDArray[Any], scores_K: npt.NDArray[Any], classes_K: npt.NDArray[Any], threshold: float, limit: int
) -> Candidates:
    if not np.isfinite(scores_K).all():
        raise InferenceError("the model gave scores that are not numbers")
    chosen = np.flatnonzero(scores_K >= threshold)
    chosen = chosen[np.argsort(-scores_K[chosen], kind="stable")][:limit]
    boxes_N4 = np.asarray(boxes_K4[chosen], np.float32)
    if not np.isfinite(boxes_N4).all():
        raise InferenceError("the model gave boxes that are not numbers")
    return Candidates(boxes_N4, np.asarray(scores_K[chosen], np.float32), np.asarray(classes_K[chosen], np.int64))


def _area(boxes_N4: FloatArray) -> FloatArray:
    return np.asarray(np.clip(boxes_N4[:, 2:] - boxes_N4[:, :2], 0.0, None).prod(axis=1), np.float32)
