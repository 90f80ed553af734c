"""Answers and truth become figures, under any weights of the pictures: all at 1, one slice, or a bootstrap resample.

Each task has a judge: it is built once from the answers (matching, sorting), then asked for its figures with weights. Pure numpy.
Array suffixes: N pictures, C classes, K found boxes, T IoU thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from contracts.bundles import Task
from models.evaluation.detection import IOU_THRESHOLDS, FrameResult, match
from models.evaluation.document import ImageResult, ModelUnderTest

Weights = npt.NDArray[np.float64]
Figures = dict[str, float]

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "accuracy": True, "macro_f1": True, "balanced_accuracy": True, "ece": False, "auroc_unknown": True,
    "told": True, "accuracy_of_told": True,
    "map50": True, "map50_95": True, "f1": True, "count_mae": False, "count_bias": False, "density_mae": False,
    "macro_auroc": True,
}  # fmt: skip
"""Every figure, and which way is better; ``count_bias`` is better nearer to 0 and has no way."""
ECE_BINS = 15


class Judge(Protocol):
    """Figures of one set of answers."""

    def figures(self, weights: Weights) -> Figures:
        """Return every figure by name; ``nan`` where there is nothing to judge by.

        Args:
            weights: (N,) how often each picture counts, 0 for not at all.
        """
        ...


def judge_for(model: ModelUnderTest, images: Sequence[ImageResult]) -> Judge:
    """The judge of the model's task."""
    if model.task is Task.DETECTION:
        return DetectionJudge(model, images)
    if model.task is Task.CLASSIFICATION:
        return ClassificationJudge(model, images)
    return ScoresJudge(model, images)


class ClassificationJudge:
    """One class for each picture. Pictures of classes that the model does not know judge ``auroc_unknown`` alone."""

    def __init__(self, model: ModelUnderTest, images: Sequence[ImageResult]) -> None:
        place = {label: number for number, label in enumerate(model.labels)}
        self.truth = np.array([place.get(image.classes[0], -1) if image.classes else -1 for image in images], np.int64)
        scores_NC = np.array([image.scores for image in images], np.float64).reshape(len(images), len(model.labels))
        self.said = scores_NC.argmax(axis=1)
        self.confidence = scores_NC.max(axis=1)
        self.right = self.said == self.truth
        self._classes = len(model.labels)
        self._known = self.truth >= 0
        self._told = self.confidence >= (model.unknown_below or 0.0)
        self._bin = np.minimum((self.confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)

    def confusion(self, weights: Weights) -> npt.NDArray[np.float64]:
        """Counts (C, C): true class by class that was said."""
        known = self._known
        flat = self.truth[known] * self._classes + self.said[known]
        counts = np.bincount(flat, weights=weights[known], minlength=self._classes**2)
        return np.asarray(counts.reshape(self._classes, self._classes), np.float64)

    def figures(self, weights: Weights) -> Figures:
        """See :class:`Judge`. Macro figures are means over the classes that are there."""
        counts = self.confusion(weights)
        total, there, said, hit = counts.sum(), counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
        present = there > 0
        told = weights * (self._known & self._told)
        return {
            "accuracy": _ratio(float(hit.sum()), float(total)),
            "macro_f1": float((2 * hit[present] / (there + said)[present]).mean()) if present.any() else np.nan,
            "balanced_accuracy": float((hit[present] / there[present]).mean()) if present.any() else np.nan,
            "ece": self._ece(weights),
            "auroc_unknown": auroc(self.confidence, self._known, weights),
            "told": _ratio(float(told.sum()), float(total)),
            "accuracy_of_told": _ratio(float((told * self.right).sum()), float(told.sum())),
        }

    def _ece(self, weights: Weights) -> float:
        """Expected calibration error: mean distance of confidence and accuracy over 15 even bins (Guo et al. 2017)."""
        known = self._known
        places, mass = self._bin[known], weights[known]
        right = np.bincount(places, weights=mass * self.right[known], minlength=ECE_BINS)
        sure = np.bincount(places, weights=mass * self.confidence[known], minlength=ECE_BINS)
        return _ratio(float(np.abs(right - sure).sum()), float(mass.sum()))


class ScoresJudge:
    """Independent scores: AUROC and F1 of every label that is somewhere present and somewhere not, averaged."""

    def __init__(self, model: ModelUnderTest, images: Sequence[ImageResult]) -> None:
        self.scores = np.array([image.scores for image in images], np.float64).reshape(len(images), len(model.labels))
        self.present = np.array([[label in image.classes for label in model.labels] for image in images], bool)
        self.present = self.present.reshape(self.scores.shape)
        self._threshold = model.threshold

    def figures(self, weights: Weights) -> Figures:
        """See :class:`Judge`."""
        areas, f1 = [], []
        said = self.scores >= self._threshold
        for column in range(self.scores.shape[1]):
            there = self.present[:, column]
            areas.append(auroc(self.scores[:, column], there, weights))
            both = (weights * (said[:, column] & there)).sum()
            f1.append(_ratio(2 * float(both), float((weights * said[:, column]).sum() + (weights * there).sum())))
        return {"macro_auroc": _mean(areas), "macro_f1": _mean(f1)}


class DetectionJudge:
    """Boxes: average precision as COCO computes it, over the labels that are there; counts at the model's threshold."""

    def __init__(self, model: ModelUnderTest, images: Sequence[ImageResult]) -> None:
        self._classes = []
        self.counted = np.zeros(len(images))
        self.true = np.array([len(image.boxes) for image in images], np.float64)
        self.covered = np.zeros(len(images))
        for place, image in enumerate(images):
            sure = [found.box for found in image.found if found.confidence >= model.threshold]
            self.counted[place] = len(sure)
            self.covered[place] = _area(sure) - _area([box.box for box in image.boxes])
        for label in dict.fromkeys([*model.labels, *(box.label for image in images for box in image.boxes)]):
            self._classes.append(_ClassMatches(label, images, model.threshold))

    def figures(self, weights: Weights) -> Figures:
        """See :class:`Judge`. ``density_mae`` is the error of the share of the picture that fish cover."""
        each = [part.average_precisions(weights) for part in self._classes]
        precisions = [part for part in each if part is not None]
        hits, found, there = (sum(values) for values in zip(*(p.sure(weights) for p in self._classes), strict=True))
        total = float(weights.sum())
        error = self.counted - self.true
        return {
            "map50": _mean([float(p[0]) for p in precisions]),
            "map50_95": _mean([float(p.mean()) for p in precisions]),
            "f1": _ratio(2 * float(hits), float(found + there)),
            "count_mae": _ratio(float((weights * np.abs(error)).sum()), total),
            "count_bias": _ratio(float((weights * error).sum()), total),
            "density_mae": _ratio(float((weights * np.abs(self.covered)).sum()), total),
        }

    def curve(self, weights: Weights) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        """Recall and precision at IoU 0.50 by label, for a plot."""
        return {part.label: part.curve(weights) for part in self._classes if part.objects(weights)}


class _ClassMatches:
    """Found boxes of one label over all pictures, the surest first, with what each hits.

    Precision changes for the better at hits alone, so curves are kept at the hits: a tenth of the boxes, and of the time.
    """

    def __init__(self, label: str, images: Sequence[ImageResult], threshold: float) -> None:
        self.label = label
        self._objects = np.array([sum(box.label == label for box in image.boxes) for image in images], np.float64)
        hits, confidence, picture = [np.zeros((0, len(IOU_THRESHOLDS)), bool)], [np.zeros(0)], [np.zeros(0, np.int64)]
        for place, image in enumerate(images):
            found = sorted((f for f in image.found if f.label == label), key=lambda f: -f.confidence)
            truth = [box.box for box in image.boxes if box.label == label]
            scores = np.array([f.confidence for f in found], np.float32)
            hits.append(match(FrameResult(_corners([f.box for f in found]), scores, _corners(truth))))
            confidence.append(scores.astype(np.float64))
            picture.append(np.full(len(found), place, np.int64))
        order = np.argsort(-np.concatenate(confidence), kind="stable")
        all_hits = np.concatenate(hits)[order]
        self._picture = np.concatenate(picture)[order]
        self._hits = [np.flatnonzero(column) for column in all_hits.T]
        self._sure = int((np.concatenate(confidence) >= threshold).sum())

    def objects(self, weights: Weights) -> float:
        return float((weights * self._objects).sum())

    def average_precisions(self, weights: Weights) -> npt.NDArray[np.float64] | None:
        """(T,) by IoU threshold, None when the label is nowhere."""
        objects = self.objects(weights)
        if not objects:
            return None
        mass = weights[self._picture]
        found = np.cumsum(mass)
        points = np.linspace(0, 1, 101)
        areas = np.zeros(len(self._hits))
        for column in range(len(self._hits)):
            recall, precision = self._curve(mass, found, objects, column)
            envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
            areas[column] = envelope[np.searchsorted(recall, points - 1e-9, side="left")].mean()
        return areas

    def curve(self, weights: Weights) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Recall and precision at every hit, IoU 0.50."""
        mass = weights[self._picture]
        return self._curve(mass, np.cumsum(mass), self.objects(weights), 0)

    def sure(self, weights: Weights) -> tuple[float, float, float]:
        """Hits at IoU 0.50, found and true objects, at the threshold."""
        mass = weights[self._picture]
        hits = self._hits[0][self._hits[0] < self._sure]
        return float(mass[hits].sum()), float(mass[: self._sure].sum()), self.objects(weights)

    def _curve(
        self, mass: Weights, found: Weights, objects: float, column: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        places = self._hits[column]
        true_positives = np.cumsum(mass[places])
        return true_positives / objects, true_positives / np.maximum(found[places], 1e-12)


def auroc(scores: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_], weights: Weights) -> float:
    """Chance that a positive scores above a negative, ties as a half (Mann-Whitney); ``nan`` when either is missing."""
    up, down = weights * positive, weights * ~positive
    if not up.sum() or not down.sum():
        return float("nan")
    _, place = np.unique(scores, return_inverse=True)
    ups, downs = np.bincount(place, weights=up), np.bincount(place, weights=down)
    below = np.cumsum(downs) - downs
    return float((ups * (below + downs / 2)).sum() / (up.sum() * down.sum()))


def _corners(boxes: Sequence[tuple[float, float, float, float]]) -> npt.NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _area(boxes: Sequence[tuple[float, float, float, float]]) -> float:
    return sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
