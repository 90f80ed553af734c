"""One thread per camera: keeps its source open and its newest frames ready; drops the oldest and counts exactly.

At every moment captured = processed + dropped (by reason) + waiting. Frames above the configured rate are not captured at all
(they are read and left undecoded). The consumer takes frames from other threads and says of each how it ended.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import structlog

from contracts.devices import CameraHealth
from edge.cameras.settings import CameraSettings
from edge.cameras.source import Frame, FrameSource
from edge.cameras.state import Life, Phase, on_end, on_failure, on_frame, retry_wait_s
from edge.clock import Clock
from edge.errors import SourceEndedError, SourceError

log = structlog.get_logger()

_RATE_WINDOW = 16
SLOWEST_FPS = 0.05
"""However short of time the box is, every camera is looked at this often."""


class Drop(str, Enum):
    """Why a captured frame never reached a result."""

    NEWER = "newer"
    """A newer frame came and the queue was full."""
    STALE = "stale"
    """It waited so long that its result would have been out of date."""
    SPARED = "spared"
    """It was not worth decoding: the model could not have looked at it (overload, heat)."""
    UNDECODABLE = "undecodable"
    """Its bytes are not an image."""
    LOST = "lost"
    """It was with the model when the worker process was lost, or the agent stopped."""


@dataclass(frozen=True)
class Counts:
    """Frames since the start: captured = processed + dropped + waiting."""

    captured: int
    processed: int
    dropped: int
    waiting: int
    """In the queue, or with the model."""
    by_reason: Mapping[Drop, int] = field(default_factory=dict)
    """``dropped``, taken apart."""


class CameraCapture:
    """Captures one camera.

    Args:
        queue: frames that may wait; when it is full the oldest goes.
        on_frame: told after every captured frame, from the capture thread.
        on_change: told the camera, its old and its new phase when it is lost or back.
    """

    def __init__(
        self,
        settings: CameraSettings,
        source: FrameSource,
        *,
        queue: int,
        clock: Clock,
        on_frame: Callable[[], None],
        on_change: Callable[[CameraSettings, Phase, Phase, str], None],
    ) -> None:
        self.settings = settings
        self._source = source
        self._queue_size = queue
        self._clock = clock
        self._on_frame = on_frame
        self._on_change = on_change
        self._lock = threading.Lock()
        self._waiting: deque[Frame] = deque()
        self._captured = self._processed = self._working = 0
        self._dropped: Counter[Drop] = Counter()
        self._recent: deque[float] = deque(maxlen=_RATE_WINDOW)
        self._life = Life(since_s=clock.monotonic())
        self._period_s = 1.0 / settings.fps
        self._due_s = 0.0
        self._spare_period_s = 0.0
        self._spare_due_s = 0.0

    def run(self, stop: threading.Event) -> None:
        """Capture until ``stop`` is set or a finite source has ended."""
        try:
            while not stop.is_set() and self._life.phase is not Phase.ENDED:
                try:
                    self._source.open()
                    self._stream(stop)
                except SourceEndedError as end:  # noqa: PERF203  (one connection per turn)
                    self._enter(on_end(self._life, self._clock.monotonic()), str(end))
                except SourceError as error:
                    self._source.close()
                    self._enter(on_failure(self._life, self._clock.monotonic()), str(error))
                    stop.wait(retry_wait_s(self._life, jitter=random.random()))  # noqa: S311  (spreads reconnects)
        finally:
            self._source.close()

    def set_rate(self, fps: float) -> None:
        """Frames per second that are worth decoding; those that were wanted beyond it are counted as spared."""
        self._spare_period_s = 1.0 / max(fps, SLOWEST_FPS) if fps < self.settings.fps else 0.0

    def oldest_s(self) -> float | None:
        """Monotonic capture time of the oldest waiting frame; ``None`` when none waits."""
        with self._lock:
            return self._waiting[0].captured_s if self._waiting else None

    def take(self, *, fresh_after_s: float = float("-inf")) -> Frame | None:
        """The oldest waiting frame that is fresh enough; older ones are dropped as stale.

        The caller must end what it got with ``done`` or ``lost``.
        """
        with self._lock:
            while self._waiting:
                frame = self._waiting.popleft()
                if frame.captured_s >= fresh_after_s:
                    self._working += 1
                    return frame
                self._dropped[Drop.STALE] += 1
            return None

    def done(self) -> None:
        """A taken frame has been processed."""
        with self._lock:
            self._working -= 1
            self._processed += 1

    def lost(self, reason: Drop) -> None:
        """A taken frame has come to nothing."""
        with self._lock:
            self._working -= 1
            self._dropped[reason] += 1

    def counts(self) -> Counts:
        """Exact counts, consistent with each other."""
        with self._lock:
            waiting = len(self._waiting) + self._working
            return Counts(
                self._captured, self._processed, self._dropped.total(), waiting, by_reason=dict(self._dropped)
            )

    def health(self) -> CameraHealth:
        """How the camera is doing right now."""
        now_s = self._clock.monotonic()
        counts = self.counts()
        recent = list(self._recent)
        age_s = now_s - recent[-1] if recent else None
        # The rate over the last frames, and falling while none comes.
        span_s = max(now_s - recent[0], 1e-3) if recent else 0.0
        fps = (len(recent) - 1) / span_s if len(recent) > 1 else 0.0
        return CameraHealth(
            name=self.settings.name,
            state=self._life.phase.value,
            fps=round(fps, 2),
            frames=counts.captured,
            frames_dropped=counts.dropped,
            reconnects=self._life.reconnects,
            last_frame_age_s=None if age_s is None else round(max(0.0, age_s), 3),
        )

    def _stream(self, stop: threading.Event) -> None:
        stride = self._stride()
        while not stop.is_set():
            if self._source.paced:
                self._keep_pace(stop)
                for _ in range(stride - 1):
                    self._source.read(skip=True)
            now_s = self._clock.monotonic()
            wanted = self._source.paced or now_s >= self._due_s
            spared = wanted and now_s < self._spare_due_s
            frame = self._source.read(skip=spared or not wanted)
            now_s = self._clock.monotonic()
            self._enter(on_frame(self._life, now_s), "")
            if frame is not None or spared:
                # Falling behind must not be caught up in a burst.
                self._due_s = max(self._due_s + self._period_s, now_s - self._period_s)
            if frame is not None:
                self._spare_due_s = max(self._spare_due_s + self._spare_period_s, now_s - self._spare_period_s)
                self._put(frame)
            elif spared:
                self._spare()

    def _stride(self) -> int:
        """How many frames of a file make one of ours, so that a file plays at its own speed."""
        native = float(getattr(self._source, "native_fps", 0.0))
        return max(1, round(native / self.settings.fps)) if self._source.paced and native > 0 else 1

    def _keep_pace(self, stop: threading.Event) -> None:
        wait_s = self._due_s - self._clock.monotonic()
        if wait_s > 0:
            stop.wait(wait_s)

    def _spare(self) -> None:
        with self._lock:
            self._captured += 1
            self._dropped[Drop.SPARED] += 1

    def _put(self, frame: Frame) -> None:
        with self._lock:
            self._captured += 1
            self._waiting.append(frame)
            while len(self._waiting) > self._queue_size:
                self._waiting.popleft()
                self._dropped[Drop.NEWER] += 1
            self._recent.append(frame.captured_s)
        self._on_frame()

    def _enter(self, life: Life, reason: str) -> None:
        before, self._life = self._life, life
        if before.phase is life.phase:
            return
        log.info(
            "camera.phase", camera=self.settings.name, phase=life.phase.value, before=before.phase.value, reason=reason
        )
        self._on_change(self.settings, before.phase, life.phase, reason)
