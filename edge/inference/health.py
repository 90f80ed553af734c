"""The second look: crops of the fish that the detector found go through a multi-label health model.

It runs in the worker process, on the pictures that are there already, at the detector's size. How many fish of a frame it may
look at is bounded here; how often a camera has its turn is the pipeline's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from contracts.errors import ConfigurationError
from contracts.vision import Detection, ModelRef
from edge.inference.settings import ModelSettings

if TYPE_CHECKING:
    from edge.cameras.source import Image
    from models.runtime import Scorer
    from models.runtime.preprocess import Placement

log = structlog.get_logger()

LEAST_PIXELS = 8
"""A fish that is smaller at the detector's size shows nothing of its skin."""


@dataclass(frozen=True)
class HealthEngine:
    """A health model that has passed its own golden frames.

    Attributes:
        model: what runs.
        fish: most fish of one frame that are looked at, the surest first.
        color: order of the colours in the frames, as the detector takes them.
    """

    model: ModelRef
    fish: int
    color: str
    _scorer: Scorer

    def look(
        self, frame_HWC: Image, place: Placement, detections: Sequence[Detection], threshold: float
    ) -> tuple[Mapping[str, float], ...]:
        """Scores by label of the surest fish of a fitted frame, each from 0 to 1.

        Raises:
            InferenceError: the model gave no usable answer.
        """
        import numpy as np

        crops: list[Image] = []
        for one in sorted(detections, key=lambda detection: -detection.confidence):
            if one.confidence < threshold or len(crops) == self.fish:
                break
            left, top = place.left + one.box.x * place.width, place.top + one.box.y * place.height
            right, bottom = left + one.box.w * place.width, top + one.box.h * place.height
            crop = frame_HWC[max(0, int(top)) : round(bottom), max(0, int(left)) : round(right)]
            if min(crop.shape[:2]) >= LEAST_PIXELS:
                crops.append(np.ascontiguousarray(crop[..., ::-1] if self.color == "RGB" else crop))
        return tuple(answer.scores for answer in self._scorer.score(crops)) if crops else ()


def load_health(settings: ModelSettings, *, color: str) -> HealthEngine | None:
    """Load, verify and self-test the health bundle; None when none is configured.

    Raises:
        ConfigurationError: the bundle is unknown, damaged or none of health scores, or its golden frames give other results here.
    """
    if settings.health_model is None:
        return None
    from models.runtime import Scorer, check_golden, find_bundle, load_bundle, open_session

    session = open_session(load_bundle(find_bundle(settings.health_model)), threads=settings.threads)
    scorer = Scorer(session)
    golden = check_golden(session)
    if golden.failures:
        raise ConfigurationError(
            "model.health_model",
            settings.health_model,
            f"Its golden frames give other results on this box ({golden.failures[0]}). Install the bundle again.",
        )
    manifest = session.manifest
    model = ModelRef(name=manifest.name, version=manifest.version, sha256=session.sha256)
    log.info("health_model.ready", model=model.name, version=model.version, golden=golden.frames)
    return HealthEngine(model, settings.health_fish, color, scorer)
