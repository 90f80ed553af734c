"""Captured frames through the model to each camera's analyst; observations with their evidence go into the outbox.

One thread for all cameras: plan → take → draw → worker process → analyst. While the worker looks at one batch the next is drawn.
Cameras of units in which another model is tried have a lane of their own (``lane``), with a process of its own.
Without a model, or while its process is being replaced, frames go to the analysts without a result and observations claim no
counts. Every frame that is taken ends as processed or as dropped for a reason.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from contracts.alarms import AlarmBatch
from contracts.vision import Detection, ModelRef
from edge.cameras.alarms import MEMORY_PREFIX, STATE_PREFIX, ViewAlarm, orphan_clears
from edge.cameras.capture import CameraCapture, Drop
from edge.cameras.source import Frame
from edge.clock import Clock
from edge.inference.candidate import BothSaw, Candidate
from edge.inference.engine import EngineReport, FrameResult
from edge.inference.lane import Job, Lane
from edge.inference.settings import ModelSettings, ObservationSettings
from edge.inference.windows import LatestSight, Windows
from edge.inference.worker_client import BANKS, Answer, WorkerClient, WorkerLostError
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


class VisionPipeline:
    """Runs every camera's frames through the box's model, or through that of its unit's trial.

    Args:
        worker: runs the model; ``None`` works without one. The pipeline's thread starts and ends it.
        model: how to use it.
        beside: runs the model of a trial in some units from the start, with the indexes of their cameras; None: there is none.
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
        beside: tuple[WorkerClient, frozenset[int]] | None = None,
    ) -> None:
        self._stages = stages or Stages()
        self.stats = VisionStats()
        self._clock = clock
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
            model=self._model_of,
            stages=self._stages,
        )
        self._settings = model = model or ModelSettings()
        everything = frozenset(range(len(captures)))
        self._trial: Lane | None = None
        self._main = self._new_lane(worker, everything if beside is None else everything - beside[1])
        if beside is not None:
            self._trial = self._new_lane(*beside)
        self._rejoining = False
        self._candidate: Candidate | None = None
        self._retired: list[Candidate] = []
        self._swapping: Candidate | None = None
        self._swap_lock = threading.Lock()
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
        """Part of the wanted frames that there is time for; 1.0 when every model keeps up."""
        return min(lane.governor.share for lane in self._lanes)

    def wake(self) -> None:
        """A frame has arrived."""
        if not self._awake.is_set():
            self._awake.set()
            try:
                self._waker.send(b"!")
            except OSError:
                return  # enough bytes wait there, or the pipeline has ended

    # -- other models, called by other threads ---------------------------------------------------------------------

    @property
    def main(self) -> Lane:
        """The box's model with its cameras; to be read."""
        return self._main

    @property
    def trial(self) -> Lane | None:
        """The model that is tried in some units; to be read. None while every unit has the box's."""
        return self._trial

    @property
    def units(self) -> frozenset[str]:
        """Units that a camera looks at."""
        return frozenset(capture.settings.unit for capture in self._captures)

    def models_elsewhere(self) -> dict[str, ModelRef]:
        """By unit what the session of the trial says that it runs; empty while every unit has the box's model."""
        trial = self._trial
        model = trial.model if trial is not None else None
        if trial is None or model is None:
            return {}
        return {self._captures[camera].settings.unit: model for camera in sorted(trial.cameras)}

    def cameras_of(self, units: Iterable[str]) -> frozenset[int]:
        """Indexes of the cameras in these units."""
        wanted = set(units)
        return frozenset(i for i, capture in enumerate(self._captures) if capture.settings.unit in wanted)

    def try_out(self, candidate: Candidate | None) -> None:
        """Run a candidate beside the model, or none any more; its process is started and ended by the pipeline's thread."""
        if candidate is not None:
            candidate.on_both = self._both_saw
        before, self._candidate = self._candidate, candidate
        if before is not None and before is not candidate and not self.runs(before.worker):
            self._retired.append(before)
        self.wake()

    def runs(self, worker: WorkerClient) -> bool:
        """Whether frames of a camera go to this process, and not only to be compared."""
        return any(lane.worker is worker for lane in self._lanes)

    def swap_to(self, candidate: Candidate) -> None:
        """Let a candidate take over its cameras as soon as it is loaded and no frame is under way."""
        with self._swap_lock:
            self._swapping = candidate
        self.try_out(candidate)

    def drop(self, candidate: Candidate) -> None:
        """Give this candidate up, and the wish that it takes over; another one that has taken its place stays."""
        with self._swap_lock:
            if self._swapping is candidate:
                self._swapping = None
        if self._candidate is candidate:
            self.try_out(None)

    def rejoin(self) -> None:
        """Give the cameras of the trial back to the box's model as soon as no frame is under way; returns at once."""
        self._rejoining = True
        self.wake()

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
            for lane in self._lanes:
                lane.lose_jobs()
            if stop.is_set():
                for one in (self._candidate, *self._retired):
                    if one is not None:
                        one.close()
                for lane in self._lanes:
                    if lane.worker is not None:
                        lane.worker.close()
                self._windows.close_all()
                self._wake_end.close()
                self._waker.close()

    @property
    def _lanes(self) -> tuple[Lane, ...]:
        trial = self._trial
        return (self._main,) if trial is None else (self._main, trial)

    def _new_lane(self, worker: WorkerClient | None, cameras: frozenset[int]) -> Lane:
        return Lane(worker, cameras, self._captures, model=self._settings, clock=self._clock)

    def _model_of(self, camera: int) -> ModelRef | None:
        return next((lane.model for lane in self._lanes if camera in lane.cameras), None)

    def _turn(self) -> None:
        """Do whatever can be done now."""
        while self._retired:
            _end(self._retired.pop().worker)
        if (candidate := self._candidate) is not None:
            candidate.tend()
        for lane in self._lanes:
            if lane.worker is not None:
                try:
                    self._use(lane, lane.worker)
                except WorkerLostError:
                    lane.lose_jobs()
                lane.governor.look(running=lane.worker.ready)
        self._rejoin()
        self._swap()
        for lane in self._lanes:
            if lane.worker is None or not lane.worker.ready:
                self._look_without_model(lane)
        self._windows.close_due()

    def _swap(self) -> None:
        """Change the model between two jobs: every frame that was taken is answered by the model that it was drawn for."""
        if self._swapping is None:
            return
        with self._swap_lock:
            self._swap_now(self._swapping)

    def _swap_now(self, candidate: Candidate | None) -> None:
        main = self._main
        if candidate is None or not candidate.worker.idle or not main.empty:
            return
        begun_s = main.quiet_s if main.quiet_s is not None else self._clock.monotonic()
        cameras, old = candidate.cameras, None
        self._windows.close_here(main.cameras if cameras is None else cameras)
        if cameras is None:
            old, main.worker = main.worker, candidate.worker
        else:
            self._trial = self._new_lane(candidate.worker, cameras)
            self._trial.governor.heat = main.governor.heat  # the box is as hot as it was
            main.look_at(main.cameras - cameras)
        self._candidate = self._swapping = main.quiet_s = None
        candidate.take_over()
        self.swap_gap_ms = round((self._clock.monotonic() - begun_s) * 1000, 3)
        self.swaps += 1
        if old is not None:
            _end(old)

    def _rejoin(self) -> None:
        """The units of a trial get the box's model again; what the other one had been asked it has answered."""
        trial = self._trial
        if not self._rejoining:
            return
        if trial is None:
            self._rejoining = False
            return
        if not trial.empty:
            return
        self._windows.close_here(trial.cameras)
        self._trial, self._rejoining = None, False
        self._main.look_at(self._main.cameras | trial.cameras)
        self.swaps += 1
        if trial.worker is not None:
            _end(trial.worker)

    def _drains(self, lane: Lane) -> bool:
        """Whether the frames under way are the last ones before its cameras, or some of them, are another's."""
        if lane is not self._main:
            return self._rejoining
        swapping = self._swapping
        return swapping is not None and swapping.worker.idle

    def _use(self, lane: Lane, worker: WorkerClient) -> None:
        answer = worker.receive()
        answered = lane.with_worker if answer is not None else None
        if answered is not None:
            lane.with_worker = None
        worker.tend()
        if worker.ready:
            self._draw_next(lane, worker)
            if worker.idle and lane.drawn is not None:
                self._submit(lane, worker, lane.drawn)
                self._draw_next(lane, worker)  # while it works
            elif self._drains(lane) and worker.idle and lane.quiet_s is None:
                lane.quiet_s = self._clock.monotonic()
        if answered is not None and answer is not None:
            self._conclude(lane, answered, answer)

    def _draw_next(self, lane: Lane, worker: WorkerClient) -> None:
        if lane.drawn is not None or self._drains(lane):
            return
        oldest = {i: s for i in sorted(lane.cameras) if (s := self._captures[i].oldest_s()) is not None}
        if not oldest:
            return
        now_s = self._clock.monotonic()
        ahead_s = 0.0
        if lane.with_worker is not None:
            ahead_s = max(0.0, lane.submitted_s + worker.frame_s * len(lane.with_worker.frames) - now_s)
        plan = lane.scheduler.plan(oldest, now_s=now_s, ahead_s=ahead_s, frame_s=worker.frame_s)
        frames: list[tuple[int, Frame]] = []
        placements: list[Placement] = []
        for camera in plan.cameras:
            frame = self._captures[camera].take(fresh_after_s=plan.fresh_after_s)
            if frame is None:
                continue
            try:
                placements.append(worker.draw(frame, bank=lane.bank, index=len(frames)))
            except Exception as error:  # noqa: BLE001  (whatever the bytes do to a decoder, the other cameras go on)
                self._undecodable(camera, error)
            else:
                frames.append((camera, frame))
                lane.scheduler.served(camera)
        if frames:
            drawn_s = self._clock.monotonic()
            for _, frame in frames:
                self._stages.frame_decode.observe(drawn_s - frame.captured_s)
            lane.drawn = Job(lane.bank, tuple(frames), tuple(placements), now_s, drawn_s)
            lane.bank = (lane.bank + 1) % BANKS

    def _submit(self, lane: Lane, worker: WorkerClient, job: Job) -> None:
        lane.with_worker, lane.drawn, lane.quiet_s = job, None, None
        lane.submitted_s = self._clock.monotonic()
        worker.submit(job.placements, bank=job.bank, health=self._health_turns(lane, worker, job))

    def _health_turns(self, lane: Lane, worker: WorkerClient, job: Job) -> tuple[bool, ...]:
        """Which frames the health model looks at: one of each camera when its turn has come."""
        if worker.report is None or worker.report.health is None:
            return ()
        turns: list[bool] = []
        for camera, _ in job.frames:
            due = lane.submitted_s >= self._health_from_s.get(camera, 0.0)
            if due:
                self._health_from_s[camera] = lane.submitted_s + self._health_every_s
            turns.append(due)
        return tuple(turns)

    def _conclude(self, lane: Lane, job: Job, answer: Answer) -> None:
        now_s = self._clock.monotonic()
        lane.governor.answered(len(job.frames), now_s - max(job.begun_s, lane.answered_s))
        lane.answered_s = now_s
        self._stages.frame_result.observe(now_s - job.drawn_s, len(job.frames))
        report = lane.worker.report if lane.worker is not None else None
        found = answer.detections
        if found is None or report is None:
            lane.errors += len(job.frames)
            self.stats.model_errors += len(job.frames)
            self.stats.model_failed_s = now_s
            log.error("model.failed", error=answer.error)
            found = None
        else:
            lane.results += len(job.frames)
            if lane is self._main:
                self._offer(job, found, report, frame_s=(now_s - lane.submitted_s) / len(job.frames))
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

    def _offer(self, job: Job, found: Sequence[Sequence[Detection]], report: EngineReport, *, frame_s: float) -> None:
        """Ask the candidate about the first of these frames that is from a camera it is meant for."""
        candidate = self._candidate
        if candidate is None or self._swapping is not None:
            return
        for index, (camera, frame) in enumerate(job.frames):
            if candidate.cameras is None or camera in candidate.cameras:
                candidate.offer(frame, found[index], report, frame_s=frame_s, camera=camera)
                return

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

    def _look_without_model(self, lane: Lane) -> None:
        for camera in sorted(lane.cameras):
            capture = self._captures[camera]
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

    def _nap(self) -> None:
        """Wait for a frame or for the worker."""
        poll = select.poll()
        poll.register(self._wake_end, select.POLLIN)
        candidate = self._candidate
        workers = [lane.worker for lane in self._lanes] + [candidate.worker if candidate is not None else None]
        for answer in {worker.fileno() for worker in workers if worker is not None}:
            if answer is not None:
                poll.register(answer, select.POLLIN)
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
