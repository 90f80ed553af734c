"""Detections and true boxes become figures: average precision, best F1, count error. Pure numpy.

Average precision follows COCO: greedy matching by confidence, 101 recall points, IoU 0.50 and 0.50:0.95.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.runtime.postprocess import iou
from models.runtime.preprocess import FloatArray

IOU_THRESHOLDS = np.arange(0.5, 1.0, 0.05)


class FrameResult(NamedTuple):
    """One frame: found corner boxes (N, 4) with confidence, best first, and true corner boxes (M, 4)."""

    boxes: FloatArray
    scores: FloatArray
    truth: FloatArray


class DetectionScores(NamedTuple):
    """Figures of one set of frames. ``nan`` where there is nothing to find."""

    frames: int
    objects: int
    map50: float
    map50_95: float
    best_f1: float
    best_threshold: float
    f1: float
    """At the threshold that was given."""
    count_mae: float
    """Mean absolute difference of the number of detections and objects per frame, at the threshold that was given."""


def score(results: Sequence[FrameResult], threshold: float) -> DetectionScores:
    """Judge the frames together; ``threshold`` is the confidence for F1 and counts."""
    objects = sum(len(result.truth) for result in results)
    confidence = np.concatenate([r.scores for r in results]) if results else np.zeros(0, np.float32)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    hits = np.concatenate([match(r) for r in results]) if results else np.zeros((0, len(IOU_THRESHOLDS)), bool)
    hits = hits[order]
    precisions = [average_precision(hits[:, index], objects) for index in range(len(IOU_THRESHOLDS))]
    best_f1, best_threshold = _best_f1(hits[:, 0], confidence, objects)
    counts = [abs(int((r.scores >= threshold).sum()) - len(r.truth)) for r in results]
    return DetectionScores(
        frames=len(results),
        objects=objects,
        map50=precisions[0],
        map50_95=float(np.mean(precisions)),
        best_f1=best_f1,
        best_threshold=best_threshold,
        f1=_f1(hits[:, 0], confidence, objects, threshold),
        count_mae=float(np.mean(counts)) if counts else float("nan"),
    )


def average_precision(hits: npt.NDArray[np.bool_], objects: int) -> float:
    """Area under precision over recall at 101 points; ``hits`` in order of falling confidence."""
    if not objects:
        return float("nan")
    if not len(hits):
        return 0.0
    true_positives = np.cumsum(hits)
    recall = true_positives / objects
    precision = true_positives / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.append(envelope, 0.0)[places].mean())


def match(result: FrameResult) -> npt.NDArray[np.bool_]:
    """For every detection and IoU threshold: does it hit an object that no better detection has taken?"""
    hits = np.zeros((len(result.boxes), len(IOU_THRESHOLDS)), bool)
    if not len(result.boxes) or not len(result.truth):
        return hits
    overlaps = iou(result.boxes, result.truth)
    for column, limit in enumerate(IOU_THRESHOLDS):
        free = np.ones(len(result.truth), bool)
        for row in range(len(result.boxes)):
            candidates = np.where(free, overlaps[row], 0.0)
            best = int(candidates.argmax())
            if candidates[best] >= limit:
                hits[row, column], free[best] = True, False
    return hits


def _best_f1(hits: npt.NDArray[np.bool_], confidence: FloatArray, objects: int) -> tuple[float, float]:
    if not objects or not len(hits):
        return float("nan"), float("nan")
    true_positives = np.cumsum(hits)
    f1 = 2 * true_positives / (np.arange(1, len(hits) + 1) + objects)
    best = int(f1.argmax())
    return float(f1[best]), float(confidence[best])


def _f1(hits: npt.NDArray[np.bool_], confidence: FloatArray, objects: int, threshold: float) -> float:
    chosen = confidence >= threshold
    found = int(chosen.sum())
    return 2 * int(hits[chosen].sum()) / (found + objects) if found + objects else float("nan")
