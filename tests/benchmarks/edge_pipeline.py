"""The edge's vision pipeline against a ten-line loop that decodes, resizes and infers the same frames with the same model.

Ours does more: pacing, letterbox, thresholds, exact drop counts, a worker process that can be killed, windows and observations in
a durable outbox. The ratio of processor time per frame says what that costs; ``with_analysis`` adds what is made of a result (image
quality, tracks, evidence images). Beside it: how old frames are at twice the load the model can carry, what a dead camera does to
the others, and how long a frame takes to become an event at the broker.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort

from edge.cameras.settings import CameraSettings
from models.runtime import Bundle
from tests.benchmarks.frame_events import frame_to_event
from tests.benchmarks.harness import Pair, result
from tests.benchmarks.vision_rig import Shift, clip, running, the_bundle
from tests.servers.process import free_port

SETUPS = ((1, 20.0), (4, 5.0), (16, 2.0))
"""Cameras and the frames per second of each."""
BAR = 0.95
FLOOR_FRAMES = 100
"""Of the loop, before and after ours: a machine that is busy with other things is so to both."""
OVERLOAD_CAMERAS = 8


def run(quick: bool) -> dict[str, Any]:
    """Measure; one inference thread on both sides."""
    seconds, rounds = (2.0, 1) if quick else (20.0, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = the_bundle(folder)
        clips = {fps: clip(folder, fps=fps) for fps in {fps for _, fps in SETUPS} | {30.0}}
        pairs: list[Pair] = []
        by_cameras: dict[str, float] = {}
        loop = _Loop(bundle)
        for cameras, fps in SETUPS[::2] if quick else SETUPS:
            for analysis in (False,) if quick else (False, True):
                measured = [
                    _pair(_cameras(cameras, fps, clips[fps][0]), bundle, loop, seconds, folder, analysis=analysis)
                    for _ in range(rounds)
                ]
                kind = "_with_analysis" if analysis else ""
                ratio = statistics.median(pair.floor / pair.ours for pair in measured)
                by_cameras[f"ratio_{cameras}_cameras{kind}"] = round(ratio, 3)
                pairs += [] if analysis else measured
        details = {
            "model": bundle.manifest.name,
            "frames": f"{clips[30.0][1]} at 1280x720",
            "input": f"{bundle.manifest.input.width}x{bundle.manifest.input.height}",
            **by_cameras,
            **_overload(clips[30.0][0], bundle=bundle, loop=loop, seconds=seconds, folder=folder),
            **_dead_camera(clips[2.0][0], bundle=bundle, seconds=seconds, folder=folder),
            **frame_to_event(clips[20.0][0], bundle=bundle, folder=folder, seconds=seconds),
        }
    return result("edge_pipeline", pairs, unit="CPU-ms/frame", higher_is_better=False, bar=BAR, details=details)


def _cameras(count: int, fps: float, file: Path) -> list[CameraSettings]:
    return [CameraSettings(name=f"cam-{i}", unit="tank-1", source=f"file:{file}", fps=fps) for i in range(count)]


def _pair(
    cameras: list[CameraSettings], bundle: Bundle, loop: _Loop, seconds: float, folder: Path, *, analysis: bool
) -> Pair:
    files = [Path(camera.source.removeprefix("file:")) for camera in cameras]
    before_ms = loop.cpu_ms(files, frames=FLOOR_FRAMES)
    with running(cameras, bundle, folder, analysis=analysis) as rig:
        ours = rig.measure(seconds)
    floor_ms = (before_ms + loop.cpu_ms(files, frames=FLOOR_FRAMES)) / 2
    details = {
        "cameras": len(cameras),
        "fps": cameras[0].fps,
        "frames": ours.results,
        "age_p50_ms": round(ours.age_ms(50), 1),
        "age_p99_ms": round(ours.age_ms(99), 1),
        "exact": ours.exact,
    }
    return Pair(ours=ours.cpu_ms, floor=floor_ms, details=details)


class _Loop:
    """The ten lines."""

    def __init__(self, bundle: Bundle) -> None:
        self._image = bundle.manifest.input
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(str(bundle.model_path), options, providers=["CPUExecutionProvider"])
        cv2.setNumThreads(1)

    def cpu_ms(self, files: list[Path], *, frames: int) -> float:
        """Processor time per frame."""
        image = self._image
        videos = [cv2.VideoCapture(str(file), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]) for file in files]
        began = time.process_time()
        for _, video in zip(range(frames), cycle(videos), strict=False):
            good, frame = video.read()
            if not good:
                video.set(cv2.CAP_PROP_POS_FRAMES, 0)
                _, frame = video.read()
            tensor = cv2.resize(frame, (image.width, image.height))[None]
            if image.layout == "NCHW":
                tensor = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2))
            if image.dtype == "float32":
                tensor = tensor.astype(np.float32) * image.scale
            self._session.run(None, {image.name: tensor})
        took_ms = (time.process_time() - began) / frames * 1000
        for video in videos:
            video.release()
        return took_ms

    def model_ms(self) -> float:
        """Wall time of the graph alone."""
        image = self._image
        shape = (1, image.height, image.width, 3) if image.layout == "NHWC" else (1, 3, image.height, image.width)
        tensor = np.zeros(shape, np.uint8 if image.dtype == "uint8" else np.float32)
        times = []
        for _ in range(20):
            began = time.perf_counter()
            self._session.run(None, {image.name: tensor})
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1000


def _overload(file: Path, *, bundle: Bundle, loop: _Loop, seconds: float, folder: Path) -> dict[str, Any]:
    """Cameras that want twice what the model can look at."""
    fps = min(30.0, 2 * 1000 / loop.model_ms() / OVERLOAD_CAMERAS)
    with running(_cameras(OVERLOAD_CAMERAS, fps, file), bundle, folder) as rig:
        shift = rig.measure(seconds)
    captured = sum(c.captured for c in shift.counts)
    reasons: dict[str, int] = {}
    for counts in shift.counts:
        for reason, number in counts.by_reason.items():
            reasons[reason.value] = reasons.get(reason.value, 0) + number
    return {
        "overload_wanted_fps": round(fps * OVERLOAD_CAMERAS, 1),
        "overload_processed_fps": round(shift.results / shift.seconds, 1),
        "overload_age_p99_ms": round(shift.age_ms(99), 1),
        "overload_captured": captured,
        "overload_dropped": reasons,
        "overload_exact": shift.exact,
        "overload_fairness": round(min(shift.processed) / max(1, *shift.processed), 3),
    }


def _dead_camera(file: Path, *, bundle: Bundle, seconds: float, folder: Path) -> dict[str, Any]:
    """The others beside a camera that is not there, against the same cameras beside one that is."""
    alive = _cameras(6, 2.0, file)
    dead = [*alive[:-1], alive[-1].model_copy(update={"source": f"rtsp://127.0.0.1:{free_port()}/dead"})]
    rates: list[Shift] = []
    for cameras in (alive, dead):
        with running(cameras, bundle, folder) as rig:
            rates.append(rig.measure(seconds))
    others = [sum(shift.processed[:-1]) / shift.seconds for shift in rates]
    return {
        "dead_camera_others_ratio": round(others[1] / others[0], 4),
        "dead_camera_frames": [shift.processed for shift in rates],
    }
