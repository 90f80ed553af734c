"""One version in memory: verified, self-tested, warm. The only file here that runs a model, through ``models.runtime``.

Imported when the first picture comes, never at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.errors import UnusableModelError
from cloud.predictions.catalogue import Installed
from contracts.bundles import Task
from contracts.vision import Detection
from models.runtime import Classifier, Detector, Scorer, check_golden, load_bundle, open_session
from models.runtime.classifier import UNKNOWN
from models.runtime.errors import BundleError, InferenceError
from models.runtime.occlusion import OcclusionMap, occlusion_map

# Named again for the neighbours, which must not load the runtime to name its error.
__all__ = ["UNKNOWN", "Answer", "InferenceError", "Predictor", "open_predictor"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one version says of one picture."""

    label: str | None = None
    """Of a classification, ``unknown`` included; None for other tasks."""
    best_label: str | None = None
    confidence: float | None = None
    """Of the label; of detections their mean; None where nothing was found."""
    probabilities: dict[str, float] | None = None
    """By label, of classifications and scores."""
    present: tuple[str, ...] = ()
    """Labels of a score model at or above their threshold."""
    detections: tuple[Detection, ...] = ()


class Predictor:
    """Runs one bundle on encoded pictures."""

    def __init__(self, model: Installed, *, threads: int = 1) -> None:
        session = open_session(load_bundle(model.folder), threads=threads)
        self.sha256 = session.sha256
        self.provider = session.provider
        self._task = session.manifest.task
        self._golden = bool(session.manifest.golden)
        self._session = session
        self._classifier = Classifier(session) if self._task is Task.CLASSIFICATION else None
        self._detector = Detector(session) if self._task is Task.DETECTION else None
        self._scorer = Scorer(session) if self._task is Task.SCORES else None

    def self_test(self) -> bool | None:
        """Run the golden frames, which also warms the session up; None when the bundle has none.

        Raises:
            UnusableModelError: the answers are not those that it was published with.
        """
        if not self._golden:
            return None
        result = check_golden(self._session)
        if not result.passed:
            raise UnusableModelError(
                f"{self._session.manifest.name} fails its own test here: {'; '.join(result.failures[:3])}. Copy it again"
            )
        return True

    def predict(self, images: Sequence[bytes]) -> list[Answer]:
        """One answer per encoded picture.

        Raises:
            InferenceError: a picture cannot be decoded, or the model gave no usable answer.
        """
        if self._classifier is not None:
            return [
                Answer(each.label, each.best_label, each.confidence, each.scores)
                for each in self._classifier.classify_encoded(images)
            ]
        if self._scorer is not None:
            return [
                Answer(confidence=max(each.scores.values()), probabilities=each.scores, present=each.present)
                for each in self._scorer.score_encoded(images)
            ]
        assert self._detector is not None  # noqa: S101 - a manifest has one of three tasks
        return [_of_detections(found) for found in self._detector.detect_encoded(images)]

    def explain(self, image: bytes) -> OcclusionMap:
        """Which parts of an encoded picture the answer of a classifier rests on; about 50 answers long.

        Raises:
            InferenceError: the picture cannot be decoded, or the model gave no usable answer.
        """
        assert self._classifier is not None  # noqa: S101 - the service asks classifiers only
        return occlusion_map(self._classifier, image)


def _of_detections(found: Sequence[Detection]) -> Answer:
    mean = sum(each.confidence for each in found) / len(found) if found else None
    return Answer(confidence=mean, detections=tuple(found))


def open_predictor(model: Installed, *, threads: int) -> tuple[Predictor, bool | None]:
    """Load a bundle, check its sha256 and its golden frames; whether it has been tested comes with it.

    Raises:
        UnusableModelError: its files are not what the manifest says, or it fails its test.
    """
    try:
        predictor = Predictor(model, threads=threads)
        return predictor, predictor.self_test()
    except (BundleError, InferenceError) as error:
        raise UnusableModelError(f"{model.key}: {error}") from error
