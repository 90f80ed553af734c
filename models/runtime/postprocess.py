"""Raw tensors become labelled boxes: every detector form of the manifest, non-maximum suppression, the threshold.

Pure numpy on one image at a time; it decides nothing about files, sessions or frames.

Array suffixes: N boxes kept, K candidates, A anchors of a ``yolo`` head, F numbers per anchor, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from contracts.bundles import DetectionOutput
from contracts.vision import Detection
from models.runtime.errors import InferenceError
from models.runtime.preprocess import FloatArray, Placement

MAX_CANDIDATES = 5000
"""Candidates per image that go into non-maximum suppression; the best by score."""

_DETECTIONS = TypeAdapter(list[Detection])

Tensors = Mapping[str, npt.NDArray[Any]]


class Candidates(NamedTuple):
    """Corner boxes x0 y0 x1 y1 in input pixels, best first, with score and class index."""

    boxes: FloatArray
    scores: FloatArray
    classes: npt.NDArray[np.int64]


def read_detections(
    tensors: Tensors, output: DetectionOutput, *, threshold: float, width: int, height: int
) -> Candidates:
    """Read one image's tensors as the manifest says.

    Args:
        tensors: by the names of the manifest, without the batch dimension.
        output: the ``detection`` of the manifest.
        threshold: score below which a candidate is dropped.
        width: of the model's input, in pixels.
        height: the same.

    Raises:
        InferenceError: a tensor has another shape than its form, or holds what is not a number.
    """
    if output.format == "yolo":
        boxes, scores, classes = _yolo(tensors[output.boxes], output)
    elif output.format == "rows":
        boxes, scores, classes = _rows(tensors[output.boxes])
    else:
        boxes, scores, classes = _boxes_scores(tensors, output)
    if output.background is not None:
        scores = np.where(classes == output.background, 0.0, scores)
        classes = classes - (classes > output.background)
    suppressing = (output.nms or ("runtime" if output.format == "yolo" else "graph")) == "runtime"
    found = _best(boxes, scores, classes, threshold, MAX_CANDIDATES if suppressing else output.max_detections)
    found = found._replace(boxes=_corners(found.boxes, output, width, height))
    if suppressing:
        keep = suppress(found, output.iou_threshold)[: output.max_detections]
        found = Candidates(found.boxes[keep], found.scores[keep], found.classes[keep])
    return found


def _boxes_scores(
    tensors: Tensors, output: DetectionOutput
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.int64]]:
    boxes, scores = tensors[output.boxes], _activated(tensors[output.scores], output)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape[:1] != boxes.shape[:1]:  # noqa: PLR2004 - (K, 4)
        raise InferenceError(f"boxes {boxes.shape} and scores {scores.shape} do not belong together")
    if scores.ndim == 2:  # noqa: PLR2004 - one score per class
        if output.background is not None:
            scores = scores.copy()
            scores[:, output.background] = 0.0
        classes, scores = scores.argmax(axis=1), scores.max(axis=1)
    elif output.classes is not None:
        classes = tensors[output.classes].astype(np.int64)
    else:
        classes = np.zeros(len(scores), np.int64)
    if output.count is not None:
        valid = int(tensors[output.count].item())
        boxes, scores, classes = boxes[:valid], scores[:valid], classes[:valid]
    return boxes, scores, classes


def _rows(rows_K6: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.int64]]:
    if rows_K6.ndim != 2 or rows_K6.shape[1] != 6:  # noqa: PLR2004 - (K, 6)
        raise InferenceError(f"rows hold a box, a score and a class; got shape {rows_K6.shape}")
    return rows_K6[:, :4], rows_K6[:, 4], np.nan_to_num(rows_K6[:, 5], nan=-1.0).astype(np.int64)


def _yolo(
    output_FA: npt.NDArray[Any], output: DetectionOutput
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.int64]]:
    if output.anchors_first:
        output_FA = output_FA.T
    first = 5 if output.objectness else 4
    if output_FA.ndim != 2 or len(output_FA) <= first:  # noqa: PLR2004 - (F, A)
        raise InferenceError(f"a yolo head has {first} rows and one for each class; got {output_FA.shape}")
    scores_CA = output_FA[first:]
    classes = scores_CA.argmax(axis=0)
    scores = _activated(scores_CA.max(axis=0), output)
    if output.objectness:
        scores = scores * _activated(output_FA[4], output)
    return output_FA[:4].T, scores, classes


def _activated(scores: npt.NDArray[Any], output: DetectionOutput) -> npt.NDArray[Any]:
    return scores if output.score_kind == "probabilities" else logistic(scores)


def logistic(values: npt.NDArray[Any]) -> FloatArray:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * np.asarray(values, np.float32)) + 1.0), np.float32)


def _corners(boxes_N4: FloatArray, output: DetectionOutput, width: int, height: int) -> FloatArray:
    order = output.box_format or ("cxcywh" if output.format == "yolo" else "xyxy")
    if order == "yxyx":
        boxes_N4 = boxes_N4[:, [1, 0, 3, 2]]
    elif order == "xywh":
        boxes_N4 = np.concatenate([boxes_N4[:, :2], boxes_N4[:, :2] + boxes_N4[:, 2:]], axis=1)
    elif order == "cxcywh":
        centre, half = boxes_N4[:, :2], boxes_N4[:, 2:] / 2
        boxes_N4 = np.concatenate([centre - half, centre + half], axis=1)
    if output.box_unit == "fraction":
        boxes_N4 = boxes_N4 * np.array([width, height, width, height], np.float32)
    return np.asarray(boxes_N4, np.float32)


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
    scores, classes = np.minimum(found.scores, 1.0).tolist(), found.classes.tolist()
    return _DETECTIONS.validate_python(
        [
            {"label": labels[label], "confidence": score, "box": {"x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0}}
            for (x0, y0, x1, y1), score, label in zip(
                place.to_fractions(found.boxes).tolist(), scores, classes, strict=True
            )
            if x1 > x0 and y1 > y0
        ]
    )


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
