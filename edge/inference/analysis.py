"""What one camera's frames say: the analyst sees every processed frame and sums up each window in an observation.

One analyst per camera, used by the pipeline's thread alone. It does no scheduling, runs no model and persists nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from contracts.vision import Detection, Evidence, ModelRef, Observation, ObservationBatch
from edge.cameras.evidence import evidence
from edge.cameras.settings import CameraSettings
from edge.cameras.source import Frame
from edge.clock import Clock
from edge.errors import SourceError
from edge.inference.engine import FrameResult
from edge.inference.rules import Window, evidence_due, summarise
from edge.inference.settings import ObservationSettings
from edge.outbox.store import Draft

log = structlog.get_logger()


@dataclass(frozen=True)
class Closed:
    """A window that is over: its observation, and what goes into the outbox in one transaction."""

    observation: Observation
    drafts: tuple[Draft, ...]


class Analyst:
    """Looks at the frames of one camera."""

    def __init__(self, camera: CameraSettings, settings: ObservationSettings, *, clock: Clock) -> None:
        self._camera = camera
        self._settings = settings
        self._clock = clock
        self._window = Window(clock.now())
        self._latest: tuple[Frame, tuple[Detection, ...]] | None = None
        self._last_evidence_s: float | None = None

    def see(self, frame: Frame, result: FrameResult | None) -> None:
        """Take a processed frame into account.

        Args:
            frame: decoded; it may be kept until the window closes.
            result: what the model says; None when no model looked at it.
        """
        latency_s = (result.done_s if result is not None else self._clock.monotonic()) - frame.captured_s
        self._window.add(None if result is None else result.detections, latency_s * 1000)
        self._latest = (frame, () if result is None else result.detections)

    def close(self, *, ended_at: datetime, dropped: int, model: ModelRef | None) -> Closed:
        """Sum the window up and begin the next one.

        Args:
            ended_at: end of the window; later than every earlier end of this camera.
            dropped: frames of this window that were captured and did not reach ``see``.
            model: the model that runs now.
        """
        image, detections = self._evidence()
        observation = summarise(
            self._window,
            camera=self._camera.name,
            unit=self._camera.unit,
            ended_at=ended_at,
            dropped=dropped,
            model=model,
            evidence=image,
            detections=detections,
        )
        self._window, self._latest = Window(ended_at), None
        drafts = [Draft.of(ObservationBatch(observations=(observation,)))]
        if image is not None:
            drafts.append(Draft.of(image))
        return Closed(observation, tuple(drafts))

    @property
    def empty(self) -> bool:
        """Whether no frame has come in this window."""
        return self._window.frames == 0

    def _evidence(self) -> tuple[Evidence | None, tuple[Detection, ...]]:
        now_s = self._clock.monotonic()
        if self._latest is None or not evidence_due(self._last_evidence_s, now_s, self._settings.evidence_every_s):
            return None, ()
        frame, detections = self._latest
        try:
            image = evidence(
                frame,
                camera=self._camera.name,
                unit=self._camera.unit,
                max_bytes=self._settings.evidence_max_bytes,
            )
        except SourceError as error:
            log.warning("camera.no_evidence", camera=self._camera.name, error=str(error))
            return None, ()
        self._last_evidence_s = now_s
        return image, detections
