"""A bundle becomes a running, self-tested detector that can say which file and which provider it runs.

The heavy libraries are imported here, when a model is wanted, and nowhere earlier: a box without cameras stays small.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from contracts.errors import ConfigurationError
from contracts.vision import Detection, ModelRef
from edge.inference.settings import ModelSettings

if TYPE_CHECKING:
    from edge.cameras.source import Image
    from models.runtime import Detector

log = structlog.get_logger()

UNSURE_SHARE = 0.4
"""Detections are reported down to this share of the threshold: they continue tracks and begin none (ByteTrack)."""


@dataclass(frozen=True)
class FrameResult:
    """What the model says about one frame."""

    detections: tuple[Detection, ...]
    """All that the engine reports; those below ``threshold`` only help to follow a fish that is half hidden."""
    model: ModelRef
    """The model that said it."""
    done_s: float
    """Monotonic time when the result was there."""
    threshold: float = 0.0
    """Confidence from which a detection counts."""


@dataclass(frozen=True)
class Engine:
    """A detector that has passed its own golden frames."""

    model: ModelRef
    provider: str
    golden_frames: int
    warm_up_ms: float
    _detector: Detector
    threshold: float = 0.0
    """Confidence from which a detection counts; the detector reports some below it."""

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Detections of each frame."""
        return self._detector.detect(frames)


def load_engine(settings: ModelSettings) -> Engine:
    """Load, verify, warm up and self-test the configured bundle.

    Raises:
        ConfigurationError: the bundle is unknown or damaged, a provider is missing, or a golden frame gives another result
            than the one that was published with the model.
    """
    import cv2
    import numpy as np

    from models.runtime import Detector, check_golden, find_bundle, load_bundle, open_session

    cv2.setNumThreads(settings.threads)  # its own pool would fight the cameras for the processor
    bundle = load_bundle(find_bundle(settings.bundle))
    session = open_session(bundle, providers=settings.providers, threads=settings.threads)
    threshold = bundle.manifest.threshold if settings.threshold is None else settings.threshold
    detector = Detector(session, threshold=threshold * UNSURE_SHARE)
    started = time.perf_counter()
    detector.detect([np.zeros((session.image.height, session.image.width, 3), np.uint8)])
    warm_up_ms = (time.perf_counter() - started) * 1000
    golden = check_golden(session)
    if golden.failures:
        raise ConfigurationError(
            "model.bundle",
            settings.bundle,
            f"Its golden frames give other results on this box ({golden.failures[0]}). Install the bundle again, or choose"
            " another provider in model.providers.",
        )
    manifest = bundle.manifest
    reference = ModelRef(name=manifest.name, version=manifest.version, sha256=session.sha256)
    log.info(
        "model.ready", model=manifest.name, version=manifest.version, provider=session.provider, golden=golden.frames
    )
    return Engine(reference, session.provider, golden.frames, round(warm_up_ms, 2), detector, threshold)
