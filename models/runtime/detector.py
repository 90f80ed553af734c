"""Frames in, detections out: preprocess → session → postprocess, in bounded batches.

A bundle with an embedding also tells of every frame how far it lies from those of the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from contracts.bundles import DetectionOutput, Task
from contracts.vision import Detection
from models.runtime.embedding import distances
from models.runtime.errors import BundleError, InferenceError
from models.runtime.jpeg import preprocess_encoded
from models.runtime.outputs import output_names
from models.runtime.postprocess import read_detections, to_detections
from models.runtime.preprocess import FrameArray, Placement, as_input, preprocess
from models.runtime.session import Session

MAX_BATCH = 8
"""Frames per call of the graph: bounds memory; on a CPU larger batches are not faster per frame."""


class Look(NamedTuple):
    """What the model says of one frame."""

    detections: list[Detection]
    """Best first, boxes as fractions of the frame."""
    distance: float | None
    """How far the frame lies from those of the training, which lie about 1 away; None when the bundle does not tell."""


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
        self._embedding = manifest.embedding
        self._batch = MAX_BATCH if manifest.input.dynamic_batch else 1

    def detect(self, frames_bgr: Sequence[FrameArray]) -> list[list[Detection]]:
        """Return the detections of each frame, best first, boxes as fractions of that frame.

        Raises:
            InferenceError: a frame is not an image, or the model gave no usable answer.
        """
        return [look.detections for look in self.look(frames_bgr)]

    def detect_encoded(self, images: Sequence[bytes]) -> list[list[Detection]]:
        """Return the detections of encoded images; a JPEG is decoded no larger than the model's input needs.

        Raises:
            InferenceError: bytes are not an image, or the model gave no usable answer.
        """
        looks: list[Look] = []
        for start in range(0, len(images), self._batch):
            looks += self._looks(*preprocess_encoded(images[start : start + self._batch], self.session.image))
        return [look.detections for look in looks]

    def look(self, frames_bgr: Sequence[FrameArray]) -> list[Look]:
        """Return the detections of each frame, and how far it lies from those of the training.

        Raises:
            InferenceError: a frame is not an image, or the model gave no usable answer.
        """
        looks: list[Look] = []
        for start in range(0, len(frames_bgr), self._batch):
            looks += self._looks(*preprocess(frames_bgr[start : start + self._batch], self.session.image))
        return looks

    def look_fitted(self, batch_BHWC: FrameArray, placements: Sequence[Placement]) -> list[Look]:
        """The same of frames that were fitted elsewhere (``preprocess.fit``).

        Raises:
            InferenceError: the model gave no usable answer.
        """
        looks: list[Look] = []
        for start in range(0, len(placements), self._batch):
            chunk = slice(start, start + self._batch)
            looks += self._looks(as_input(batch_BHWC[chunk], self.session.image), placements[chunk])
        return looks

    def _looks(self, images: npt.NDArray[Any], placements: Sequence[Placement]) -> list[Look]:
        extra = [] if self._embedding is None else [self._embedding.name]
        tensors = self.session.run(images, [*self._outputs, *extra])
        far: list[float | None] = [None] * len(placements)
        if self._embedding is not None:
            far = distances(tensors.pop(), self._embedding)
        if not self._output.batched:
            tensors = [tensor[None] for tensor in tensors]
        if len(far) != len(placements) or any(len(tensor) != len(placements) for tensor in tensors):
            raise InferenceError(f"{len(placements)} frames gave outputs {[tensor.shape for tensor in tensors]}")
        image, labels = self.session.image, self.session.manifest.labels
        looks = []
        for index, place in enumerate(placements):
            found = read_detections(
                {name: tensor[index] for name, tensor in zip(self._outputs, tensors, strict=True)},
                self._output,
                threshold=self.threshold,
                width=image.width,
                height=image.height,
            )
            looks.append(Look(to_detections(found, place, labels), far[index]))
        return looks
