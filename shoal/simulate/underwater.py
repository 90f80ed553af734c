"""What is behind and before the fish: water colour, floor or net or wall, light from above, drifting particles.

All of it is painted once per scene; a frame only adds moving light, particles and sensor noise. Palettes and floors
were chosen by eye against real underwater frames (DeepFish), so that a detector sees alike at both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Ground(str, Enum):
    """What the camera looks at behind the fish."""

    SAND = "sand"
    REEF = "reef"
    WEED = "weed"
    NET = "net"
    WALL = "wall"
    OPEN = "open"


@dataclass(frozen=True)
class Look:
    """The optical side of a place."""

    surface: tuple[float, float, float]
    """Water colour towards the surface, BGR 0..255."""
    deep: tuple[float, float, float]
    """Water colour towards the bottom and far away."""
    ground: Ground
    haze: float
    """Attenuation per metre of sight (1/m): 0.08 clear sea, 0.6 green pond."""
    light: float
    """Strength of shafts and caustics, 0..1."""
    noise: float
    """Standard deviation of the sensor noise in grey levels."""
    particles: int
    bubbles: bool


TANK = Look((196, 178, 120), (128, 108, 58), Ground.WALL, 0.13, 0.7, 2.0, 30, bubbles=True)
NET_PEN = Look((190, 172, 70), (108, 92, 22), Ground.NET, 0.16, 1.0, 2.5, 70, bubbles=False)
POND = Look((118, 160, 132), (62, 98, 76), Ground.SAND, 0.30, 0.4, 3.5, 110, bubbles=False)

_PALETTES: tuple[tuple[tuple[float, float, float], tuple[float, float, float]], ...] = (
    ((200, 205, 90), (130, 120, 20)),  # turquoise
    ((215, 180, 40), (150, 105, 10)),  # clear blue
    ((160, 165, 105), (105, 115, 70)),  # grey green
    ((170, 140, 100), (130, 110, 80)),  # blue grey
    ((140, 175, 160), (95, 130, 120)),  # sandy green
    ((140, 95, 100), (100, 72, 75)),  # dusk violet
    ((135, 150, 75), (70, 85, 35)),  # deep green
    ((150, 150, 140), (90, 95, 90)),  # grey
)


def random_look(rng: np.random.Generator) -> Look:
    """A plausible place of no particular farm, for training data."""
    surface, deep = _PALETTES[int(rng.integers(len(_PALETTES)))]
    gain = rng.uniform(0.6, 1.15)
    tint = rng.normal(0, 10, 3)
    return Look(
        surface=_bgr(np.asarray(surface) * gain + tint),
        deep=_bgr(np.asarray(deep) * gain + tint),
        ground=list(Ground)[int(rng.choice(6, p=[0.2, 0.25, 0.2, 0.12, 0.13, 0.1]))],
        haze=float(rng.uniform(0.06, 0.4)),
        light=float(rng.uniform(0, 1)),
        noise=float(rng.uniform(0.5, 5)),
        particles=int(rng.integers(0, 120)),
        bubbles=bool(rng.random() < 0.25),  # noqa: PLR2004
    )


def backdrop(look: Look, width: int, height: int, rng: np.random.Generator) -> Image:
    """The still scene without fish."""
    water = water_column(look, width, height)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    if look.ground is Ground.OPEN:
        scene = water
    elif look.ground is Ground.NET:
        scene = _net(water, rng)
    elif look.ground is Ground.WALL:
        scene = _wall(look, water, rng)
    else:
        scene = _floor(look, water, y, rng)
    if look.ground in {Ground.SAND, Ground.REEF, Ground.WEED} and rng.random() < 0.5:  # noqa: PLR2004
        _roots(scene, look, rng)
    vignette = _vignette(width, height)
    return np.asarray(np.clip(scene * vignette[..., None], 0, 255), np.uint8)


def water_column(look: Look, width: int, height: int) -> Floats:
    """Colour of plain water for every pixel: what a thing far away fades into."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    surface, deep = np.asarray(look.surface, np.float32), np.asarray(look.deep, np.float32)
    mix = np.clip(y**0.8 + 0.12 * x**2, 0, 1)
    return np.asarray(surface * (1 - mix) + deep * mix, np.float32)


def shafts(look: Look, width: int, height: int, rng: np.random.Generator) -> Image:
    """Light from the surface, wider than the frame so that it can drift."""
    wide = 2 * width
    bands = cv2.GaussianBlur(rng.normal(0, 1, (1, wide)).astype(np.float32), (0, 0), width / 28, borderType=2)[0]
    bands = np.clip(bands / (np.abs(bands).max() + 1e-6), 0, 1) ** 1.3
    rows = np.arange(height, dtype=np.float32)
    slanted = np.stack([np.roll(bands, int(row * 0.35)) for row in rows])
    fade = np.clip(1 - rows / height, 0, 1)[:, None] ** 1.4
    light = np.asarray(look.surface, np.float32) * 0.34 * look.light
    return np.clip((slanted * fade)[..., None] * light, 0, 255).astype(np.uint8)


def noise_bank(look: Look, width: int, height: int, rng: np.random.Generator) -> tuple[Image, Image]:
    """Bright and dark parts of sensor noise on a larger sheet; a frame takes a random window of it."""
    sheet = rng.normal(0, look.noise, (height + 64, width + 64, 1)) + rng.normal(
        0, look.noise * 0.4, (height + 64, width + 64, 3)
    )
    return np.clip(sheet, 0, 255).astype(np.uint8), np.clip(-sheet, 0, 255).astype(np.uint8)


def fractal(height: int, width: int, rng: np.random.Generator, *, octaves: int = 5, squash: float = 1.0) -> Floats:
    """Smooth noise of several scales in -1..1; ``squash`` > 1 flattens it like a floor seen at an angle."""
    out = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = 3 * 2**octave
        grid = rng.normal(0, 1, (max(2, int(cells * squash * height / width) + 2), cells + 2)).astype(np.float32)
        out += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / 1.7**octave
    return np.asarray(out / (np.abs(out).max() + 1e-6), np.float32)


def _floor(look: Look, water: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Sand, reef or weed under a wavy horizon, fading into the water with distance."""
    height, width = water.shape[:2]
    horizon = rng.uniform(0.45, 0.78)
    ridge = {Ground.SAND: 0.03, Ground.REEF: 0.22, Ground.WEED: 0.1}[look.ground]
    line = horizon + ridge * fractal(2, width, rng, octaves=6)[0]
    if look.ground is Ground.WEED:
        line += np.float32(0.05) * rng.standard_normal(width, np.float32)
    below = np.clip((y - line[None, :]) * height / 2.5, 0, 1)
    near = np.clip((y - line[None, :]) / (1.02 - line[None, :]), 0, 1)
    grain = fractal(height, width, rng, octaves=7, squash=2.2 if look.ground is Ground.SAND else 1.1)
    fine = rng.normal(0, 1, (height, width)).astype(np.float32)
    fine = cv2.GaussianBlur(fine, (0, 0), 0.9)
    if look.ground is Ground.WEED:
        fine = cv2.blur(rng.normal(0, 1.8, (height, width)).astype(np.float32), (1, 9))
    rough = {Ground.SAND: (0.22, 0.2), Ground.REEF: (0.75, 0.55), Ground.WEED: (0.4, 0.9)}[look.ground]
    relief = 1 + rough[0] * grain + rough[1] * fine * (0.35 + 0.65 * near)
    stone = {Ground.SAND: (132, 150, 150), Ground.REEF: (80, 100, 98), Ground.WEED: (62, 84, 80)}[look.ground]
    lit = np.asarray(stone, np.float32) * np.asarray(look.surface, np.float32) / 165
    ground = np.clip(lit * relief[..., None], 0, 255)
    blotch = np.clip(0.75 + 0.5 * fractal(height, width, rng, octaves=3, squash=1.6), 0.35, 1.2)
    ground *= blotch[..., None]
    veil = np.exp(-look.haze * (6.5 * (1 - near) ** 1.7 + 0.6))[..., None]
    ground = ground * veil + water * (1 - veil)
    return np.asarray(water * (1 - below[..., None]) + ground * below[..., None], np.float32)


def _net(water: Floats, rng: np.random.Generator) -> Floats:
    """Knotted mesh of a sea pen, sagging, far behind the fish."""
    height, width = water.shape[:2]
    mask = np.zeros((height, width), np.float32)
    mesh = int(rng.integers(14, 24))
    sag = rng.uniform(4, 14)
    xs = np.arange(-20, width + 20, 4, dtype=np.float32)
    for y in range(-height, 2 * height, mesh):
        for slope in (0.5, -0.5):
            ys = y + slope * xs + sag * np.sin(xs / width * np.pi * 2 + y * 0.01)
            cv2.polylines(mask, [np.stack([xs, ys], 1).astype(np.int32)], False, 1.0, 1, cv2.LINE_AA)  # noqa: FBT003
    mask = cv2.GaussianBlur(mask, (0, 0), 0.9)
    for _ in range(2):
        x = rng.uniform(0.05, 0.95) * width
        cv2.line(mask, (int(x), 0), (int(x + rng.uniform(-60, 60)), height), 0.9, 4, cv2.LINE_AA)
    strength = 0.26 + 0.18 * fractal(height, width, rng, octaves=3)
    return np.asarray(water * (1 - 0.65 * (mask * strength)[..., None]), np.float32)


def _wall(look: Look, water: Floats, rng: np.random.Generator) -> Floats:
    """Glass-fibre tank: a curved light wall, a floor with a drain, algae and seams."""
    height, width = water.shape[:2]
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    curve = height * (0.72 + 0.1 * ((xx / width - 0.5) * 2) ** 2)
    wall_light = 1 + 0.12 * np.cos((xx / width - 0.5) * np.pi) + 0.06 * fractal(height, width, rng, octaves=5)
    floor_light = 0.78 + 0.08 * fractal(height, width, rng, octaves=6, squash=2)
    below = np.clip((yy - curve) / 4, 0, 1)
    shade = wall_light * (1 - below) + floor_light * below
    for _ in range(3):
        seam = rng.uniform(0, width)
        shade *= 1 - 0.08 * np.exp(-(((xx - seam - 0.02 * yy) / 2.0) ** 2))
    algae = np.clip(fractal(height, width, rng, octaves=6) - 0.25, 0, 1)
    tint = 1 - algae[..., None] * np.asarray([0.35, 0.1, 0.25], np.float32)
    light = np.asarray(look.surface, np.float32) * 0.25
    scene = (water * 0.88 + light) * shade[..., None] * tint
    out = np.ascontiguousarray(scene, np.float32)
    drain = (int(width * rng.uniform(0.35, 0.65)), int(height * 0.93))
    cv2.ellipse(out, drain, (int(width * 0.06), int(height * 0.025)), 0, 0, 360, tuple(look.deep), -1, cv2.LINE_AA)
    pipe = int(width * rng.choice([0.06, 0.94]))
    cv2.line(out, (pipe, 0), (pipe, int(height * 0.7)), _scaled(look.deep, 0.75), 12, cv2.LINE_AA)
    cv2.line(out, (pipe - 3, 0), (pipe - 3, int(height * 0.7)), _scaled(look.surface, 0.9), 2, cv2.LINE_AA)
    return out


def _roots(scene: Floats, look: Look, rng: np.random.Generator) -> None:
    """Poles, roots and ropes: long dark things that are not fish."""
    height, width = scene.shape[:2]
    for _ in range(int(rng.integers(1, 7))):
        x = rng.uniform(0, width)
        lean = rng.normal(0, 0.35)
        ys = np.linspace(-5, height * rng.uniform(0.6, 1.05), 40)
        bow = rng.normal(0, 18) * np.sin(ys / height * rng.uniform(2, 7)) + rng.normal(0, 1.0, 40).cumsum()
        curve = np.round(np.stack([x + lean * ys + bow, ys], 1)).astype(np.int32)
        colour = _scaled(look.deep, float(rng.uniform(0.45, 0.95)))
        thick = int(rng.integers(1, 12))
        cv2.polylines(scene, [curve], False, colour, thick, cv2.LINE_AA)  # noqa: FBT003
        if thick > 4:  # noqa: PLR2004
            edge = curve - [thick // 3, 0]
            cv2.polylines(scene, [edge], False, _scaled(colour, 1.3), 2, cv2.LINE_AA)  # noqa: FBT003


def _vignette(width: int, height: int) -> Floats:
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    return np.asarray(1 - 0.16 * (x**2 + y**2) / 2, np.float32)


def _bgr(values: npt.ArrayLike) -> tuple[float, float, float]:
    blue, green, red = np.clip(np.asarray(values, float), 5, 245)
    return float(blue), float(green), float(red)


def _scaled(colour: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor
