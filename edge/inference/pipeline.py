"""Captured frames through the model to each camera's analyst; observations with their evidence go into the outbox.

One thread for all cameras: plan → take → draw → worker process → analyst. While the worker looks at one batch the next is drawn.
Without a model, or while its process is being replaced, frames go to the analysts without a result and observations claim no
counts. Every frame that is taken ends as processed or as dropped for a reason.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from contracts.alarms import AlarmBatch
from contracts.vision import ModelRef
from edge.cameras.alarms import MEMORY_PREFIX, STATE_PREFIX, ViewAlarm, orphan_clears
from edge.cameras.capture import CameraCapture, Drop
from edge.cameras.source import Frame
from edge.clock import Clock
from edge.inference.candidate import BothSaw, Candidate
from edge.inference.engine import FrameResult
from edge.inference.governor import Governor
from edge.inference.scheduler import Scheduler
from edge.inference.settings import ModelSettings, ObservationSettings
from edge.inference.windows import LatestSight, Windows
from edge.inference.worker_client import BANKS, BATCH, Answer, WorkerClient, WorkerLostError
from edge.outbox.store import Draft, Outbox
from edge.stages import Stages

if TYPE_CHECKING:
    from edge.inference.analysis import Analyst
    from edge.sampling.keeper import PictureKeeper
    from models.runtime.preprocess import Placement

log = structlog.get_logger()

LONGEST_NAP_S = 0.1
"""So that windows close and the worker is watched when no frame comes."""


@dataclass
class VisionStats:
    """Counts since the start."""

    frames: int = 0
    """Frames that an analyst has seen, with or without a result."""
    results: int = 0
    """Frames with a result of the model."""
    analysis_errors: int = 0
    """Frames that an analyst failed on."""
    model_errors: int = 0
    model_failed_s: float | None = None
    """Monotonic time of the last failure."""


@dataclass(frozen=True)
class _Job:
    """Frames that are drawn into one bank of slots."""

    bank: int
    frames: tuple[tuple[int, Frame], ...]
    """Index of the camera, and the frame."""
    placements: tuple[Placement, ...]
    begun_s: float
    """Monotonic time when drawing began."""
    drawn_s: float
    """Monotonic time when its last frame was drawn."""


class VisionPipeline:
    """Runs every camera's frames through one model.

    Args:
        worker: runs the model; ``None`` works without one. The pipeline's thread starts and ends it.
        model: how to use it.
        observe_latency: gets the seconds from capture to result of every frame.
        stages: gets how long frames and observations take.
        pictures: keeps evidence and samples on the box; None keeps none.
    """

    def __init__(
        self,
        captures: Sequence[CameraCapture],
        outbox: Outbox,
        *,
        settings: ObservationSettings,
        model: ModelSettings | None,
        worker: WorkerClient | None,
        clock: Clock,
        observe_latency: Callable[[float], None],
        pictures: PictureKeeper | None = None,
        stages: Stages | None = None,
    ) -> None:
        self._stages = stages or Stages()
        self.stats = VisionStats()
        self._clock = clock
        self._worker = worker
        self._observe_latency = observe_latency
        self._captures = captures
        self._pictures = pictures
        cameras = _with_analysts(captures, outbox, settings=settings, clock=clock, pictures=pictures)
        self._analysts = [analyst for _, analyst in cameras]
        self._windows = Windows(
            cameras,
            outbox,
            window_s=settings.window_s,
            clock=clock,
            model=lambda: self._model,
            stages=self._stages,
        )
        model = model or ModelSettings()
        weights = [capture.settings.priority for capture in captures]
        self._scheduler = Scheduler(weights, staleness_s=model.staleness_s, batch=BATCH)
        self._governor = Governor(captures, clock=clock, max_temperature_c=model.max_temperature_c)
        self._with_worker: _Job | None = None
        self._drawn: _Job | None = None
        self._bank = 0
        self._submitted_s = self._answered_s = 0.0
        self._candidate: Candidate | None = None
        self._retired: list[Candidate] = []
        self._swapping: Candidate | None = None
        self._swap_lock = threading.Lock()
        self._quiet_s: float | None = None
        self.swap_gap_ms: float | None = None
        """How long no model could be asked at the last swap; None before the first."""
        self.swaps = 0
        self._health_every_s = model.health_every_s
        self._health_from_s: dict[int, float] = {}
        self._wake_end, self._waker = socket.socketpair()
        for end in (self._wake_end, self._waker):
            end.setblocking(False)  # noqa: FBT003  (the standard library has no keyword)
        self._awake = threading.Event()

    @property
    def share(self) -> float:
        """Part of the wanted frames that there is time for; 1.0 when the model keeps up."""
        return self._governor.share

    def wake(self) -> None:
        """A frame has arrived."""
        if not self._awake.is_set():
            self._awake.set()
            try:
                self._waker.send(b"!")
            except OSError:
                return  # enough bytes wait there, or the pipeline has ended

    # -- a candidate beside the model, called by other threads -----------------------------------------------------

    @property
    def worker(self) -> WorkerClient | None:
        """The client of the model that runs."""
        return self._worker

    def try_out(self, candidate: Candidate | None) -> None:
        """Run a candidate beside the model, or none any more; its process is started and ended by the pipeline's thread."""
        if candidate is not None:
            candidate.on_both = self._both_saw
        before, self._candidate = self._candidate, candidate
        if before is not None and before is not candidate and before.worker is not self._worker:
            self._retired.append(before)
        self.wake()

    def swap_to(self, candidate: Candidate | None) -> None:
        """Let a candidate take over as soon as it is loaded and no frame is under way; None gives an unfulfilled wish up."""
        with self._swap_lock:
            self._swapping = candidate
        if candidate is not None:
            self.try_out(candidate)

    def latest(self) -> dict[str, LatestSight]:
        """The newest observation of every camera."""
        return self._windows.latest()

    def view_alarms(self) -> dict[str, Mapping[str, ViewAlarm]]:
        """Active alarms of every camera's picture, by definition."""
        return {
            capture.settings.name: analyst.alarms.active()
            for capture, analyst in zip(self._captures, self._analysts, strict=True)
        }

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then close the windows that saw something."""
        try:
            while not stop.is_set():
                self._turn()
                self._nap()
        finally:
            self._lose_jobs()
            if stop.is_set():
                for one in (self._candidate, *self._retired):
                    if one is not None:
                        one.close()
                if self._worker is not None:
                    self._worker.close()
                self._windows.close_all()
                self._wake_end.close()
                self._waker.close()

    @property
    def _model(self) -> ModelRef | None:
        report = self._worker.report if self._worker is not None else None
        return report.model if report is not None else None

    def _turn(self) -> None:
        """Do whatever can be done now."""
        while self._retired:
            _end(self._retired.pop().worker)
        if (candidate := self._candidate) is not None:
            candidate.tend()
        if self._worker is not None:
            try:
                self._use(self._worker)
            except WorkerLostError:
                self._lose_jobs()
            self._governor.look(running=self._worker.ready)
        self._swap()
        if self._worker is None or not self._worker.ready:
            self._look_without_model()
        self._windows.close_due()

    def _swap(self) -> None:
        """Change the model between two jobs: every frame that was taken is answered by the model that it was drawn for."""
        if self._swapping is None:
            return
        with self._swap_lock:
            self._swap_now(self._swapping)

    def _swap_now(self, candidate: Candidate | None) -> None:
        if candidate is None or not candidate.worker.idle or self._with_worker is not None or self._drawn is not None:
            return
        begun_s = self._quiet_s if self._quiet_s is not None else self._clock.monotonic()
        self._windows.close_here()
        old, self._worker = self._worker, candidate.worker
        self._candidate = self._swapping = self._quiet_s = None
        candidate.take_over()
        self.swap_gap_ms = round((self._clock.monotonic() - begun_s) * 1000, 3)
        self.swaps += 1
        if old is not None:
            _end(old)

    @property
    def _drains(self) -> bool:
        """Whether the frames under way are the last ones of this model."""
        swapping = self._swapping
        return swapping is not None and swapping.worker.idle

    def _use(self, worker: WorkerClient) -> None:
        answer = worker.receive()
        answered = self._with_worker if answer is not None else None
        if answered is not None:
            self._with_worker = None
        worker.tend()
        if worker.ready:
            self._draw_next(worker)
            if worker.idle and self._drawn is not None:
                self._submit(worker, self._drawn)
                self._draw_next(worker)  # while it works
            elif self._drains and worker.idle and self._quiet_s is None:
                self._quiet_s = self._clock.monotonic()
        if answered is not None and answer is not None:
            self._conclude(answered, answer)

    def _draw_next(self, worker: WorkerClient) -> None:
        if self._drawn is not None or self._drains:
            return
        oldest = {i: s for i, capture in enumerate(self._captures) if (s := capture.oldest_s()) is not None}
        if not oldest:
            return
        now_s = self._clock.monotonic()
        ahead_s = 0.0
        if self._with_worker is not None:
            ahead_s = max(0.0, self._submitted_s + worker.frame_s * len(self._with_worker.frames) - now_s)
        plan = self._scheduler.plan(oldest, now_s=now_s, ahead_s=ahead_s, frame_s=worker.frame_s)
        frames: list[tuple[int, Frame]] = []
        placements: list[Placement] = []
        for camera in plan.cameras:
            frame = self._captures[camera].take(fresh_after_s=plan.fresh_after_s)
            if frame is None:
                continue
            try:
                placements.append(worker.draw(frame, bank=self._bank, index=len(frames)))
            except Exception as error:  # noqa: BLE001  (whatever the bytes do to a decoder, the other cameras go on)
                self._undecodable(camera, error)
            else:
                frames.append((camera, frame))
                self._scheduler.served(camera)
        if frames:
            drawn_s = self._clock.monotonic()
            for _, frame in frames:
                self._stages.frame_decode.observe(drawn_s - frame.captured_s)
            self._drawn = _Job(self._bank, tuple(frames), tuple(placements), now_s, drawn_s)
            self._bank = (self._bank + 1) % BANKS

    def _submit(self, worker: WorkerClient, job: _Job) -> None:
        self._with_worker, self._drawn, self._quiet_s = job, None, None
        self._submitted_s = self._clock.monotonic()
        worker.submit(job.placements, bank=job.bank, health=self._health_turns(worker, job))

    def _health_turns(self, worker: WorkerClient, job: _Job) -> tuple[bool, ...]:
        """Which frames the health model looks at: one of each camera when its turn has come."""
        if worker.report is None or worker.report.health is None:
            return ()
        turns: list[bool] = []
        for camera, _ in job.frames:
            due = self._submitted_s >= self._health_from_s.get(camera, 0.0)
            if due:
                self._health_from_s[camera] = self._submitted_s + self._health_every_s
            turns.append(due)
        return tuple(turns)

    def _conclude(self, job: _Job, answer: Answer) -> None:
        now_s = self._clock.monotonic()
        self._governor.answered(len(job.frames), now_s - max(job.begun_s, self._answered_s))
        self._answered_s = now_s
        self._stages.frame_result.observe(now_s - job.drawn_s, len(job.frames))
        report = self._worker.report if self._worker is not None else None
        found = answer.detections
        if found is None or report is None:
            self.stats.model_errors += len(job.frames)
            self.stats.model_failed_s = now_s
            log.error("model.failed", error=answer.error)
            found = None
        candidate = self._candidate
        if candidate is not None and self._swapping is None and found is not None and report is not None:
            camera, frame = job.frames[0]
            frame_s = (now_s - self._submitted_s) / len(job.frames)
            candidate.offer(frame, found[0], report, frame_s=frame_s, camera=camera)
        for index, (camera, frame) in enumerate(job.frames):
            result = None
            if found is not None and report is not None:
                result = FrameResult(
                    found[index],
                    report.model,
                    now_s,
                    report.threshold,
                    answer.health[index] if answer.health else (),
                    answer.distances[index] if answer.distances else None,
                )
            self._see(camera, frame, result)

    def _both_saw(self, saw: BothSaw) -> None:
        """Keep the frame for people to look at when the two differ on it."""
        if self._pictures is None:
            return
        camera = self._captures[saw.camera].settings
        try:
            self._pictures.offer_pair(saw, camera, self._clock.monotonic())
        except Exception:  # a picture that is not kept must not stop the frames
            log.exception("candidate.frame_not_kept", camera=camera.name)

    def _see(self, camera: int, frame: Frame, result: FrameResult | None) -> None:
        try:
            self._analysts[camera].see(frame, result)
        except Exception:  # one camera's frame must not stop the others
            self.stats.analysis_errors += 1
            log.exception("camera.analysis_failed", camera=self._captures[camera].settings.name)
        self._captures[camera].done()
        self.stats.frames += 1
        self.stats.results += result is not None
        self._observe_latency(self._clock.monotonic() - frame.captured_s)

    def _look_without_model(self) -> None:
        for camera, capture in enumerate(self._captures):
            frame = capture.take()
            if frame is None:
                continue
            try:
                usable = frame.picture is not None or frame.image is not None
            except Exception as error:  # noqa: BLE001  (see above)
                self._undecodable(camera, error)
            else:
                if usable:
                    self._see(camera, frame, None)

    def _undecodable(self, camera: int, error: Exception) -> None:
        capture = self._captures[camera]
        capture.lost(Drop.UNDECODABLE)
        log.warning("camera.frame_undecodable", camera=capture.settings.name, error=str(error))

    def _lose_jobs(self) -> None:
        for job in (self._with_worker, self._drawn):
            for camera, _ in job.frames if job is not None else ():
                self._captures[camera].lost(Drop.LOST)
        self._with_worker = self._drawn = None

    def _nap(self) -> None:
        """Wait for a frame or for the worker."""
        poll = select.poll()
        poll.register(self._wake_end, select.POLLIN)
        answer = self._worker.fileno() if self._worker is not None else None
        if answer is not None:
            poll.register(answer, select.POLLIN)
        candidate = self._candidate
        if candidate is not None and (second := candidate.worker.fileno()) is not None and second != answer:
            poll.register(second, select.POLLIN)
        if any(ready == self._wake_end.fileno() for ready, _ in poll.poll(LONGEST_NAP_S * 1000)):
            self._wake_end.recv(64)
            self._awake.clear()


def _end(worker: WorkerClient) -> None:
    """End a process that nobody uses any more, without holding up the frames."""
    threading.Thread(target=worker.close, name="worker-end", daemon=True).start()


def _with_analysts(
    captures: Sequence[CameraCapture],
    outbox: Outbox,
    *,
    settings: ObservationSettings,
    clock: Clock,
    pictures: PictureKeeper | None,
) -> list[tuple[CameraCapture, Analyst]]:
    """Each camera with its analyst, which knows what was remembered of it; alarms of cameras that are gone are cleared."""
    remembered = outbox.state(STATE_PREFIX)
    gone = orphan_clears(remembered, {capture.settings.name for capture in captures}, clock.now())
    if gone:
        outbox.accept([Draft.of(AlarmBatch(alarms=(clear,))) for clear in gone.values()], state=dict.fromkeys(gone))
    if not captures:
        return []
    import cv2

    from edge.inference.analysis import Analyst  # a box without cameras does not pay for numpy

    cv2.setNumThreads(1)  # pictures are small, and waking a pool for each costs more than it saves
    memory = remembered | outbox.state(MEMORY_PREFIX)
    return [
        (capture, Analyst(capture.settings, settings, clock=clock, memory=memory, pictures=pictures))
        for capture in captures
    ]
