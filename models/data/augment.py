"""One labelled frame becomes a slightly different one: other framing, other water, other light, other camera.

Colours vary strongly because water does: the same fish is green in a pond, blue in a pen and grey in a dim tank.
Randomness comes from the generator that is passed in, so an epoch can be repeated exactly.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.data.frames import LabelledFrame
from models.data.underwater import immerse
from models.runtime.preprocess import PAD_VALUE, FloatArray, FrameArray

MIN_VISIBLE = 0.35
"""A box of which less than this share stays in the picture is no longer asked for."""
MIN_SIDE_PX = 2.0
ZOOM = (0.7, 1.8)
STRETCH = 0.12
GENTLE_ZOOM = (0.9, 1.15)
GENTLE_STRETCH = 0.03


def augment(
    labelled: LabelledFrame,
    rng: np.random.Generator,
    *,
    underwater: float = 0.0,
    gentle: float = 0.0,
    zoom: float = ZOOM[1],
) -> LabelledFrame:
    """Return a random variation of the same size.

    Args:
        labelled: the frame.
        rng: of the epoch.
        underwater: share that is put under other water and light.
        gentle: share that stays nearly as the camera saw it, mirrored or not: strong variation teaches other waters, and
            costs the small fish of a crowd, whose boxes are a few pixels.
        zoom: most that a strongly varied frame is enlarged by: other cameras see fish from nearer.

    The first two are off until somebody asks: with 0 a seed draws what it always drew.
    """
    if gentle and rng.random() < gentle:
        frame, boxes = _reframe(labelled.frame, labelled.boxes, rng, zoom=GENTLE_ZOOM, stretch=GENTLE_STRETCH)
        return LabelledFrame(_relight(frame, rng), boxes, labelled.site)
    frame, boxes = _reframe(labelled.frame, labelled.boxes, rng, zoom=(ZOOM[0], zoom))
    if underwater and rng.random() < underwater:
        frame = immerse(frame, rng)
    return LabelledFrame(_degrade(_recolour(frame, rng), rng), boxes, labelled.site)


def _reframe(
    frame: FrameArray,
    boxes: FloatArray,
    rng: np.random.Generator,
    *,
    zoom: tuple[float, float] = ZOOM,
    stretch: float = STRETCH,
) -> tuple[FrameArray, FloatArray]:
    height, width = frame.shape[:2]
    scale = float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
    wider = float(np.exp(rng.uniform(-stretch, stretch)))
    scale_x, scale_y = scale * wider, scale / wider
    flip = rng.random() < 0.5  # noqa: PLR2004 - fish swim both ways
    # The shift keeps a zoomed picture filling the frame, and a shrunk one anywhere inside it.
    shift_x = rng.uniform(min(0.0, width * (1 - scale_x)), max(0.0, width * (1 - scale_x)))
    shift_y = rng.uniform(min(0.0, height * (1 - scale_y)), max(0.0, height * (1 - scale_y)))
    matrix = np.array([[scale_x, 0.0, shift_x], [0.0, scale_y, shift_y]])
    if flip:
        matrix = np.array([[-scale_x, 0.0, width - shift_x], [0.0, scale_y, shift_y]])
    border = cv2.BORDER_REFLECT_101 if not len(boxes) and rng.random() < 0.5 else cv2.BORDER_CONSTANT  # noqa: PLR2004
    moved = cv2.warpAffine(
        frame, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=(PAD_VALUE,) * 3
    )
    return np.asarray(moved, np.uint8), _move_boxes(boxes, matrix, (width, height))


def _move_boxes(boxes: FloatArray, matrix: np.ndarray, size: tuple[int, int]) -> FloatArray:
    if not len(boxes):
        return boxes
    x = np.sort(boxes[:, [0, 2]] * matrix[0, 0] + matrix[0, 2], axis=1)
    y = boxes[:, [1, 3]] * matrix[1, 1] + matrix[1, 2]
    moved = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
    limits = np.array([size[0], size[1], size[0], size[1]], np.float32)
    inside = np.clip(moved, 0.0, limits)
    sides = inside[:, 2:] - inside[:, :2]
    full = np.maximum((moved[:, 2:] - moved[:, :2]).prod(axis=1), 1e-6)
    keep = (sides.prod(axis=1) / full >= MIN_VISIBLE) & (sides >= MIN_SIDE_PX).all(axis=1)
    return inside[keep].astype(np.float32)


def _relight(frame: FrameArray, rng: np.random.Generator) -> FrameArray:
    gain, tint = rng.uniform(0.85, 1.15), rng.normal(0, 8, 3)
    tables = np.clip(np.arange(256)[:, None] * gain + tint, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, tables[None]), np.uint8)


def _recolour(frame: FrameArray, rng: np.random.Generator) -> FrameArray:
    hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
    hue = np.arange(256) + rng.normal(0, 14)
    saturation = np.clip(np.arange(256) * rng.uniform(0.3, 1.6), 0, 255)
    hsv[..., 0] = cv2.LUT(hsv[..., 0], (hue % 180).astype(np.uint8))
    hsv[..., 1] = cv2.LUT(hsv[..., 1], saturation.astype(np.uint8))
    frame = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)
    levels = np.arange(256) / 255.0
    tables = []
    gamma, contrast, brightness = np.exp(rng.normal(0, 0.25)), rng.uniform(0.6, 1.4), rng.normal(0, 0.08)
    for _ in range(3):
        gain = np.exp(rng.normal(0, 0.12))
        curve = ((levels**gamma) * gain - 0.5) * contrast + 0.5 + brightness
        tables.append(np.clip(curve * 255.0, 0, 255).astype(np.uint8))
    return np.asarray(cv2.LUT(frame, np.stack(tables, axis=-1)[None]), np.uint8)


def _degrade(frame: FrameArray, rng: np.random.Generator) -> FrameArray:
    chance = rng.random(3)
    if chance[0] < 0.15:  # noqa: PLR2004 - turbid water and defocus
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), float(rng.uniform(0.5, 1.6))), np.uint8)
    if chance[1] < 0.15:  # noqa: PLR2004 - sensor noise in dim light
        noise = rng.normal(0, rng.uniform(2, 9), frame.shape)
        frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
    if chance[2] < 0.1:  # noqa: PLR2004 - infrared and monochrome cameras
        frame = np.repeat(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=-1).astype(np.uint8)
    return frame
