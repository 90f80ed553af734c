"""What the updater needs of the cameras' pipeline: what runs, a candidate beside it, the swap. An interface, and its adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from edge.clock import Clock
from edge.inference.candidate import Candidate, Comparison
from edge.inference.engine import EngineReport
from edge.inference.lane import Lane
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
    hopeless: bool = False
    """Whether its process was lost so often in a row that nobody waits for it."""


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

    def elsewhere(self) -> dict[str, str]:
        """What the running sessions say by unit, where that is another model than the box's."""
        ...


class UnitTrial(Trial, Protocol):
    """Tries a model out in some units; ``running``, ``work`` and ``swap_to`` speak of those, and of the model that is tried there."""

    def seen(self) -> frozenset[str]:
        """Units that a camera looks at."""
        ...

    def try_out_in(
        self, units: Iterable[str], bundle: str, *, every_s: float = 0.0, comparison: Comparison | None = None
    ) -> Candidate:
        """Load a bundle beside what runs, for these units, and ask it about the same frames of theirs when there is a comparison."""
        ...

    def beside(self) -> bool:
        """Whether the cameras of some units are the trial's now."""
        ...

    def rejoin(self) -> None:
        """Give them back to the box's model between two frames; returns at once."""
        ...

    def box_sha256(self) -> str | None:
        """What the session of the box's own model says that it runs; None while none does."""
        ...

    def box_frame_ms(self) -> float:
        """How long the box's own model takes for a frame now; 0 when that is not known."""
        ...

    def box_memory_bytes(self) -> int:
        """Resident memory of the process of the box's own model."""
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
        return _report(self._vision.main)

    def work(self) -> Work:
        """As ``Trial.work``."""
        return _work(self._vision.main)

    def try_out(self, bundle: str, *, every_s: float = 0.0, comparison: Comparison | None = None) -> Candidate:
        """As ``Trial.try_out``."""
        return self._try_out(bundle, every_s, comparison, None)

    def _try_out(
        self, bundle: str, every_s: float, comparison: Comparison | None, cameras: frozenset[int] | None
    ) -> Candidate:
        candidate = Candidate(
            self._new_worker(bundle),
            clock=self._clock,
            every_s=every_s,
            comparison=comparison,
            cameras=cameras,
            on_active=self._take_over,
        )
        self._vision.try_out(candidate)
        return candidate

    def drop(self, candidate: Candidate) -> bool:
        """As ``Trial.drop``."""
        self._vision.drop(candidate)
        return self._vision.runs(candidate.worker)

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

    def elsewhere(self) -> dict[str, str]:
        """As ``Trial.elsewhere``."""
        return {unit: model.sha256 for unit, model in self._vision.models_elsewhere().items()}


class UnitVisionTrial(VisionTrial):
    """Trials in some units, in the cameras' pipeline."""

    def running(self) -> EngineReport | None:
        """As ``UnitTrial.running``."""
        return _report(self._vision.trial)

    def work(self) -> Work:
        """As ``UnitTrial.work``."""
        return _work(self._vision.trial)

    def seen(self) -> frozenset[str]:
        """As ``UnitTrial.seen``."""
        return self._vision.units

    def try_out_in(
        self, units: Iterable[str], bundle: str, *, every_s: float = 0.0, comparison: Comparison | None = None
    ) -> Candidate:
        """As ``UnitTrial.try_out_in``."""
        return self._try_out(bundle, every_s, comparison, self._vision.cameras_of(units))

    def beside(self) -> bool:
        """As ``UnitTrial.beside``."""
        return self._vision.trial is not None

    def rejoin(self) -> None:
        """As ``UnitTrial.rejoin``."""
        self._vision.rejoin()

    def box_sha256(self) -> str | None:
        """As ``UnitTrial.box_sha256``."""
        report = _report(self._vision.main)
        return report.model.sha256 if report is not None else None

    def box_frame_ms(self) -> float:
        """As ``UnitTrial.box_frame_ms``."""
        return _work(self._vision.main).frame_ms if self.box_sha256() is not None else 0.0

    def box_memory_bytes(self) -> int:
        """As ``UnitTrial.box_memory_bytes``."""
        worker = self._vision.main.worker
        return worker.memory_bytes if worker is not None else 0


def _report(lane: Lane | None) -> EngineReport | None:
    return lane.worker.report if lane is not None and lane.worker is not None else None


def _work(lane: Lane | None) -> Work:
    if lane is None:
        return Work()
    worker = lane.worker
    if worker is None:
        return Work(lane.results, lane.errors)
    return Work(lane.results, lane.errors, worker.losses, worker.frame_s * 1000, worker.refused, worker.hopeless)
