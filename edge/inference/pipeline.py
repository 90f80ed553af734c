"""Captured frames through the model into one observation per camera and window, with its evidence, into the outbox.

One thread for all cameras: it takes one waiting frame of each, runs them as a batch, and closes the windows that are due. A
window closes even when no frame came (then its quality is MISSING), so that silence is seen. Without a model, or when the
model fails, observations go on and claim no counts.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from contracts.errors import ConfigurationError
from contracts.vision import Detection, Evidence, ModelRef, Observation, ObservationBatch
from edge.cameras.capture import CameraCapture
from edge.cameras.evidence import evidence
from edge.cameras.source import Frame
from edge.clock import Clock
from edge.errors import OutboxUnavailableError, SourceError
from edge.inference.engine import Engine
from edge.inference.rules import Window, end_after, evidence_due, summarise
from edge.outbox.store import Draft, Outbox
from edge.settings import ObservationSettings

log = structlog.get_logger()

WINDOW_PREFIX = "window:"
UNPERSISTED_LIMIT = 60
"""Observations held while the outbox cannot persist; then the oldest goes and is counted."""
LOAD_RETRY_S = 300.0


@dataclass
class VisionStats:
    """Counts since the start."""

    frames: int = 0
    undecodable: int = 0
    model_errors: int = 0
    model_failed_s: float | None = None
    """Monotonic time of the last failure."""
    observations: int = 0
    evidence: int = 0
    not_persisted: int = 0


@dataclass
class _Camera:
    """One camera's present window."""

    capture: CameraCapture
    window: Window
    closes_s: float
    dropped_before: int
    last_end: datetime | None
    last_evidence_s: float | None = None
    latest: tuple[Frame, Sequence[Detection] | None] | None = None


@dataclass(frozen=True)
class LatestSight:
    """The newest observation of a camera, for the page."""

    observation: Observation
    at_s: float


class VisionPipeline:
    """Runs every camera's frames through one engine.

    Args:
        load: makes the engine, in this thread, when the pipeline starts; ``None`` works without a model.
        on_engine: told the engine when it is ready, or why there is none.
        observe_latency: gets the seconds from capture to result of every frame.
    """

    def __init__(
        self,
        captures: Sequence[CameraCapture],
        outbox: Outbox,
        *,
        settings: ObservationSettings,
        clock: Clock,
        load: Callable[[], Engine] | None,
        on_engine: Callable[[Engine | None, str], None],
        observe_latency: Callable[[float], None],
    ) -> None:
        self.stats = VisionStats()
        self._outbox = outbox
        self._settings = settings
        self._clock = clock
        self._load = load
        self._on_engine = on_engine
        self._observe_latency = observe_latency
        self._engine: Engine | None = None
        self._load_after_s = 0.0
        self._arrived = threading.Event()
        self._unpersisted: deque[tuple[list[Draft], dict[str, str | None]]] = deque()
        self._sights: dict[str, LatestSight] = {}
        ends = {key.removeprefix(WINDOW_PREFIX): text for key, text in outbox.state(WINDOW_PREFIX).items()}
        now, now_s = clock.now(), clock.monotonic()
        self._cameras = [
            _Camera(
                capture,
                Window(now),
                now_s + settings.window_s,
                0,
                datetime.fromisoformat(ends[capture.settings.name]) if capture.settings.name in ends else None,
            )
            for capture in captures
        ]

    def wake(self) -> None:
        """A frame has arrived."""
        self._arrived.set()

    def latest(self) -> dict[str, LatestSight]:
        """The newest observation of every camera."""
        return dict(self._sights)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then close the windows that saw something."""
        while not stop.is_set():
            self._ensure_engine()
            self._arrived.wait(0.1)
            self._arrived.clear()
            while self._process() and not stop.is_set():
                self._close_due()
            self._close_due()
        for camera in self._cameras:
            if camera.window.frames:
                self._close(camera)
        self._persist()

    def _ensure_engine(self) -> None:
        if self._engine is not None or self._load is None or time.monotonic() < self._load_after_s:
            return
        try:
            self._engine = self._load()
        except (ConfigurationError, ImportError, OSError) as error:
            self._load_after_s = time.monotonic() + LOAD_RETRY_S
            log.error("model.not_loaded", error=str(error), retry_s=LOAD_RETRY_S)  # noqa: TRY400  (the event says it all)
            self._on_engine(None, str(error))
        else:
            self._on_engine(self._engine, "")

    def _process(self) -> bool:
        """Take one frame of every camera that has one; returns whether there was any."""
        batch = [(camera, frame) for camera in self._cameras if (frame := camera.capture.take()) is not None]
        good = [(camera, frame) for camera, frame in batch if self._decodes(camera, frame)]
        results = self._detect([frame for _, frame in good])
        for (camera, frame), detections in zip(good, results, strict=True):
            latency_s = self._clock.monotonic() - frame.captured_s
            camera.window.add(detections, latency_s * 1000)
            camera.latest = (frame, detections)
            self.stats.frames += 1
            self._observe_latency(latency_s)
        return bool(batch)

    def _decodes(self, camera: _Camera, frame: Frame) -> bool:
        try:
            return frame.image is not None
        except SourceError as error:
            camera.window.undecodable += 1
            self.stats.undecodable += 1
            log.warning("camera.frame_undecodable", camera=camera.capture.settings.name, error=str(error))
            return False

    def _detect(self, frames: Sequence[Frame]) -> Sequence[Sequence[Detection] | None]:
        if self._engine is None or not frames:
            return [None] * len(frames)
        try:
            return self._engine.detect([frame.image for frame in frames])
        except Exception as error:  # noqa: BLE001  (a model may fail in any way; the cameras go on without it)
            self.stats.model_errors += len(frames)
            self.stats.model_failed_s = self._clock.monotonic()
            log.error("model.failed", error=f"{type(error).__name__}: {error}")  # noqa: TRY400  (the event says it all)
            return [None] * len(frames)

    def _close_due(self) -> None:
        now_s = self._clock.monotonic()
        for camera in self._cameras:
            if now_s >= camera.closes_s:
                self._close(camera)
                # A box that slept does not catch up on windows that nobody saw.
                camera.closes_s = max(camera.closes_s + self._settings.window_s, now_s + self._settings.window_s / 2)
        self._persist()

    def _close(self, camera: _Camera) -> None:
        settings, now_s = camera.capture.settings, self._clock.monotonic()
        ended_at = end_after(camera.last_end, self._clock.now())
        dropped = camera.capture.counts().dropped
        image, detections = self._evidence(camera, now_s)
        observation = summarise(
            camera.window,
            camera=settings.name,
            unit=settings.unit,
            ended_at=ended_at,
            dropped=dropped - camera.dropped_before,
            model=self._model,
            evidence=image,
            detections=detections,
        )
        drafts = [Draft.of(ObservationBatch(observations=(observation,)))]
        if image is not None:
            drafts.append(Draft.of(image))
        self._unpersisted.append((drafts, {WINDOW_PREFIX + settings.name: ended_at.isoformat()}))
        self._sights[settings.name] = LatestSight(observation, now_s)
        camera.window, camera.last_end, camera.latest = Window(ended_at), ended_at, None
        camera.dropped_before = dropped

    @property
    def _model(self) -> ModelRef | None:
        return self._engine.model if self._engine is not None else None

    def _evidence(self, camera: _Camera, now_s: float) -> tuple[Evidence | None, Sequence[Detection]]:
        due = evidence_due(camera.last_evidence_s, now_s, self._settings.evidence_every_s)
        if camera.latest is None or not due:
            return None, ()
        frame, detections = camera.latest
        settings = camera.capture.settings
        try:
            image = evidence(
                frame, camera=settings.name, unit=settings.unit, max_bytes=self._settings.evidence_max_bytes
            )
        except SourceError as error:
            log.warning("camera.no_evidence", camera=settings.name, error=str(error))
            return None, ()
        camera.last_evidence_s = now_s
        return image, detections or ()

    def _persist(self) -> None:
        while self._unpersisted:
            drafts, state = self._unpersisted[0]
            try:
                self._outbox.accept(drafts, state=state)
            except OutboxUnavailableError as error:
                log.error("observation.not_persisted", reason=str(error), waiting=len(self._unpersisted))  # noqa: TRY400  (the event says it all)
                while len(self._unpersisted) > UNPERSISTED_LIMIT:
                    self._unpersisted.popleft()
                    self.stats.not_persisted += 1
                return
            self._unpersisted.popleft()
            self.stats.observations += 1
            self.stats.evidence += len(drafts) - 1
