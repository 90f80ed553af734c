"""The model runtime from a 1080p JPEG to detections, against onnxruntime alone on a tensor that is ready.

The floor decodes nothing and reads no boxes, so the ratio holds the JPEG against us as well. ``details`` takes it apart: what the
runtime adds to a frame that is fitted already, and the same lines as anybody would write them (decode the whole picture, resize,
run).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort

from models.runtime import Detector, open_session
from models.runtime.jpeg import decode_for
from models.runtime.preprocess import PAD_VALUE, fit, placement, preprocess
from tests.benchmarks.harness import Pair, result
from tests.benchmarks.vision_rig import the_bundle, the_pictures

BAR = 0.95
WIDTH, HEIGHT = 1920, 1080
PICTURES = 16
QUALITY = 90


def run(quick: bool) -> dict[str, Any]:
    """Measure processor time; one thread everywhere, all ways in turn within each round."""
    rounds = 2 if quick else 9
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        bundle = the_bundle(Path(name))
        image = bundle.manifest.input
        detector = Detector(open_session(bundle, providers=("CPUExecutionProvider",)))
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        bare = ort.InferenceSession(str(bundle.model_path), options, providers=["CPUExecutionProvider"])
    pictures, origin = the_pictures()
    whole = [np.asarray(cv2.resize(picture, (WIDTH, HEIGHT)), np.uint8) for picture in pictures[:PICTURES]]
    jpegs = [bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]) for picture in whole]
    tensors = [preprocess([picture], image)[0] for picture in whole]
    place = placement(WIDTH, HEIGHT, image)
    fitted = np.full((len(whole), 1, image.height, image.width, 3), PAD_VALUE, np.uint8)
    for picture, canvas in zip(whole, fitted, strict=True):
        fit(picture, canvas[0], image)

    def by_hand(i: int) -> None:
        picture = cv2.imdecode(np.frombuffer(jpegs[i], np.uint8), cv2.IMREAD_COLOR)
        preprocessed, _ = preprocess([np.asarray(cv2.resize(picture, (image.width, image.height)), np.uint8)], image)
        bare.run(None, {image.name: preprocessed})

    ways: dict[str, Callable[[int], object]] = {
        "bare": lambda i: bare.run(None, {image.name: tensors[i]}),
        "from_jpeg": lambda i: detector.detect_encoded([jpegs[i]]),
        "from_pixels": lambda i: detector.detect([whole[i]]),
        "from_fitted": lambda i: detector.look_fitted(fitted[i], [place]),
        "by_hand": by_hand,
        "decode": lambda i: decode_for(jpegs[i], place.width, place.height),
    }
    for way in ways.values():
        _cpu_ms(way, len(whole))
    times = [{name: _cpu_ms(way, len(whole)) for name, way in ways.items()} for _ in range(rounds)]
    median = {name: statistics.median(one[name] for one in times) for name in ways}
    details = {
        "model": bundle.manifest.name,
        "input": f"{image.width}x{image.height}",
        "pictures": f"{origin} at {WIDTH}x{HEIGHT}, JPEG quality {QUALITY}",
        "frames_per_core_s": round(1000 / median["from_jpeg"], 1),
        **{f"{name}_cpu_ms": round(ms, 3) for name, ms in median.items()},
        "overhead_fitted_percent": round(_overhead(times, "from_fitted"), 1),
        "overhead_pixels_percent": round(_overhead(times, "from_pixels"), 1),
        "overhead_jpeg_percent": round(_overhead(times, "from_jpeg"), 1),
    }
    pairs = [Pair(ours=one["from_jpeg"], floor=one["bare"], details={}) for one in times]
    return result("runtime", pairs, unit="CPU-ms/frame", higher_is_better=False, bar=BAR, details=details)


def _cpu_ms(way: Callable[[int], object], pictures: int) -> float:
    began = time.process_time()
    for i in range(pictures):
        way(i)
    return (time.process_time() - began) / pictures * 1000


def _overhead(times: list[dict[str, float]], name: str) -> float:
    """Percent over onnxruntime alone, median of the rounds."""
    return 100 * (statistics.median(one[name] / one["bare"] for one in times) - 1)
