"""One camera: keeps its source open and its newest frames ready; drops the oldest and counts exactly.

A keeper thread lives the camera's life (``state``); each connection has a reader thread, because opening and reading may hang in
native code, which nothing can interrupt: such a reader is left behind, counted, and another one connects. At every moment
captured = processed + dropped (by reason) + waiting. Frames above the configured rate are not captured at all (they are read
and left undecoded). The consumer takes frames from other threads and says of each how it ended.
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
from edge.cameras.state import Life, Phase, on_end, on_failure, on_frame, on_open, on_silence, retry_wait_s
from edge.clock import Clock
from edge.errors import SourceEndedError, SourceError

log = structlog.get_logger()

_RATE_WINDOW = 16
TICK_S = 0.5
"""How soon a silence is noticed."""
CANCEL_S = 0.2
"""How long a reader that was told to end is waited for."""
OPEN_TIMEOUT_S = 10.0
"""Longest time in seconds for connecting."""
OVERRUN = 2.0
"""A source has its own time limits. FFmpeg takes twice its own when a stream stops inside a packet (measured)."""
GRACE_S = 2.0
"""Seconds beyond that after which a reader hangs."""
MOST_HUNG = 3
"""Readers of one camera that may hang at a time: each holds a thread and a decoder, and none can be killed."""
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
        open_source: makes an unopened source; called again for a new one when a reader hangs.
        queue: frames that may wait; when it is full the oldest goes.
        on_frame: told after every captured frame, from a thread of the camera.
        on_change: told the camera, its old life and its new one whenever the phase changes.
    """

    def __init__(
        self,
        settings: CameraSettings,
        open_source: Callable[[], FrameSource],
        *,
        queue: int,
        clock: Clock,
        on_frame: Callable[[], None],
        on_change: Callable[[CameraSettings, Life, Life, str], None],
    ) -> None:
        self.settings = settings
        self._open_source = open_source
        self._hung: list[threading.Thread] = []
        self.left_behind = 0
        """Readers that hung, since the start."""
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
        self._life_lock = threading.Lock()
        self._period_s = 1.0 / settings.fps
        self._due_s = 0.0
        self._spare_period_s = 0.0
        self._spare_due_s = 0.0

    def run(self, stop: threading.Event) -> None:
        """Capture until ``stop`` is set or a finite source has ended."""
        source = self._open_source()
        while not stop.is_set() and self._life.phase is not Phase.ENDED:
            self._hung = [thread for thread in self._hung if thread.is_alive()]
            if len(self._hung) >= MOST_HUNG:
                self._fail(f"{len(self._hung)} readers hang in the driver; restart the agent or the camera")
            else:
                reader = _Reader(self, source, patience_s=self._life.patience_s(self.settings.read_timeout_s))
                if not self._watch(reader, stop):
                    source = self._open_source()
            if self._life.phase is Phase.LOST:
                stop.wait(retry_wait_s(self._life, jitter=random.random()))  # noqa: S311  (spreads reconnects)

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

    @property
    def stalls(self) -> int:
        """How often it paused for longer than its own rhythm explains, since the start."""
        return self._life.stalls

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

    def _watch(self, reader: _Reader, stop: threading.Event) -> bool:
        """Let a reader work until it ends or must be given up; returns whether its source can be used again."""
        reader.start()
        while not reader.over.wait(TICK_S):
            now_s = self._clock.monotonic()
            if stop.is_set():
                return reader.cancel()
            self._enter(on_silence, "no frame")
            heard_s, limit_s = self._life.heard_s, reader.patience_s
            if not reader.connected or heard_s is None:
                heard_s, limit_s = reader.began_s, min(OPEN_TIMEOUT_S, limit_s)
            if now_s - heard_s > OVERRUN * limit_s + GRACE_S:
                self._hung.append(reader.thread)
                self.left_behind += 1
                reader.cancel()
                self._fail(f"its reader hangs, {'silent' if reader.connected else 'connecting'}")
                return False
        if isinstance(reader.error, SourceEndedError):
            self._enter(on_end, str(reader.error))
        elif reader.error is not None:
            self._fail(str(reader.error))
        return True

    def _fail(self, reason: str) -> None:
        self._enter(on_failure, reason)

    def now_s(self) -> float:
        """Monotonic time."""
        return self._clock.monotonic()

    # -- what a reader does ----------------------------------------------------------------------------------------

    def opened(self) -> None:
        """The reader has connected."""
        self._enter(on_open)

    def stream(self, source: FrameSource, cancelled: threading.Event) -> None:
        """Read frames until cancelled.

        Raises:
            SourceError: the source failed, stayed silent, or has ended.
        """
        stride = self._stride(source)
        while not cancelled.is_set():
            if source.paced:
                self._keep_pace(cancelled)
                for _ in range(stride - 1):
                    source.read(skip=True)
            now_s = self._clock.monotonic()
            wanted = source.paced or now_s >= self._due_s
            spared = wanted and self._spare_period_s > 0 and now_s < self._spare_due_s
            frame = source.read(skip=spared or not wanted)
            if cancelled.is_set():
                return  # it came too late: another reader may be at work
            now_s = self._clock.monotonic()
            self._enter(on_frame)
            if frame is not None or spared:
                # Falling behind must not be caught up in a burst.
                self._due_s = max(self._due_s + self._period_s, now_s - self._period_s)
            if frame is not None:
                self._spare_due_s = max(self._spare_due_s + self._spare_period_s, now_s - self._spare_period_s)
                self._put(frame)
            elif spared:
                self._spare()

    def _stride(self, source: FrameSource) -> int:
        """How many frames of a file make one of ours, so that a file plays at its own speed."""
        native = float(getattr(source, "native_fps", 0.0))
        return max(1, round(native / self.settings.fps)) if source.paced and native > 0 else 1

    def _keep_pace(self, cancelled: threading.Event) -> None:
        wait_s = self._due_s - self._clock.monotonic()
        if wait_s > 0:
            cancelled.wait(wait_s)

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

    def _enter(self, step: Callable[[Life, float], Life], reason: str = "") -> None:
        """Take a step of the state machine; the keeper and the reader may both want to."""
        with self._life_lock:
            before = self._life
            life = self._life = step(before, self._clock.monotonic())
        if before.phase is life.phase:
            return
        log.info(
            "camera.phase", camera=self.settings.name, phase=life.phase.value, before=before.phase.value, reason=reason
        )
        self._on_change(self.settings, before, life, reason)


class _Reader:
    """One connection in a thread of its own."""

    def __init__(self, capture: CameraCapture, source: FrameSource, *, patience_s: float) -> None:
        self.patience_s = patience_s
        self.connected = False
        self.over = threading.Event()
        self.error: SourceError | None = None
        self.began_s = 0.0
        self._capture = capture
        self._source = source
        self._cancelled = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"reader-{capture.settings.name}", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self.began_s = self._capture.now_s()
        self.thread.start()

    def cancel(self) -> bool:
        """Make it end as soon as its source lets it; returns whether it has."""
        self._cancelled.set()
        return self.over.wait(CANCEL_S)

    def _run(self) -> None:
        try:
            self._source.open(timeout_s=self.patience_s)
            if not self._cancelled.is_set():
                self.connected = True
                self._capture.opened()
                self._capture.stream(self._source, self._cancelled)
        except SourceError as error:
            self.error = error
        except Exception as error:  # a decoder may fail in any way
            log.exception("camera.reader_failed", camera=self._capture.settings.name)
            self.error = SourceError(f"{type(error).__name__}: its reader failed")
        finally:
            self._source.close()
            self.over.set()
