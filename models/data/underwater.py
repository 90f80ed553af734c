"""Water between the camera and the fish, and light in it: haze, ripples of the sun, a lamp's cone, drifting specks.

Haze follows the model of image formation in water (Akkaynak and Treibitz 2018, simplified to one coefficient for each colour):
what is seen = scene * exp(-a d) + veil * (1 - exp(-a d)), with the distance d rising over the picture and red taken away first. All
of it is cheap enough for training (3 CPU-ms for 384 x 224) and takes its chance from the generator.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.runtime.preprocess import FloatArray, FrameArray

# Attenuation of red, green and blue relative to green, in the order of Jerlov's water types: clear ocean (blue goes farthest), green
# coast, brown pond (red goes nearly as far as green). Ratios of that shape, not measurements of a place.
WATERS = np.array([[4.5, 1.0, 0.6], [2.4, 1.0, 0.8], [1.8, 1.0, 1.2], [1.1, 1.0, 2.0]], np.float32)
VEILS = np.array([[10, 70, 110], [30, 110, 120], [50, 110, 80], [110, 100, 50]], np.float32)
"""Colour (RGB) of the water itself by type: what is seen far away."""
_CHANCES = {"haze": 0.6, "ripples": 0.2, "lamp": 0.15, "specks": 0.15}


def immerse(frame: FrameArray, rng: np.random.Generator) -> FrameArray:
    """Put the RGB picture (H, W, 3) under other water, in other light."""
    picture = frame.astype(np.float32)
    asked = {name: rng.random() < chance for name, chance in _CHANCES.items()}
    if asked["ripples"]:
        picture *= ripples(frame.shape[:2], rng)[..., None]
    if asked["lamp"]:
        picture *= lamp(frame.shape[:2], rng)[..., None]
    if asked["haze"]:
        picture = haze(picture, rng)
    if asked["specks"]:
        picture = specks(picture, rng)
    return np.clip(picture, 0, 255).astype(np.uint8)


def haze(picture: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Attenuation and veil of one kind of water between two of :data:`WATERS`."""
    kind, mix = int(rng.integers(len(WATERS) - 1)), float(rng.random())
    water = WATERS[kind] * (1 - mix) + WATERS[kind + 1] * mix
    veil = (VEILS[kind] * (1 - mix) + VEILS[kind + 1] * mix) * rng.uniform(0.5, 1.6)
    distance = _plane(picture.shape[:2], rng, low=0.05, high=float(rng.uniform(0.2, 0.9)))
    seen = np.exp(-distance[..., None] * water)
    return np.asarray(picture * seen + veil * (1 - seen), np.float32)


def ripples(size: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Gain (H, W) around 1: the net of light under a moving surface, from three waves that bend each other."""
    y, x = _grid(size)
    field = np.zeros(size, np.float32)
    for _ in range(3):
        angle, length, phase = rng.uniform(0, np.pi), rng.uniform(0.06, 0.25), rng.uniform(0, 2 * np.pi)
        along = (x * np.cos(angle) + y * np.sin(angle)) / length
        field += np.sin(2 * np.pi * along + phase + 1.5 * field)
    sharp = np.abs(field / 3) ** 0.5  # thin bright lines between wide dim cells
    return np.asarray(1 + rng.uniform(0.06, 0.25) * (1 - 2 * sharp), np.float32)


def lamp(size: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Gain (H, W): a bright cone around a point, dim at the edges, as nets and tanks at night."""
    y, x = _grid(size)
    away = (x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.2, 0.8) * size[0] / size[1]) ** 2
    edge = rng.uniform(0.25, 0.7)
    return np.asarray(edge + (rng.uniform(1.1, 1.5) - edge) * np.exp(-away / rng.uniform(0.05, 0.3)), np.float32)


def specks(picture: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Feed, scales and plankton in front of the lens: some dozen pale blurred dots, none as large as a fish."""
    height, width = picture.shape[:2]
    cover = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(10, 60))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(cover, centre, int(rng.integers(1, 3)), float(rng.uniform(0.2, 0.9)), -1)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(0.6, 1.4))), np.float32)[..., None]
    return np.asarray(picture * (1 - cover) + 215 * cover, np.float32)


def _plane(size: tuple[int, int], rng: np.random.Generator, *, low: float, high: float) -> FloatArray:
    """Distance (H, W) from ``low`` to ``high`` along a random direction, mostly farther at the top."""
    y, x = _grid(size)
    angle = rng.normal(-np.pi / 2, 0.6)
    along = x * np.cos(angle) + y * np.sin(angle)
    along -= along.min()
    return np.asarray(low + (high - low) * along / max(float(along.max()), 1e-6), np.float32)


def _grid(size: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Rows and columns (H, W) in widths of the picture."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / width
    return y, x
