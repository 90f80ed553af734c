"""Pictures of single fish as a classifier learns them: read once, varied anew in every epoch.

How a picture is varied in an epoch follows from (seed, epoch, picture) alone, whatever fold it is in and which process asks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from contracts.bundles import ImageInput
from models.data.frames import Located, read_picture
from models.runtime.preprocess import PAD_VALUE, FrameArray, preprocess

TURN_DEG = 15.0
SHIFT = 0.06
"""Of the input's side; crops of trackers are not centred better."""
ZOOM = (0.85, 1.3)
STRETCH = 0.12


def read_crops(located: Sequence[Located]) -> list[FrameArray]:
    """Decode every picture to RGB.

    Raises:
        DatasetError: one is missing or broken.
    """
    return [np.ascontiguousarray(read_picture(each.root, each.image)[..., ::-1]) for each in located]


def as_device_sees(crops: Sequence[FrameArray], image: ImageInput) -> FrameArray:
    """The pictures (N, H, W, 3) exactly as a device brings them to the input's size, without variation."""
    batch, _ = preprocess([crop[..., ::-1] for crop in crops], image)
    return np.asarray(batch, np.uint8)


def vary(crop_HWC: FrameArray, size: int, rng: np.random.Generator) -> FrameArray:
    """One random variation (size, size, 3): framing, mirror, turn, water, light, turbidity, something in front."""
    picture = _light(_reframed(crop_HWC, size, rng), rng)
    if rng.random() < 0.15:  # noqa: PLR2004 - turbid water and defocus
        picture = cv2.GaussianBlur(picture, (3, 3), 0)
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:  # noqa: PLR2004 - another fish, a net, a plant in front
        side = int(size * rng.uniform(0.15, 0.35))
        top, left = rng.integers(0, size - side, 2)
        picture[top : top + side, left : left + side] = rng.integers(0, 255, 3)
    return np.asarray(picture, np.uint8)


def _reframed(crop_HWC: FrameArray, size: int, rng: np.random.Generator) -> np.ndarray:
    height, width = crop_HWC.shape[:2]
    zoom = size / max(height, width) * math.exp(rng.uniform(math.log(ZOOM[0]), math.log(ZOOM[1])))
    angle = math.radians(rng.uniform(-TURN_DEG, TURN_DEG) * (rng.random() < 0.7))  # noqa: PLR2004 - most fish swim level
    stretch = math.exp(rng.uniform(-STRETCH, STRETCH))
    mirror = -1 if rng.random() < 0.5 else 1  # noqa: PLR2004 - fish swim both ways
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos * zoom * stretch * mirror, -sin * zoom], [sin * zoom * stretch * mirror, cos * zoom]])
    centre = np.array([size / 2 + rng.uniform(-SHIFT, SHIFT) * size, size / 2 + rng.uniform(-SHIFT, SHIFT) * size])
    shift = centre - turn @ np.array([width / 2, height / 2])
    moved = cv2.warpAffine(
        crop_HWC,
        np.column_stack([turn, shift]),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(PAD_VALUE,) * 3,
    )
    return np.asarray(moved, np.float32)


def _light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Water takes colours away unevenly, depth takes light, turbidity takes contrast."""
    if rng.random() >= 0.8:  # noqa: PLR2004 - some stay as they are
        return picture
    picture = picture * (1 + rng.uniform(-0.25, 0.25, 3) * 0.5) * rng.uniform(0.75, 1.25)
    mean = picture.mean()
    return np.asarray((picture - mean) * rng.uniform(0.75, 1.3) + mean)
