"""Cameras, worker process and pipeline as an agent runs them, for the benchmarks: real files, real process, real outbox."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import psutil

from contracts.vision import ModelRef, ObservationBatch
from edge.cameras.capture import CameraCapture, Counts
from edge.cameras.settings import CameraSettings
from edge.cameras.source import Frame, open_source
from edge.clock import SystemClock
from edge.inference.analysis import Analyst, Closed
from edge.inference.engine import FrameResult
from edge.inference.pipeline import VisionPipeline
from edge.inference.rules import Window, summarise
from edge.inference.settings import ModelSettings, ObservationSettings
from edge.inference.worker_client import WorkerClient
from edge.outbox.store import Draft, Outbox
from edge.supervisor import Supervisor
from models.runtime import Bundle, BundleError, find_bundle, load_bundle
from tests.models.tiny_bundle import tiny_detector
from tests.servers.presence import ROOT

CLOCK = SystemClock()
LOAD_S = 60.0
WIDTH, HEIGHT = 1280, 720


@dataclass
class Shift:
    """What one run of the rig did."""

    seconds: float
    cpu_s: float
    """Processor time of the pipeline's process and of its worker."""
    counts: Sequence[Counts]
    processed: Sequence[int]
    """Frames of each camera in these seconds."""
    results: int
    ages_s: list[float]

    @property
    def cpu_ms(self) -> float:
        """Processor time per frame with a result."""
        return self.cpu_s / max(1, self.results) * 1000

    @property
    def exact(self) -> bool:
        """Whether every captured frame is accounted for."""
        return all(c.captured == c.processed + sum(c.by_reason.values()) + c.waiting for c in self.counts)

    def age_ms(self, percent: float) -> float:
        """Age of a processed frame when its result was there."""
        return float(np.percentile(self.ages_s, percent)) * 1000 if self.ages_s else 0.0


@dataclass
class Rig:
    """Cameras with their pipeline, running."""

    captures: list[CameraCapture]
    pipeline: VisionPipeline
    worker: WorkerClient
    ages_s: list[float] = field(default_factory=list)

    def measure(self, seconds: float) -> Shift:
        """Let it run and say what it did."""
        worker = psutil.Process(self.worker.pid)
        before = [capture.counts().processed for capture in self.captures]
        results, cpu = self.pipeline.stats.results, time.process_time() + _cpu_s(worker)
        self.ages_s.clear()
        began = time.monotonic()
        time.sleep(seconds)
        seconds = time.monotonic() - began
        cpu = time.process_time() + _cpu_s(worker) - cpu
        counts = [capture.counts() for capture in self.captures]
        return Shift(
            seconds=seconds,
            cpu_s=cpu,
            counts=counts,
            processed=[now.processed - then for now, then in zip(counts, before, strict=True)],
            results=self.pipeline.stats.results - results,
            ages_s=list(self.ages_s),
        )


class Counting:
    """An analyst that only counts: what is left is the cost of moving frames, running the model and persisting windows."""

    empty = False

    def __init__(self, camera: CameraSettings) -> None:
        self._camera = camera
        self._window = Window(CLOCK.now())

    def see(self, frame: Frame, result: FrameResult | None) -> None:
        """Count."""
        detections = None if result is None else result.detections
        self._window.add(detections, (CLOCK.monotonic() - frame.captured_s) * 1000)

    def close(self, *, ended_at: datetime, dropped: int, model: ModelRef | None) -> Closed:
        """Sum up."""
        observation = summarise(
            self._window,
            camera=self._camera.name,
            unit=self._camera.unit,
            ended_at=ended_at,
            dropped=dropped,
            model=model,
            evidence=None,
        )
        self._window = Window(ended_at)
        return Closed(observation, (Draft.of(ObservationBatch(observations=(observation,))),))


@contextmanager
def running(cameras: Sequence[CameraSettings], bundle: Bundle, folder: Path, *, analysis: bool = True) -> Iterator[Rig]:
    """Start everything and wait until the model is loaded.

    Args:
        analysis: False leaves out what is made of a result (image quality, tracks, evidence images).
    """
    outbox = Outbox(folder / "outbox.db", boot="benchmark", clock=CLOCK, max_bytes=500_000_000, min_free_bytes=0)
    model = ModelSettings(bundle=str(bundle.folder), threads=1)
    worker = WorkerClient(
        model, clock=CLOCK, log_level="error", on_report=lambda _report, _reason: None, on_lost=lambda _reason: None
    )
    woken: list[VisionPipeline] = []
    captures = [
        CameraCapture(
            camera,
            partial(open_source, camera, CLOCK),
            queue=2,
            clock=CLOCK,
            on_frame=lambda: woken[0].wake(),  # noqa: PLW0108  (it comes to be after the cameras)
            on_change=lambda *_: None,
        )
        for camera in cameras
    ]
    rig_ages: list[float] = []
    pipeline = VisionPipeline(
        captures,
        outbox,
        settings=ObservationSettings(),
        model=model,
        worker=worker,
        clock=CLOCK,
        observe_latency=rig_ages.append,
    )
    if not analysis:
        stand_ins = [cast("Analyst", Counting(camera)) for camera in cameras]
        pipeline._analysts = stand_ins
        for window, stand_in in zip(pipeline._windows._windows, stand_ins, strict=True):
            window.analyst = stand_in
    woken.append(pipeline)
    supervisor = Supervisor()
    supervisor.start("vision", pipeline.run)
    try:
        deadline = time.monotonic() + LOAD_S
        while not worker.ready and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        for index, capture in enumerate(captures):
            supervisor.start(f"camera-{index}", capture.run)
        threading.Event().wait(1.0)
        yield Rig(captures, pipeline, worker, rig_ages)
    finally:
        supervisor.stop_all(timeout_s=5)
        outbox.close()


def the_bundle(folder: Path) -> Bundle:
    """The shipped fish detector, or a model of a few kilobytes where none is shipped."""
    try:
        return load_bundle(find_bundle("fish-detector"))
    except BundleError:
        return load_bundle(tiny_detector(folder / "tiny", width=320, height=192))


def clip(folder: Path, *, fps: float, frames: int = 60) -> tuple[Path, str]:
    """A 720p video of real underwater pictures where they are at hand, else of simulated ones; and which it is."""
    path = folder / f"clip-{fps:g}.mp4"
    pictures, origin = the_pictures()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
    for number in range(frames):
        writer.write(cv2.resize(pictures[number % len(pictures)], (WIDTH, HEIGHT)))
    writer.release()
    return path, origin


def the_pictures() -> tuple[list[np.ndarray], str]:
    """Real underwater pictures where they are at hand, else simulated ones; and which they are."""
    data = Path(os.environ.get("SHOAL_TEST_DATA") or ROOT.parent / "shared" / "data") / "fish_detection"
    found = sorted(data.rglob("*.jpg"))[::40][:64] if data.is_dir() else []
    if found:
        return [picture for path in found if (picture := cv2.imread(str(path))) is not None], "DeepFish"
    from shoal.simulate.fish import FishScene

    scene = FishScene(seed=7)
    drawn = []
    for _ in range(32):
        scene.step(0.2)
        drawn.append(scene.render()[0])
    return drawn, "simulated"


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
