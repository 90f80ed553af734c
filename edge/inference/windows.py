"""Closes the observation window of every camera in time and puts what it holds into the outbox.

A window closes even when no frame came (then its quality is MISSING), so that silence is seen. While the outbox cannot
persist, a bounded number of closed windows waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from contracts.vision import ModelRef, Observation
from edge.cameras.capture import CameraCapture
from edge.clock import Clock
from edge.errors import OutboxUnavailableError
from edge.inference.rules import end_after
from edge.outbox.store import Outbox
from edge.stages import Stages

if TYPE_CHECKING:
    from edge.inference.analysis import Analyst, Closed

log = structlog.get_logger()

WINDOW_PREFIX = "window:"
UNPERSISTED_LIMIT = 60
"""Observations held while the outbox cannot persist; then the oldest goes and is counted."""


@dataclass
class WindowStats:
    """Counts since the start."""

    observations: int = 0
    evidence: int = 0
    not_persisted: int = 0


@dataclass(frozen=True)
class LatestSight:
    """The newest observation of a camera, for the page."""

    observation: Observation
    at_s: float


@dataclass
class _Window:
    """When one camera's window closes, and what was counted before it began."""

    camera: int
    """Its index."""
    capture: CameraCapture
    analyst: Analyst
    closes_s: float
    dropped_before: int
    last_end: datetime | None


class Windows:
    """The windows of all cameras; used by one thread.

    Args:
        captures: each camera with its analyst.
        window_s: seconds that one observation sums up.
        model: the model that a camera, by its index, is looked at by now; asked at every close.
        stages: gets how long an observation takes to the disk.
    """

    def __init__(
        self,
        captures: Sequence[tuple[CameraCapture, Analyst]],
        outbox: Outbox,
        *,
        window_s: float,
        clock: Clock,
        model: Callable[[int], ModelRef | None],
        stages: Stages | None = None,
    ) -> None:
        self._stages = stages or Stages()
        self.stats = WindowStats()
        self._outbox = outbox
        self._window_s = window_s
        self._clock = clock
        self._model = model
        self._unpersisted: deque[tuple[Closed, dict[str, str | None], float]] = deque()
        """Closed windows, their state and the monotonic second that each was closed at."""
        self._sights: dict[str, LatestSight] = {}
        ends = {key.removeprefix(WINDOW_PREFIX): text for key, text in outbox.state(WINDOW_PREFIX).items()}
        closes_s = clock.monotonic() + window_s
        self._windows = [
            _Window(camera, capture, analyst, closes_s, 0, datetime.fromisoformat(end) if end is not None else None)
            for camera, (capture, analyst) in enumerate(captures)
            for end in [ends.get(capture.settings.name)]
        ]

    def latest(self) -> dict[str, LatestSight]:
        """The newest observation of every camera."""
        return dict(self._sights)

    def close_due(self) -> None:
        """Close the windows whose time has come."""
        now_s = self._clock.monotonic()
        for window in self._windows:
            if now_s >= window.closes_s:
                self._close(window)
                # A box that slept does not catch up on windows that nobody saw.
                window.closes_s = max(window.closes_s + self._window_s, now_s + self._window_s / 2)
        self._persist()

    def close_here(self, cameras: Collection[int]) -> None:
        """Close the windows of these cameras that saw something now: what comes next is seen by another model. Persisted with those that
        close next.
        """
        now_s = self._clock.monotonic()
        for window in self._windows:
            if window.camera in cameras and not window.analyst.empty:
                self._close(window)
                window.closes_s = now_s + self._window_s

    def close_all(self) -> None:
        """Close the windows that saw something, for the last time."""
        for window in self._windows:
            if not window.analyst.empty:
                self._close(window)
        self._persist()

    def _close(self, window: _Window) -> None:
        name, now_s = window.capture.settings.name, self._clock.monotonic()
        ended_at = end_after(window.last_end, self._clock.now())
        dropped = window.capture.counts().dropped
        model = self._model(window.camera)
        closed = window.analyst.close(ended_at=ended_at, dropped=dropped - window.dropped_before, model=model)
        self._unpersisted.append((closed, {WINDOW_PREFIX + name: ended_at.isoformat(), **closed.state}, now_s))
        self._sights[name] = LatestSight(closed.observation, now_s)
        window.last_end, window.dropped_before = ended_at, dropped

    def _persist(self) -> None:
        while self._unpersisted:
            closed, state, closed_s = self._unpersisted[0]
            try:
                self._outbox.accept(list(closed.drafts), state=state)
            except OutboxUnavailableError as error:
                log.error("observation.not_persisted", reason=str(error), waiting=len(self._unpersisted))  # noqa: TRY400  (the event says it all)
                while len(self._unpersisted) > UNPERSISTED_LIMIT:
                    self._unpersisted.popleft()
                    self.stats.not_persisted += 1
                return
            self._unpersisted.popleft()
            self._stages.observation_persist.observe(self._clock.monotonic() - closed_s)
            self.stats.observations += 1
            self.stats.evidence += closed.observation.image_sha256 is not None
