"""Camera frames become the model's input tensor, and the model's pixels become fractions of the original frame.

The only preprocessing in Shoal: training, evaluation and devices all call it, so they cannot drift apart. Frames stay
uint8 as long as possible; float appears only for models whose graph does not normalise by itself.

Array suffixes: B batch, H height, W width, C colour channel, N boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from contracts.bundles import ImageInput
from models.runtime.errors import InferenceError

PAD_VALUE = 114
"""Grey of the letterbox border; the convention of YOLO models, close to the mean of the normalised range."""

FrameArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the content of a frame lies inside the model's input, in input pixels."""

    left: int
    top: int
    width: int
    height: int

    def to_fractions(self, boxes_N4: FloatArray) -> FloatArray:
        """Map corner boxes (x0 y0 x1 y1, input pixels) to fractions of the original frame, clipped to 0..1."""
        offset = np.array([self.left, self.top, self.left, self.top], np.float32)
        size = np.array([self.width, self.height, self.width, self.height], np.float32)
        return np.asarray(np.clip((boxes_N4 - offset) / size, 0.0, 1.0), np.float32)

    def to_pixels(self, boxes_N4: FloatArray) -> FloatArray:
        """Map corner boxes in fractions of the original frame to input pixels (the inverse, used for training)."""
        offset = np.array([self.left, self.top, self.left, self.top], np.float32)
        size = np.array([self.width, self.height, self.width, self.height], np.float32)
        return np.asarray(boxes_N4 * size + offset, np.float32)


def placement(frame_width: int, frame_height: int, image: ImageInput) -> Placement:
    """Decide where a frame of this size goes: centred with its own aspect ratio, or stretched over everything."""
    if image.fit == "stretch":
        return Placement(0, 0, image.width, image.height)
    scale = min(image.width / frame_width, image.height / frame_height)
    width = min(image.width, max(1, round(frame_width * scale)))
    height = min(image.height, max(1, round(frame_height * scale)))
    return Placement((image.width - width) // 2, (image.height - height) // 2, width, height)


def preprocess(frames_bgr: Sequence[FrameArray], image: ImageInput) -> tuple[npt.NDArray[Any], list[Placement]]:
    """Return the input tensor (B, ...) for the frames, and where each frame went.

    Args:
        frames_bgr: (H, W, 3) uint8 arrays in OpenCV's channel order, of any sizes, or (H, W) grey.
        image: the ``input`` of the model's manifest.

    Raises:
        InferenceError: a frame is empty or not an 8-bit image.
    """
    batch_BHWC = np.full((len(frames_bgr), image.height, image.width, 3), PAD_VALUE, np.uint8)
    placements = [fit(frame, canvas, image) for frame, canvas in zip(frames_bgr, batch_BHWC, strict=True)]
    return as_input(batch_BHWC, image), placements


def fit(frame: FrameArray, canvas_HWC: FrameArray, image: ImageInput, *, place: Placement | None = None) -> Placement:
    """Draw a frame into a canvas of the model's size, in the model's colours, and return where it went.

    The first half of ``preprocess``: the canvas may be memory that another process reads. It must be filled with
    ``PAD_VALUE`` where the frame does not reach.

    Args:
        frame: BGR or grey.
        canvas_HWC: drawn into.
        image: the model's input.
        place: where it goes, when that is known already: a frame that was halved before keeps the place of the whole one.

    Raises:
        InferenceError: the frame is empty or not an 8-bit image.
    """
    frame = _as_bgr(frame)
    if place is None:
        place = placement(frame.shape[1], frame.shape[0], image)
    target = canvas_HWC[place.top : place.top + place.height, place.left : place.left + place.width]
    resized = shrink_or_grow(frame, place.width, place.height)
    if image.color == "RGB":
        cv2.cvtColor(resized, cv2.COLOR_BGR2RGB, dst=resized)
    target[:] = resized
    return place


def shrink_or_grow(frame: FrameArray, width: int, height: int) -> FrameArray:
    """Resize without aliasing: halve by area while it is much too large, then interpolate once.

    Halving by area has a vectorised path in OpenCV: 1080p to 384x216 costs a third of ``INTER_AREA`` alone, and unlike
    ``INTER_LINEAR`` alone it does not skip pixels, which would make small fish flicker.
    """
    while frame.shape[1] >= 2 * width and frame.shape[0] >= 2 * height:
        half = (frame.shape[1] // 2, frame.shape[0] // 2)
        frame = np.asarray(cv2.resize(frame, half, interpolation=cv2.INTER_AREA), np.uint8)
    if frame.shape[:2] != (height, width):
        return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.array(frame, np.uint8)


def _as_bgr(frame: FrameArray) -> FrameArray:
    if frame.dtype != np.uint8 or frame.size == 0:
        raise InferenceError(f"a frame must be a non-empty 8-bit image; got {frame.dtype} {frame.shape}")
    if frame.ndim == 3 and frame.shape[2] == 3:  # noqa: PLR2004 - height, width, three colours
        return frame
    if frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 1):  # noqa: PLR2004 - infrared cameras are grey
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), np.uint8)
    raise InferenceError(f"a frame must have one or three channels; got {frame.shape}")


def as_input(batch_BHWC: FrameArray, image: ImageInput) -> npt.NDArray[Any]:
    """Return the input tensor of fitted frames: type, scale and layout as the manifest says."""
    batch: npt.NDArray[Any] = batch_BHWC
    if image.dtype == "float32":
        batch = batch_BHWC.astype(np.float32) * np.float32(image.scale)
        if image.mean:
            batch -= np.asarray(image.mean, np.float32)
        if image.std:
            batch /= np.asarray(image.std, np.float32)
    if image.layout == "NCHW":
        batch = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
    return batch
