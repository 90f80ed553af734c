"""Crops in, one score per health label out: several may be present at once, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.bundles import ScoresOutput, Task
from models.runtime.errors import BundleError, InferenceError
from models.runtime.jpeg import preprocess_encoded
from models.runtime.outputs import output_names
from models.runtime.postprocess import logistic
from models.runtime.preprocess import FrameArray, preprocess
from models.runtime.session import Session

MAX_BATCH = 16


@dataclass(frozen=True, slots=True)
class Scores:
    """The answer for one image."""

    scores: dict[str, float]
    """From 0 to 1 by label."""
    present: tuple[str, ...]
    """Labels at or above their threshold, the most certain first."""


class Scorer:
    """Scores what an image shows with one running session.

    Args:
        session: a session of a ``scores`` bundle.

    Raises:
        BundleError: the bundle is none of that task.
    """

    def __init__(self, session: Session) -> None:
        manifest = session.manifest
        if manifest.task is not Task.SCORES or manifest.scores is None:
            raise BundleError("manifest.task", manifest.task.value, "Choose a bundle whose task is scores.")
        self.session = session
        self._output: ScoresOutput = manifest.scores
        self._names = output_names(manifest)
        self._batch = MAX_BATCH if manifest.input.dynamic_batch else 1

    def score(self, images_bgr: Sequence[FrameArray]) -> list[Scores]:
        """Return one answer per image.

        Raises:
            InferenceError: an image is not usable, or the model gave no usable answer.
        """
        answers: list[Scores] = []
        for start in range(0, len(images_bgr), self._batch):
            chunk = images_bgr[start : start + self._batch]
            answers += self._answers(preprocess(chunk, self.session.image)[0])
        return answers

    def score_encoded(self, images: Sequence[bytes]) -> list[Scores]:
        """The same of encoded images, each decoded no larger than needed.

        Raises:
            InferenceError: bytes are not an image, or the model gave no usable answer.
        """
        answers: list[Scores] = []
        for start in range(0, len(images), self._batch):
            chunk = images[start : start + self._batch]
            answers += self._answers(preprocess_encoded(chunk, self.session.image)[0])
        return answers

    def _answers(self, images: npt.NDArray[Any]) -> list[Scores]:
        labels = self.session.manifest.labels
        (raw_BC,) = self.session.run(images, self._names)
        if raw_BC.shape != (len(images), len(labels)) or not np.isfinite(raw_BC).all():
            raise InferenceError(f"the model gave unusable scores of shape {raw_BC.shape}")
        scores_BC = logistic(raw_BC) if self._output.kind == "logits" else np.clip(raw_BC, 0.0, 1.0)
        return [self._answer(dict(zip(labels, map(float, scores_C), strict=True))) for scores_C in scores_BC]

    def _answer(self, scores: dict[str, float]) -> Scores:
        limits, usual = self._output.thresholds, self.session.manifest.threshold
        present = [label for label, score in scores.items() if score >= limits.get(label, usual)]
        return Scores(scores, tuple(sorted(present, key=lambda label: -scores[label])))
