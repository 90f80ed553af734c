"""Frames in, detections out: preprocess → session → postprocess, in bounded batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from contracts.bundles import DetectionOutput, Task
from contracts.vision import Detection
from models.runtime.errors import BundleError, InferenceError
from models.runtime.jpeg import preprocess_encoded
from models.runtime.outputs import output_names
from models.runtime.postprocess import read_detections, to_detections
from models.runtime.preprocess import FrameArray, Placement, as_input, preprocess
from models.runtime.session import Session

MAX_BATCH = 8
"""Frames per call of the graph: bounds memory; on a CPU larger batches are not faster per frame."""


class Detector:
    """Finds objects in camera frames with one running session.

    Args:
        session: a session of a ``detection`` bundle.
        threshold: confidence below which nothing is reported; None takes the manifest's.

    Raises:
        BundleError: the bundle is not a detector.
    """

    def __init__(self, session: Session, *, threshold: float | None = None) -> None:
        manifest = session.manifest
        if manifest.task is not Task.DETECTION or manifest.detection is None:
            raise BundleError("manifest.task", manifest.task.value, "Choose a bundle whose task is detection.")
        self.session = session
        self.threshold = manifest.threshold if threshold is None else threshold
        self._output: DetectionOutput = manifest.detection
        self._outputs = output_names(manifest)
        self._batch = MAX_BATCH if manifest.input.dynamic_batch else 1

    def detect(self, frames_bgr: Sequence[FrameArray]) -> list[list[Detection]]:
        """Return the detections of each frame, best first, boxes as fractions of that frame.

        Raises:
            InferenceError: a frame is not an image, or the model gave no usable answer.
        """
        detections: list[list[Detection]] = []
        for start in range(0, len(frames_bgr), self._batch):
            detections += self._detect_batch(frames_bgr[start : start + self._batch])
        return detections

    def detect_encoded(self, images: Sequence[bytes]) -> list[list[Detection]]:
        """Return the detections of encoded images; a JPEG is decoded no larger than the model's input needs.

        Raises:
            InferenceError: bytes are not an image, or the model gave no usable answer.
        """
        detections: list[list[Detection]] = []
        for start in range(0, len(images), self._batch):
            detections += self._results(*preprocess_encoded(images[start : start + self._batch], self.session.image))
        return detections

    def detect_fitted(self, batch_BHWC: FrameArray, placements: Sequence[Placement]) -> list[list[Detection]]:
        """Return the detections of frames that were fitted elsewhere (``preprocess.fit``).

        Raises:
            InferenceError: the model gave no usable answer.
        """
        detections: list[list[Detection]] = []
        for start in range(0, len(placements), self._batch):
            chunk = slice(start, start + self._batch)
            detections += self._results(as_input(batch_BHWC[chunk], self.session.image), placements[chunk])
        return detections

    def _detect_batch(self, frames_bgr: Sequence[FrameArray]) -> list[list[Detection]]:
        return self._results(*preprocess(frames_bgr, self.session.image))

    def _results(self, images: npt.NDArray[Any], placements: Sequence[Placement]) -> list[list[Detection]]:
        tensors = self.session.run(images, self._outputs)
        if not self._output.batched:
            tensors = [tensor[None] for tensor in tensors]
        if any(len(tensor) != len(placements) for tensor in tensors):
            raise InferenceError(f"{len(placements)} frames gave outputs {[tensor.shape for tensor in tensors]}")
        image, labels = self.session.image, self.session.manifest.labels
        results = []
        for index, place in enumerate(placements):
            found = read_detections(
                {name: tensor[index] for name, tensor in zip(self._outputs, tensors, strict=True)},
                self._output,
                threshold=self.threshold,
                width=image.width,
                height=image.height,
            )
            results.append(to_detections(found, place, labels))
        return results
