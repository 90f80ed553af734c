"""Captured frames through the model to each camera's analyst; observations with their evidence go into the outbox.

One thread for all cameras: it takes one waiting frame of each, runs them as a batch, hands every frame with its result to the
camera's analyst, and closes the windows that are due. Without a model, or when the model fails, observations go on and claim
no counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from contracts.alarms import AlarmBatch
from contracts.errors import ConfigurationError
from contracts.vision import ModelRef
from edge.cameras.alarms import MEMORY_PREFIX, STATE_PREFIX, orphan_clears
from edge.cameras.capture import CameraCapture, Drop
from edge.cameras.source import Frame
from edge.clock import Clock
from edge.errors import SourceError
from edge.inference.engine import Engine, FrameResult
from edge.inference.settings import ObservationSettings
from edge.inference.windows import LatestSight, Windows
from edge.outbox.store import Draft, Outbox

if TYPE_CHECKING:
    from edge.inference.analysis import Analyst

log = structlog.get_logger()

LOAD_RETRY_S = 300.0


@dataclass
class VisionStats:
    """Counts since the start."""

    frames: int = 0
    model_errors: int = 0
    model_failed_s: float | None = None
    """Monotonic time of the last failure."""


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
        self._clock = clock
        self._load = load
        self._on_engine = on_engine
        self._observe_latency = observe_latency
        self._engine: Engine | None = None
        self._load_after_s = 0.0
        self._arrived = threading.Event()
        self._cameras = _with_analysts(captures, outbox, settings=settings, clock=clock)
        self._windows = Windows(
            self._cameras, outbox, window_s=settings.window_s, clock=clock, model=lambda: self._model
        )

    def wake(self) -> None:
        """A frame has arrived."""
        self._arrived.set()

    def latest(self) -> dict[str, LatestSight]:
        """The newest observation of every camera."""
        return self._windows.latest()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then close the windows that saw something."""
        while not stop.is_set():
            self._ensure_engine()
            self._arrived.wait(0.1)
            self._arrived.clear()
            while self._process() and not stop.is_set():
                self._windows.close_due()
            self._windows.close_due()
        self._windows.close_all()

    @property
    def _model(self) -> ModelRef | None:
        return self._engine.model if self._engine is not None else None

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
        batch = [(camera, frame) for camera in self._cameras if (frame := camera[0].take()) is not None]
        good = [(camera, frame) for camera, frame in batch if self._decodes(camera[0], frame)]
        results = self._infer([frame for _, frame in good])
        for ((capture, analyst), frame), result in zip(good, results, strict=True):
            analyst.see(frame, result)
            capture.done()
            self.stats.frames += 1
            self._observe_latency(self._clock.monotonic() - frame.captured_s)
        return bool(batch)

    @staticmethod
    def _decodes(capture: CameraCapture, frame: Frame) -> bool:
        try:
            return frame.image is not None
        except SourceError as error:
            capture.lost(Drop.UNDECODABLE)
            log.warning("camera.frame_undecodable", camera=capture.settings.name, error=str(error))
            return False

    def _infer(self, frames: Sequence[Frame]) -> Sequence[FrameResult | None]:
        if self._engine is None or not frames:
            return [None] * len(frames)
        try:
            found = self._engine.detect([frame.image for frame in frames])
        except Exception as error:  # noqa: BLE001  (a model may fail in any way; the cameras go on without it)
            self.stats.model_errors += len(frames)
            self.stats.model_failed_s = self._clock.monotonic()
            log.error("model.failed", error=f"{type(error).__name__}: {error}")  # noqa: TRY400  (the event says it all)
            return [None] * len(frames)
        done_s = self._clock.monotonic()
        engine = self._engine
        return [FrameResult(tuple(detections), engine.model, done_s, engine.threshold) for detections in found]


def _with_analysts(
    captures: Sequence[CameraCapture], outbox: Outbox, *, settings: ObservationSettings, clock: Clock
) -> list[tuple[CameraCapture, Analyst]]:
    """Each camera with its analyst, which knows what was remembered of it; alarms of cameras that are gone are cleared."""
    remembered = outbox.state(STATE_PREFIX)
    gone = orphan_clears(remembered, {capture.settings.name for capture in captures}, clock.now())
    if gone:
        outbox.accept([Draft.of(AlarmBatch(alarms=(clear,))) for clear in gone.values()], state=dict.fromkeys(gone))
    if not captures:
        return []
    from edge.inference.analysis import Analyst  # a box without cameras does not pay for numpy

    memory = remembered | outbox.state(MEMORY_PREFIX)
    return [(capture, Analyst(capture.settings, settings, clock=clock, memory=memory)) for capture in captures]
