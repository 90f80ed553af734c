"""The edge's vision pipeline against a ten-line loop that decodes, resizes and infers the same frames with the same model.

Ours does more: letterbox, thresholds, exact drop counts, a self-test, windows, and observations with an evidence image in a
durable outbox. The ratio says what all of that costs. Frames are real underwater pictures where the data is at hand, else
drawn by the simulator; no cameras pace either side.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import onnxruntime as ort

from edge.cameras.capture import CameraCapture, Counts
from edge.cameras.settings import CameraSettings
from edge.cameras.source import Frame
from edge.clock import SystemClock
from edge.inference.engine import Engine, load_engine
from edge.inference.pipeline import VisionPipeline
from edge.inference.settings import ModelSettings, ObservationSettings
from edge.outbox.store import Outbox
from models.runtime import Bundle, BundleError, find_bundle, load_bundle
from tests.benchmarks.harness import paired_rates, result
from tests.models.tiny_bundle import tiny_detector
from tests.servers.presence import ROOT

CLOCK = SystemClock()


class _Feed:
    """Stands where a camera's capture stands: frames are there as soon as they are asked for."""

    def __init__(self, pictures: list[bytes], count: int) -> None:
        self.settings = CameraSettings(name="bench", unit="tank-1", source="folder:/unused")
        self._pictures = pictures
        self._left = count
        self._taken = 0
        self.finished = threading.Event()

    def take(self) -> Frame | None:
        """The next frame, until all are gone."""
        if self._left == 0:
            self.finished.set()
            return None
        self._left -= 1
        self._taken += 1
        picture = self._pictures[self._taken % len(self._pictures)]
        return Frame(observed_at=CLOCK.now(), captured_s=CLOCK.monotonic(), encoded=picture)

    def done(self) -> None:
        """Nothing waits for it."""

    def counts(self) -> Counts:
        """Nothing is dropped here."""
        return Counts(captured=self._taken, processed=self._taken, dropped=0, waiting=self._left)


def run(quick: bool) -> dict[str, Any]:
    """Measure frames per second, one inference thread on both sides."""
    frames, rounds = (64, 3) if quick else (200, 5)
    pictures, origin = _pictures()
    with tempfile.TemporaryDirectory() as folder:
        bundle = _bundle(Path(folder))
        settings = ModelSettings(bundle=str(bundle.folder), threads=1)
        engine = load_engine(settings)
        outbox = Outbox(
            Path(folder) / "outbox.db", boot="benchmark", clock=CLOCK, max_bytes=500_000_000, min_free_bytes=0
        )
        try:
            pairs = paired_rates(
                lambda: _pipeline(pictures, frames, engine=engine, outbox=outbox),
                _loop(pictures, frames, bundle),
                rounds=rounds,
            )
        finally:
            outbox.close()
    details = {
        "model": bundle.manifest.name,
        "frames": origin,
        "input": f"{bundle.manifest.input.width}x{bundle.manifest.input.height}",
    }
    return result("edge_pipeline", pairs, unit="frames/s", details=details)


def _pipeline(pictures: list[bytes], frames: int, *, engine: Engine, outbox: Outbox) -> float:
    feed = _Feed(pictures, frames)
    pipeline = VisionPipeline(
        [cast("CameraCapture", feed)],
        outbox,
        settings=ObservationSettings(window_s=1.0, evidence_every_s=5.0),  # ten times as often as on a farm
        clock=CLOCK,
        load=lambda: engine,
        on_engine=lambda _engine, _reason: None,
        observe_latency=deque[float](maxlen=1).append,
    )
    stop = threading.Event()
    worker = threading.Thread(target=pipeline.run, args=(stop,))
    worker.start()
    pipeline.wake()  # as a camera does with every frame
    feed.finished.wait()
    stop.set()
    pipeline.wake()
    worker.join()
    return float(pipeline.stats.frames)


def _loop(pictures: list[bytes], frames: int, bundle: Bundle) -> Any:
    image = bundle.manifest.input
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(bundle.model_path), options, providers=["CPUExecutionProvider"])

    def loop() -> float:
        for number in range(frames):
            frame = cv2.imdecode(np.frombuffer(pictures[number % len(pictures)], np.uint8), cv2.IMREAD_COLOR)
            tensor = cv2.resize(frame, (image.width, image.height))[None]
            if image.layout == "NCHW":
                tensor = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2))
            if image.dtype == "float32":
                tensor = tensor.astype(np.float32) * image.scale
            session.run(None, {image.name: tensor})
        return float(frames)

    return loop


def _bundle(folder: Path) -> Bundle:
    """The shipped fish detector, or a model of a few kilobytes where none is shipped."""
    try:
        return load_bundle(find_bundle("fish-detector"))
    except BundleError:
        return load_bundle(tiny_detector(folder / "tiny", width=320, height=192))


def _pictures() -> tuple[list[bytes], str]:
    data = Path(os.environ.get("SHOAL_TEST_DATA") or ROOT.parent / "shared" / "data") / "fish_detection"
    found = sorted(data.rglob("*.jpg"))[::40][:64] if data.is_dir() else []
    if found:
        return [path.read_bytes() for path in found], "DeepFish"
    from shoal.simulate.fish import FishScene

    scene = FishScene(seed=7)
    drawn = []
    for _ in range(32):
        scene.step(0.2)
        encoded, jpeg = cv2.imencode(".jpg", scene.render()[0])
        assert encoded
        drawn.append(jpeg.tobytes())
    return drawn, "simulated"
