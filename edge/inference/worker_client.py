"""The agent's side of the worker process: starts it, gives it jobs, and replaces it when it dies, hangs or grows.

One job at a time. Used by the pipeline's thread alone; nothing here blocks longer than a process needs to be born. While no
frame comes a canary frame does, so that a worker that froze in between is found before it is needed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psutil
import structlog

from contracts.vision import Detection
from edge.clock import Clock
from edge.inference import state
from edge.inference.engine import EngineReport
from edge.inference.engine_cache import TENSORRT
from edge.inference.settings import ModelSettings
from edge.inference.state import Phase, WorkerLife
from edge.inference.worker_channel import (
    Attach,
    Channel,
    FrameRing,
    Infer,
    Inferred,
    Load,
    Loaded,
    Message,
    Refused,
    anonymous_memory,
)

if TYPE_CHECKING:
    from edge.cameras.source import Frame
    from models.runtime.preprocess import Placement

log = structlog.get_logger()

BATCH = 8
"""Frames of a job at most."""
BANKS = 2
"""While the worker reads one bank of slots, the next job is drawn into the other."""
LOAD_TIMEOUT_S = 120.0
BUILD_TIMEOUT_S = 1800.0
"""TensorRT may build an engine first."""
CANARY_EVERY_S = 5.0
MEMORY_LOOKS_S = 10.0
_BLANK_SLOT = BANKS * BATCH
_FORGET = 0.95


@dataclass(frozen=True)
class Answer:
    """What became of a job: detections of each frame; None with the reason when the model failed on it."""

    detections: tuple[tuple[Detection, ...], ...] | None
    error: str = ""
    health: tuple[tuple[Mapping[str, float], ...], ...] = ()
    """Of each frame the scores of the fish that the health model looked at; empty when it looked at none."""
    distances: tuple[float | None, ...] = ()
    """Of each frame how far it lies from those of the training; None when the model does not tell."""


class WorkerLostError(Exception):
    """The worker is gone, and with it the job that it had; another one is on its way."""


class WorkerClient:
    """Runs one model in a process of its own.

    Args:
        settings: which model.
        cache: folder for engines that are built on this device; None keeps none.
        log_level: of the worker.
        goes_first: whether the kernel should end its process before any other when memory runs out.
        on_report: told what runs when it is ready; None, with the reason, when it cannot be used.
        on_lost: told the reason whenever a worker had to be replaced.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        clock: Clock,
        cache: Path | None = None,
        log_level: str = "info",
        goes_first: bool = False,
        on_report: Callable[[EngineReport | None, str], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.report: EngineReport | None = None
        """What runs now; None while nothing does."""
        self.frame_s = 0.0
        """Seconds that the worker takes for one frame: the slowest lately, because a plan that is too hopeful makes old
        results."""
        self._settings = settings
        self._clock = clock
        self._load = Load(settings, cache, log_level, goes_first)
        self._on_report = on_report
        self._on_lost = on_lost
        self._life = WorkerLife()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._memory: int | None = None
        self._ring: FrameRing | None = None
        self._drawn: dict[int, Placement] = {}
        self.refused = ""
        """Why the model cannot be used; empty while nothing speaks against it."""
        self.losses = 0
        """How often its process was lost."""
        self._job = 0
        self._asked: Infer | None = None
        self._asked_s = 0.0
        self._heard_s = 0.0
        self._weighed_s = 0.0

    # -- what the pipeline asks ----------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._life.phase is Phase.READY

    @property
    def idle(self) -> bool:
        """Whether a job can be given now."""
        return self.ready and self._asked is None

    @property
    def hopeless(self) -> bool:
        """Whether the cameras should go on without a model for now."""
        return self._life.hopeless and not self.ready

    @property
    def restarts(self) -> int:
        """How often the worker was started again."""
        return max(0, self._life.starts - 1)

    def listen(self, *, on_report: Callable[[EngineReport | None, str], None], on_lost: Callable[[str], None]) -> None:
        """From now on tell these what runs and what was lost; called by the thread that uses the client."""
        self._on_report, self._on_lost = on_report, on_lost

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the worker; 0 while there is none."""
        process = self._process
        try:
            return int(psutil.Process(process.pid).memory_info().rss) if process is not None else 0
        except psutil.Error:
            return 0

    @property
    def bundle(self) -> str:
        """The bundle that it was told to run."""
        return self._settings.bundle

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._process.pid if self._process is not None else None

    def fileno(self) -> int | None:
        """Descriptor that becomes readable when the worker says something."""
        return self._channel.fileno() if self._channel is not None else None

    def draw(self, frame: Frame, *, bank: int, index: int) -> Placement:
        """Fit a frame into a slot of the shared memory.

        Raises:
            SourceError: its bytes are not an image.
            InferenceError: it is not an 8-bit image.
        """
        from models.runtime.preprocess import PAD_VALUE, fit, placement

        report, ring = self.report, self._ring
        if report is None or ring is None:
            raise WorkerLostError("no model is loaded")
        slot = bank * BATCH + index
        canvas = ring.images[slot]
        place = placement(*frame.size, report.image)
        if self._drawn.get(slot) != place:
            canvas[:] = PAD_VALUE  # another shape was here
            self._drawn[slot] = place
        fit(frame.image_for(place.width, place.height), canvas, report.image, place=place)
        return place

    def submit(self, placements: Sequence[Placement], *, bank: int, health: tuple[bool, ...] = ()) -> None:
        """Give the worker the first slots of a bank; it must be idle. ``health``: which of them the health model looks at."""
        self._ask(bank * BATCH, tuple(placements), health)

    def tend(self) -> None:
        """Start, watch and feed the worker. Call it often.

        Raises:
            WorkerLostError: it had to be given up; the job that it had is lost.
        """
        now_s = self._clock.monotonic()
        if self._life.may_start(now_s):
            self._start(now_s)
        elif self._life.overdue(now_s):
            what = "loading the model" if self._life.phase is Phase.LOADING else "a frame"
            self._give_up(f"it hangs at {what}")
        elif self.ready and now_s - self._weighed_s > MEMORY_LOOKS_S:
            self._weighed_s = now_s
            self._weigh()
        if self.idle and now_s - self._heard_s > CANARY_EVERY_S:
            self._ask(_BLANK_SLOT, (self._whole(),))

    def receive(self) -> Answer | None:
        """What the worker has said to the job; None while it has not. Never blocks.

        Raises:
            WorkerLostError: it is gone; the job that it had is lost.
        """
        answer = None
        while self._channel is not None and answer is None:
            try:
                message = self._channel.poll()
            except EOFError:  # noqa: PERF203  (one message per turn)
                self._give_up(self._how_it_ended())
            else:
                if message is None:
                    return None
                answer = self._handle(message)
        return answer

    def close(self) -> None:
        """End the worker. Safe to call twice."""
        self._end()
        if self._memory is not None:
            os.close(self._memory)
            self._memory = None
        self._life = WorkerLife(start_after_s=float("inf"))

    # -- the process ---------------------------------------------------------------------------------------------

    def _start(self, now_s: float) -> None:
        ours, theirs = socket.socketpair()
        try:
            if self._memory is None:
                self._memory = anonymous_memory()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge.inference.worker", str(theirs.fileno()), str(self._memory)],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self._memory),
                env=_environment(),
                start_new_session=True,  # signals of the terminal are for the agent
            )
            self._channel = Channel(ours)
            self._channel.send(self._load)
        except OSError as error:
            ours.close()
            self._give_up(f"it cannot be started: {error}")
        finally:
            theirs.close()
        wanted = self._settings.providers
        builds = wanted is None or TENSORRT in wanted
        self._life = state.on_start(
            self._life, now_s, load_timeout_s=BUILD_TIMEOUT_S if builds and self._load.cache else LOAD_TIMEOUT_S
        )

    def _give_up(self, reason: str) -> NoReturn:
        was_ready = self.ready
        self._end()
        self._life = state.on_failure(self._life, self._clock.monotonic())
        self.losses += 1
        log.error("model.worker_lost", reason=reason, failures=self._life.failures)
        self._on_lost(reason)
        if was_ready or self._life.failures == state.HOPELESS_AFTER:
            self._on_report(None, f"the worker process was lost: {reason}")
        raise WorkerLostError(reason)

    def _end(self) -> None:
        self.report, self._asked = None, None
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # a stopped process dies of this too
            try:
                process.wait(1.0)
            except subprocess.TimeoutExpired:
                log.error("model.worker_undead", pid=process.pid)  # noqa: TRY400  (it hangs inside the kernel's driver)

    def _how_it_ended(self) -> str:
        process = self._process
        if process is None:
            return "it is gone"
        try:
            code = process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it closed its end"
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with code {code}"

    def _weigh(self) -> None:
        """A model that leaks must not take the box with it."""
        process = self._process
        if process is None:
            return
        try:
            used = psutil.Process(process.pid).memory_info().rss
        except psutil.Error:
            return
        if used > self._settings.max_memory_mb * 1_000_000:
            self._give_up(f"it grew to {used / 1e6:.0f} MB, more than model.max_memory_mb")

    # -- what is said --------------------------------------------------------------------------------------------

    def _ask(self, first: int, placements: tuple[Placement, ...], health: tuple[bool, ...] = ()) -> None:
        if self._channel is None or not self.idle:
            raise WorkerLostError("no worker is ready")
        self._job += 1
        self._asked, self._asked_s = Infer(self._job, first, placements, health), self._clock.monotonic()
        self._life = state.on_asked(self._life, self._asked_s, expected_s=self.frame_s * len(placements))
        try:
            self._channel.send(self._asked)
        except OSError:
            self._give_up(self._how_it_ended())

    def _handle(self, message: Message) -> Answer | None:
        now_s = self._heard_s = self._clock.monotonic()
        if isinstance(message, Loaded):
            self._attach(message.report, now_s)
        elif isinstance(message, Refused):
            self._end()
            self._life = state.on_refusal(self._life, now_s)
            self.refused = message.reason
            log.error("model.not_loaded", reason=message.reason, retry_s=state.REFUSED_WAIT_S)
            self._on_report(None, message.reason)
        elif isinstance(message, Inferred) and self._asked is not None and message.job == self._asked.job:
            asked, self._asked = self._asked, None
            self._life = state.on_answer(self._life, now_s)
            took_s = (now_s - self._asked_s) / len(asked.placements)
            self.frame_s = max(took_s, self.frame_s * _FORGET)
            if asked.first != _BLANK_SLOT:
                return Answer(message.detections, message.error, message.health, message.distances)
        return None

    def _attach(self, report: EngineReport, now_s: float) -> None:
        image = report.image
        shape = Attach(_BLANK_SLOT + 1, image.height, image.width)
        try:
            if self._memory is None or self._channel is None:
                raise WorkerLostError("the client is closed")
            self._ring = FrameRing(self._memory, slots=shape.slots, height=shape.height, width=shape.width)
            self._channel.send(shape)
        except OSError as error:
            self._give_up(f"no memory for frames of {image.width}x{image.height}: {error}")
        self._drawn.clear()
        self.refused = ""
        self.report, self.frame_s = report, report.latency_ms / 1000
        self._life = state.on_ready(self._life, now_s)
        self._on_report(report, "")

    def _whole(self) -> Placement:
        from models.runtime.preprocess import Placement

        report = self.report
        if report is None:
            raise WorkerLostError("no model is loaded")
        return Placement(0, 0, report.image.width, report.image.height)


def _environment() -> dict[str, str]:
    """The agent's own, with its code found first wherever it was started."""
    environment = dict(os.environ)
    root = str(Path(__file__).resolve().parents[2])
    known = environment.get("PYTHONPATH", "").split(os.pathsep)
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([root, *filter(None, known)]))
    return environment
