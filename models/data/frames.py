"""Dataset images become frames in memory with corner boxes: decoded once, cropped, and resized by the runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from contracts.bundles import ImageInput
from contracts.datasets import DatasetImage
from models.data.errors import DatasetError
from models.runtime.preprocess import FloatArray, FrameArray, placement, preprocess


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One picture (H, W, 3) with its boxes (N, 4) as corners in pixels of that picture."""

    frame: FrameArray
    boxes: FloatArray
    site: str


def read_picture(root: Path, image: DatasetImage) -> FrameArray:
    """Decode the file to BGR and cut off what is not picture.

    Raises:
        DatasetError: missing or broken.
    """
    frame = cv2.imread(str(root / image.path), cv2.IMREAD_COLOR)
    if frame is None:
        raise DatasetError("data.image", str(root / image.path), "The image is missing or broken. Fetch it again.")
    if image.crop is not None:
        left, top, right, bottom = image.crop
        frame = frame[top:bottom, left:right]
    return np.ascontiguousarray(frame, np.uint8)


def fraction_corners(image: DatasetImage) -> FloatArray:
    """Boxes of the image as corners (N, 4) in fractions of its picture."""
    corners = [(b.box.x, b.box.y, b.box.x + b.box.w, b.box.y + b.box.h) for b in image.boxes]
    return np.asarray(corners, np.float32).reshape(-1, 4)


class Located(NamedTuple):
    """A dataset image and the folder that its path starts from."""

    root: Path
    image: DatasetImage


def load_frame(located: Located, model_input: ImageInput) -> LabelledFrame:
    """Bring an image to the size of the model's input, exactly as a device would, and its boxes with it."""
    root, image = located
    picture = read_picture(root, image)
    place = placement(picture.shape[1], picture.shape[0], model_input)
    (frame,), _ = preprocess([picture], model_input)
    return LabelledFrame(frame, place.to_pixels(fraction_corners(image)), image.site)
