"""Dataset images become frames in memory with corner boxes: decoded once, cropped, and resized by the runtime."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from contracts.bundles import ImageInput
from contracts.datasets import DatasetImage
from models.data.errors import DatasetError
from models.runtime.preprocess import FloatArray, FrameArray, placement, preprocess

_FIND_ALL = "shoal models dataset check finds the next such file"


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One picture (H, W, 3) with its boxes (N, 4) as corners in pixels of that picture."""

    frame: FrameArray
    boxes: FloatArray
    site: str


def read_picture(root: Path, image: DatasetImage) -> FrameArray:
    """Decode the file to BGR and cut off what is not picture.

    Its sha256 is compared each time (a twentieth of the decoding): OpenCV draws the missing half of a truncated file in grey, and a
    network would learn the grey.

    Raises:
        DatasetError: missing, or not the file that was frozen.
    """
    path = root / image.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            "data.image", str(path), f"The image is missing ({error.strerror}). Bring the same file back; {_FIND_ALL}."
        ) from error
    if hashlib.sha256(content).hexdigest() != image.sha256:
        raise DatasetError(
            "data.image", str(path), "It is broken, or another picture than the one that was frozen: its sha256 is not "
            f"{image.sha256[:12]}... Copy the same file here again; {_FIND_ALL}. To leave it out, freeze the data without it.",
        )  # fmt: skip
    frame = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if frame is None:
        raise DatasetError("data.image", str(path), f"The image is broken. Fetch it again; {_FIND_ALL}.")
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
