"""A model that is tried beside the one that runs: loaded, self-tested and asked about the same frames, in a process of its own.

The pipeline's thread performs (``tend``, ``offer``); whoever wants to know reads the fields. Its answers go nowhere but into the
comparison: no observation ever holds a number of a candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from contracts.errors import ShoalError
from contracts.vision import Detection, ModelRef
from edge.clock import Clock
from edge.errors import SourceError
from edge.inference.engine import EngineReport
from edge.inference.worker_client import WorkerClient, WorkerLostError

if TYPE_CHECKING:
    from edge.cameras.source import Frame

log = structlog.get_logger()


class Comparison(Protocol):
    """What is made of a frame that both models have looked at."""

    def pair(
        self, active: Sequence[Detection], candidate: Sequence[Detection], *, active_s: float, candidate_s: float
    ) -> None:
        """Both answered; detections from each model's own threshold on, seconds for the frame."""
        ...

    def failed(self) -> None:
        """The candidate failed on a frame that the active model could read."""
        ...


@dataclass(frozen=True)
class BothSaw:
    """A frame with what both say of it, each from its own threshold on."""

    camera: int
    """Its number in the pipeline."""
    frame: Frame
    active: tuple[Detection, ...]
    active_model: ModelRef
    candidate: tuple[Detection, ...]
    candidate_model: ModelRef


@dataclass(frozen=True)
class _Asked:
    camera: int
    frame: Frame
    active: tuple[Detection, ...]
    active_model: ModelRef
    active_s: float
    at_s: float


class Candidate:
    """One model on trial.

    Args:
        worker: its process; the pipeline's thread starts and ends it.
        every_s: seconds between two frames that it is asked about.
        comparison: gets the pairs; None asks it about no frame.
        cameras: indexes of those that it is asked about and takes over; None: all.
        on_active: called when it has taken over, with its worker.
    """

    def __init__(
        self,
        worker: WorkerClient,
        *,
        clock: Clock,
        every_s: float = 0.0,
        comparison: Comparison | None = None,
        cameras: frozenset[int] | None = None,
        on_active: Callable[[WorkerClient], None] = lambda _worker: None,
    ) -> None:
        self.worker = worker
        self.cameras = cameras
        self.report: EngineReport | None = None
        """What it says of itself once it has passed its golden frames."""
        self.refused = ""
        """Why it cannot be used; empty while nothing speaks against it."""
        self.lost = 0
        """How often its process was lost."""
        self.comparison = comparison
        self.on_both: Callable[[BothSaw], None] = lambda _saw: None
        """Told of each frame that both have answered; the pipeline keeps those on which they differ."""
        self._clock = clock
        self._every_s = every_s
        self._on_active = on_active
        self._asked: _Asked | None = None
        self._next_s = 0.0
        worker.listen(on_report=self._reported, on_lost=self._was_lost)

    def tend(self) -> None:
        """Start, watch and hear it."""
        try:
            answer = self.worker.receive()
            if answer is not None and self._asked is not None:
                self._compare(self._asked, answer.detections)
                self._asked = None
            self.worker.tend()
        except WorkerLostError:
            if self._asked is not None and self.comparison is not None:
                self.comparison.failed()
            self._asked = None

    def offer(
        self, frame: Frame, active: Sequence[Detection], report: EngineReport, *, frame_s: float, camera: int = 0
    ) -> None:
        """Ask it about a frame that the active model has answered, when it is its turn.

        Args:
            frame: the frame; it is held until the candidate has answered.
            active: what the active model found.
            report: of the active model.
            frame_s: seconds that the active model took.
            camera: whose frame it is, by its number in the pipeline.
        """
        now_s = self._clock.monotonic()
        if self.comparison is None or now_s < self._next_s or self._asked is not None or not self.worker.idle:
            return
        self._next_s = now_s + self._every_s
        try:
            place = self.worker.draw(frame, bank=0, index=0)
            self.worker.submit((place,), bank=0)
        except (ShoalError, SourceError, WorkerLostError) as error:
            log.debug("candidate.not_asked", reason=str(error))
            return
        sure = tuple(one for one in active if one.confidence >= report.threshold)
        self._asked = _Asked(camera, frame, sure, report.model, frame_s, now_s)

    def take_over(self) -> None:
        """It is the active model from now on."""
        self._on_active(self.worker)

    def close(self) -> None:
        """End its process. Safe to call twice."""
        self.worker.close()

    def _compare(self, asked: _Asked, found: Sequence[Sequence[Detection]] | None) -> None:
        if self.comparison is None:
            return
        if found is None or self.report is None:
            self.comparison.failed()
            return
        threshold = self.report.threshold
        sure = [one for one in found[0] if one.confidence >= threshold]
        self.comparison.pair(
            asked.active, sure, active_s=asked.active_s, candidate_s=self._clock.monotonic() - asked.at_s
        )
        self.on_both(
            BothSaw(asked.camera, asked.frame, asked.active, asked.active_model, tuple(sure), self.report.model)
        )

    def _reported(self, report: EngineReport | None, reason: str) -> None:
        self.report = report
        if report is None:
            self.refused = reason

    def _was_lost(self, reason: str) -> None:
        self.lost += 1
        log.warning("candidate.lost", reason=reason, times=self.lost)
