"""The self-test before a model is used: its golden frames must give the results that it was published with.

Catches what a checksum cannot: a provider that computes something else on this device. Small differences of precision
are allowed; the limits come from the manifest's probation section.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ValidationError

from contracts.bundles import Task
from contracts.vision import Box, Detection
from models.runtime.classifier import Classifier
from models.runtime.detector import Detector
from models.runtime.errors import BundleError
from models.runtime.postprocess import iou
from models.runtime.preprocess import FloatArray, FrameArray
from models.runtime.scorer import Scorer
from models.runtime.session import Session

CONFIDENCE_TOLERANCE = 0.05
"""Largest allowed change of a confidence; half precision on a GPU changes about 0.01."""


DISTANCE_TOLERANCE = 0.1
"""The same of the distance from the frames of the training, as a share of it."""


class GoldenExpectation(BaseModel):
    """The JSON beside a golden frame: detections, the label of a classifier, or health scores."""

    detections: tuple[Detection, ...] = ()
    label: str | None = None
    confidence: float | None = None
    scores: dict[str, float] = {}
    distance: float | None = None
    """From the frames of the training, where the bundle has an embedding."""


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """Outcome of the self-test; ``failures`` has one sentence per difference and is empty when it passed."""

    frames: int
    min_iou: float
    max_confidence_change: float
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when there were frames and all of them gave the published results."""
        return self.frames > 0 and not self.failures


def check_golden(session: Session) -> GoldenResult:
    """Run the bundle's golden frames through the session and compare.

    Raises:
        BundleError: a golden frame or its JSON is missing or unreadable.
        InferenceError: the model failed on a frame.
    """
    manifest = session.manifest
    ious, changes, failures = [1.0], [0.0], []
    for name in manifest.golden:
        frame = read_frame(session.bundle.folder / name)
        expected = read_expectation((session.bundle.folder / name).with_suffix(".json"))
        if manifest.task is Task.DETECTION:
            (look,) = Detector(session).look([frame])
            frame_ious, frame_changes, wrong = compare(
                expected.detections, look.detections, manifest.threshold, manifest.probation.min_golden_iou
            )
            ious += frame_ious
            wrong += _other_distance(expected.distance, look.distance)
        elif manifest.task is Task.SCORES:
            scores = Scorer(session).score([frame])[0].scores
            frame_changes = [abs(scores[label] - want) for label, want in expected.scores.items() if label in scores]
            wrong = [f"no score for {label}" for label in expected.scores if label not in scores]
        else:
            answer = Classifier(session).classify([frame])[0]
            frame_changes = [abs(answer.confidence - (expected.confidence or 0.0))]
            wrong = [] if answer.label == expected.label else [f"{answer.label} instead of {expected.label}"]
        changes += frame_changes
        failures += [f"{name}: {problem}" for problem in wrong]
        failures += [f"{name}: confidence changed by {c:.3f}" for c in frame_changes if c > CONFIDENCE_TOLERANCE]
    return GoldenResult(len(manifest.golden), min(ious), max(changes), tuple(failures))


def compare(
    expected: tuple[Detection, ...], found: list[Detection], threshold: float, min_iou: float
) -> tuple[list[float], list[float], list[str]]:
    """Match detections one to one and return the overlaps, the changes of confidence and what does not fit.

    Detections within the tolerance of the threshold may come or go.
    """
    sure = threshold + CONFIDENCE_TOLERANCE
    left = list(found)
    ious, changes, failures = [], [], []
    for want in expected:
        overlaps = iou(corners([want.box]), corners([have.box for have in left]))[0]
        best = int(overlaps.argmax()) if len(overlaps) else -1
        if best >= 0 and overlaps[best] >= min_iou and left[best].label == want.label:
            have = left.pop(best)
            ious.append(float(overlaps[best]))
            changes.append(abs(have.confidence - want.confidence))
        elif want.confidence >= sure:
            failures.append(f"no {want.label} of confidence {want.confidence:.2f} where one is expected")
    failures += [f"unexpected {extra.label} of {extra.confidence:.2f}" for extra in left if extra.confidence >= sure]
    return ious, changes, failures


def _other_distance(expected: float | None, found: float | None) -> list[str]:
    if expected is None or (found is not None and abs(found - expected) <= DISTANCE_TOLERANCE * expected):
        return []
    return [f"distance {found} from the training where {expected} is expected"]


def corners(boxes: list[Box]) -> FloatArray:
    """Boxes as an array of corners x0 y0 x1 y1."""
    return np.asarray([[b.x, b.y, b.x + b.w, b.y + b.h] for b in boxes], np.float32).reshape(-1, 4)


def read_frame(path: Path) -> FrameArray:
    """Decode an image file to BGR.

    Raises:
        BundleError: missing, or not an image.
    """
    frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if frame is None:
        raise BundleError("manifest.golden", str(path), "The image is missing or broken. Copy the bundle again.")
    return np.asarray(frame, np.uint8)


def read_expectation(path: Path) -> GoldenExpectation:
    """Read the JSON beside a golden frame.

    Raises:
        BundleError: missing, or not what it should be.
    """
    try:
        return GoldenExpectation.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(
            "manifest.golden", str(path), "The expected result is missing or broken. Copy it again."
        ) from error
