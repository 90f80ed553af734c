"""What the updater needs of the cameras' pipeline: what runs, a candidate beside it, the swap. An interface, and its adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.clock import Clock
from edge.inference.candidate import Candidate, Comparison
from edge.inference.engine import EngineReport
from edge.inference.pipeline import VisionPipeline
from edge.inference.worker_client import WorkerClient


@dataclass(frozen=True)
class Work:
    """What the model that runs has done since the agent's start."""

    results: int = 0
    errors: int = 0
    restarts: int = 0
    """Times that the process of this model was lost."""
    frame_ms: float = 0.0
    refused: str = ""
    """Why the model that should run does not; empty when it does or is being loaded."""


class Trial(Protocol):
    """Tries models out and swaps them."""

    def running(self) -> EngineReport | None:
        """What the running session says of itself; None while none runs."""
        ...

    def work(self) -> Work:
        """What it has done."""
        ...

    def try_out(self, bundle: str, *, every_s: float = 0.0, comparison: Comparison | None = None) -> Candidate:
        """Load a bundle beside what runs, and ask it about the same frames when there is a comparison."""
        ...

    def drop(self, candidate: Candidate) -> bool:
        """End a trial; whether the candidate had taken over already, and so runs on."""
        ...

    def swap_to(self, candidate: Candidate) -> None:
        """Let the candidate take over between two frames; returns at once."""
        ...

    def memory_bytes(self, candidate: Candidate) -> int:
        """Resident memory of the candidate's process."""
        ...

    @property
    def swap_gap_ms(self) -> float | None:
        """How long no model could be asked at the last swap."""
        ...


class VisionTrial:
    """Trials in the cameras' pipeline.

    Args:
        new_worker: makes the client of a bundle's process.
        take_over: told, in the pipeline's thread, whose worker is the active one from now on.
    """

    def __init__(
        self,
        vision: VisionPipeline,
        *,
        clock: Clock,
        new_worker: Callable[[str], WorkerClient],
        take_over: Callable[[WorkerClient], None],
    ) -> None:
        self._vision = vision
        self._clock = clock
        self._new_worker = new_worker
        self._take_over = take_over

    def running(self) -> EngineReport | None:
        """As ``Trial.running``."""
        worker = self._vision.worker
        return worker.report if worker is not None else None

    def work(self) -> Work:
        """As ``Trial.work``."""
        stats, worker = self._vision.stats, self._vision.worker
        if worker is None:
            return Work(stats.results, stats.model_errors)
        frame_ms = worker.frame_s * 1000
        return Work(stats.results, stats.model_errors, worker.losses, frame_ms, worker.refused)

    def try_out(self, bundle: str, *, every_s: float = 0.0, comparison: Comparison | None = None) -> Candidate:
        """As ``Trial.try_out``."""
        candidate = Candidate(
            self._new_worker(bundle),
            clock=self._clock,
            every_s=every_s,
            comparison=comparison,
            on_active=self._take_over,
        )
        self._vision.try_out(candidate)
        return candidate

    def drop(self, candidate: Candidate) -> bool:
        """As ``Trial.drop``."""
        self._vision.swap_to(None)
        self._vision.try_out(None)
        return candidate.worker is self._vision.worker

    def swap_to(self, candidate: Candidate) -> None:
        """As ``Trial.swap_to``."""
        self._vision.swap_to(candidate)

    def memory_bytes(self, candidate: Candidate) -> int:
        """As ``Trial.memory_bytes``."""
        return candidate.worker.memory_bytes

    @property
    def swap_gap_ms(self) -> float | None:
        """As ``Trial.swap_gap_ms``."""
        return self._vision.swap_gap_ms
