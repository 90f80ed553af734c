"""Frames or crops in, one class each out; below the manifest's confidence the answer is ``unknown``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.bundles import ClassificationOutput, Task
from models.runtime.errors import BundleError, InferenceError
from models.runtime.jpeg import preprocess_encoded
from models.runtime.outputs import output_names
from models.runtime.preprocess import FloatArray, FrameArray, preprocess
from models.runtime.session import Session

UNKNOWN = "unknown"
MAX_BATCH = 16


@dataclass(frozen=True, slots=True)
class Classification:
    """The answer for one image. ``label`` is ``unknown`` when ``confidence`` is below the manifest's limit."""

    label: str
    confidence: float
    best_label: str
    """The most likely class, even where the answer is ``unknown``."""
    scores: dict[str, float]


class Classifier:
    """Names what an image shows with one running session.

    Args:
        session: a session of a ``classification`` bundle.

    Raises:
        BundleError: the bundle is not a classifier.
    """

    def __init__(self, session: Session) -> None:
        manifest = session.manifest
        if manifest.task is not Task.CLASSIFICATION or manifest.classification is None:
            raise BundleError("manifest.task", manifest.task.value, "Choose a bundle whose task is classification.")
        self.session = session
        self._output: ClassificationOutput = manifest.classification
        self._batch = MAX_BATCH if manifest.input.dynamic_batch else 1

    def classify(self, images_bgr: Sequence[FrameArray]) -> list[Classification]:
        """Return one answer per image.

        Raises:
            InferenceError: an image is not usable, or the model gave no usable answer.
        """
        answers: list[Classification] = []
        for start in range(0, len(images_bgr), self._batch):
            chunk = images_bgr[start : start + self._batch]
            answers += self._answers(preprocess(chunk, self.session.image)[0])
        return answers

    def classify_encoded(self, images: Sequence[bytes]) -> list[Classification]:
        """The same of encoded images, each decoded no larger than needed.

        Raises:
            InferenceError: bytes are not an image, or the model gave no usable answer.
        """
        answers: list[Classification] = []
        for start in range(0, len(images), self._batch):
            chunk = images[start : start + self._batch]
            answers += self._answers(preprocess_encoded(chunk, self.session.image)[0])
        return answers

    def _answers(self, images: npt.NDArray[Any]) -> list[Classification]:
        (raw_BC,) = self.session.run(images, output_names(self.session.manifest))
        if raw_BC.shape != (len(images), len(self.session.manifest.labels)) or not np.isfinite(raw_BC).all():
            raise InferenceError(f"the model gave unusable scores of shape {raw_BC.shape}")
        return [self._answer(scores_C) for scores_C in probabilities(raw_BC, self._output.kind)]

    def _answer(self, scores_C: FloatArray) -> Classification:
        labels = self.session.manifest.labels
        best = int(scores_C.argmax())
        confidence = float(scores_C[best])
        limit = self._output.unknown_below
        known = limit is None or confidence >= limit
        scores = dict(zip(labels, map(float, scores_C), strict=True))
        return Classification(labels[best] if known else UNKNOWN, confidence, labels[best], scores)


def probabilities(raw_BC: npt.NDArray[Any], kind: str) -> FloatArray:
    """Turn the graph's scores into fractions: softmax of logits, logistic of independent logits, or as they are."""
    raw_BC = np.asarray(raw_BC, np.float32)
    if kind == "logits":
        exp_BC = np.exp(raw_BC - raw_BC.max(axis=1, keepdims=True))
        return np.asarray(exp_BC / exp_BC.sum(axis=1, keepdims=True), np.float32)
    if kind == "sigmoid":
        return np.asarray(1.0 / (1.0 + np.exp(-raw_BC)), np.float32)
    return np.asarray(np.clip(raw_BC, 0.0, 1.0), np.float32)
