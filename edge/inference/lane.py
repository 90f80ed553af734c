"""One model's way through the pipeline: its process, the cameras that it looks at, and the frames that are under way to it.

A box has one lane, in which its model looks at every camera. While another model is tried in some units, their cameras have a second
lane: two models then work beside each other, and neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.cameras.capture import CameraCapture, Drop
from edge.clock import Clock
from edge.inference.governor import Governor
from edge.inference.scheduler import Scheduler
from edge.inference.settings import ModelSettings
from edge.inference.worker_client import BATCH, WorkerClient

if TYPE_CHECKING:
    from contracts.vision import ModelRef
    from edge.cameras.source import Frame
    from models.runtime.preprocess import Placement


@dataclass(frozen=True)
class Job:
    """Frames that are drawn into one bank of slots."""

    bank: int
    frames: tuple[tuple[int, Frame], ...]
    """Index of the camera, and the frame."""
    placements: tuple[Placement, ...]
    begun_s: float
    """Monotonic time when drawing began."""
    drawn_s: float
    """Monotonic time when its last frame was drawn."""


class Lane:
    """One model with its cameras; used by the pipeline's thread alone.

    Args:
        worker: runs the model; None works without one.
        cameras: indexes of those that it looks at.
        captures: of all cameras.
        model: how to use it.
    """

    def __init__(
        self,
        worker: WorkerClient | None,
        cameras: Iterable[int],
        captures: Sequence[CameraCapture],
        *,
        model: ModelSettings,
        clock: Clock,
    ) -> None:
        self.worker = worker
        self.with_worker: Job | None = None
        self.drawn: Job | None = None
        self.bank = 0
        self.submitted_s = self.answered_s = 0.0
        self.quiet_s: float | None = None
        """Monotonic time since when it has nothing to do because its cameras are about to be another's."""
        self.results = 0
        """Frames with a result, since the start."""
        self.errors = 0
        """Frames that the model failed on, since the start."""
        self._captures = captures
        self._clock = clock
        self._limit_c = model.max_temperature_c
        self.governor = Governor((), clock=clock, max_temperature_c=self._limit_c)
        self.scheduler = Scheduler(
            [one.settings.priority for one in captures], staleness_s=model.staleness_s, batch=BATCH
        )
        self.look_at(cameras)

    def look_at(self, cameras: Iterable[int]) -> None:
        """From now on these are its cameras; how many frames it has time for is learned anew."""
        self.cameras = frozenset(cameras)
        own, heat = [self._captures[camera] for camera in sorted(self.cameras)], self.governor.heat
        self.governor = Governor(own, clock=self._clock, max_temperature_c=self._limit_c)
        self.governor.heat = heat

    @property
    def model(self) -> ModelRef | None:
        """What its session says that it runs."""
        report = self.worker.report if self.worker is not None else None
        return report.model if report is not None else None

    @property
    def empty(self) -> bool:
        """Whether no frame is under way."""
        return self.with_worker is None and self.drawn is None

    def lose_jobs(self) -> None:
        """The frames under way will not be answered."""
        for job in (self.with_worker, self.drawn):
            for camera, _ in job.frames if job is not None else ():
                self._captures[camera].lost(Drop.LOST)
        self.with_worker = self.drawn = None
