"""Fish that swim before a camera: a small school in three dimensions, rendered with the truth about where each fish is.

Positions are metres before a pinhole camera (x right, y down, z away). ``step`` moves the school, ``render`` paints it
far to near and returns the frame together with the boxes of the fish that a person could see in it. The same seed and
the same steps give the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from contracts.vision import Box
from shoal.simulate import fish_body, underwater
from shoal.simulate.underwater import Image, Look

Place = Literal["tank", "net_pen", "pond"]

NEAR_M, FAR_M = 0.9, 6.0
"""Fish stay between these distances from the camera."""
FOCAL = 0.85
"""Focal length in frame widths: a 60 degree lens."""
MIN_BOX_PX = 7
"""A fish whose visible part is narrower is not labelled: no person would draw a box."""
MIN_VISIBLE = 0.3
"""Share of a fish that must be neither hidden by another fish nor outside the frame to be labelled."""
MIN_CONTRAST = 5.0
"""Mean difference between fish and water, in grey levels, below which the haze has swallowed it."""

_PLACES: dict[str, tuple[Look, fish_body.Body]] = {
    "tank": (underwater.TANK, fish_body.SALMON),
    "net_pen": (underwater.NET_PEN, fish_body.SALMON),
    "pond": (underwater.POND, fish_body.TILAPIA),
}


@dataclass(frozen=True, slots=True)
class _Painted:
    """A fish in the frame: where it was painted, its pixels had nothing hidden it, its contrast to the water."""

    fish: int
    where: tuple[int, int, int, int]
    area: int
    contrast: float


class FishScene:
    """One camera's view of a school.

    Args:
        seed: decides the whole scene and its future.
        width, height: frame size in pixels.
        n_fish: fish in the water; not all are in view at any moment.
        place: whose water and fish; ``None`` draws both at random, for training data.
        length_m: mean length of the fish in metres.
    """

    def __init__(
        self,
        seed: int,
        width: int = 640,
        height: int = 360,
        n_fish: int = 8,
        *,
        place: Place | None = "tank",
        length_m: float = 0.34,
    ) -> None:
        rng = np.random.default_rng(seed)
        if place is None:
            self.look = underwater.random_look(rng)
            bodies = [fish_body.random_body(rng) for _ in range(3)]
        else:
            self.look, body = _PLACES[place]
            bodies = [body, body]
        self.width, self.height, self.n_fish = width, height, n_fish
        self.frames = 0
        self.activity = 1.0
        """How lively the school is: 1 at rest, 2 while feeding."""
        self.in_view: tuple[int, ...] = ()
        """Which fish the boxes of the last ``render`` belong to, in their order: the truth for a tracker."""
        self._rng = rng
        self._backdrop = underwater.backdrop(self.look, width, height, rng)
        self._water = underwater.water_column(self.look, width, height)
        self._shafts = underwater.shafts(self.look, width, height, rng)
        self._noise = underwater.noise_bank(self.look, width, height, rng)
        self._bodies = [fish_body.sprites(body, rng) for body in bodies]
        self._tint = (np.asarray(self.look.surface, np.float32) / 255 + 0.35).clip(0.3, 1.25)
        self._time_s = 0.0
        self._place_fish(length_m)
        self._particles = rng.uniform(0, 1, (self.look.particles, 3))
        self._bubbles = rng.uniform(0, 1, (18 if self.look.bubbles else 0, 3))

    def step(self, dt_s: float) -> None:
        """Let ``dt_s`` seconds pass (at most 0.5 s at a time are simulated, the rest is a jump)."""
        dt = min(dt_s, 0.5)
        self._time_s += dt_s
        self._swim(dt)
        drift = np.array([0.012, 0.02, 0.0]) * dt
        self._particles = (self._particles + drift) % 1.0
        self._bubbles[:, 1] = (self._bubbles[:, 1] - dt * (0.15 + 0.2 * self._bubbles[:, 2])) % 1.0

    def render(self) -> tuple[Image, list[Box]]:
        """The frame (BGR, uint8) and the boxes of the fish that can be seen in it."""
        frame = self._light()
        owner = np.full((self.height, self.width), -1, np.int16)
        drawn = [
            painted
            for fish in np.argsort(-self._position[:, 2])
            if (painted := self._paint(frame, owner, int(fish))) is not None
        ]
        seen = [(painted.fish, box) for painted in drawn if (box := self._label(owner, painted)) is not None]
        self.in_view = tuple(fish for fish, _ in seen)
        self._foreground(frame)
        self.frames += 1
        return self._grain(frame), [box for _, box in seen]

    # How the school moves

    def _place_fish(self, length_m: float) -> None:
        rng, n = self._rng, self.n_fish
        depth = rng.uniform(1.3, 4.5, n)
        spread = depth / FOCAL / 2
        aspect = self.height / self.width
        self._position = np.stack(
            [rng.uniform(-0.9, 0.9, n) * spread, rng.uniform(-0.6, 0.6, n) * spread * aspect, depth], 1
        )
        heading = rng.choice([0.0, np.pi]) + rng.normal(0, 0.6, n)
        self._cruise = rng.uniform(0.7, 1.3, n) * length_m
        self._velocity = np.stack([np.cos(heading), rng.normal(0, 0.08, n), 0.5 * np.sin(heading)], 1)
        self._velocity *= self._cruise[:, None]
        self._length = length_m * np.clip(rng.normal(1, 0.16, n), 0.6, 1.5)
        self._phase = rng.uniform(0, 2 * np.pi, n)
        self._body = rng.integers(0, len(self._bodies), n)
        self._gain = np.clip(rng.normal(1, 0.12, n), 0.7, 1.3)

    def _swim(self, dt: float) -> None:
        """Boids: keep apart, match the neighbours, stay in sight of the camera; plus a wandering will of their own."""
        if self.n_fish == 0:
            return
        here, speed = self._position, self._velocity
        offset = here[None, :, :] - here[:, None, :]
        distance = np.linalg.norm(offset, axis=2) + 1e-6
        neighbour = (distance < 1.2) & (distance > 1e-5)  # noqa: PLR2004
        count = np.maximum(neighbour.sum(1), 1)[:, None]
        align = (neighbour[:, :, None] * speed[None, :, :]).sum(1) / count - speed * neighbour.any(1)[:, None]
        close = neighbour & (distance < 0.45)  # noqa: PLR2004
        apart = -(close[:, :, None] * offset / distance[:, :, None] ** 2).sum(1)
        together = (neighbour[:, :, None] * offset).sum(1) / count
        half = here[:, 2] / FOCAL / 2
        aspect = self.height / self.width
        home = np.zeros_like(here)
        home[:, 0] = -_outside(here[:, 0], 0.6 * half)
        home[:, 1] = -_outside(here[:, 1], 0.6 * half * aspect) - 0.15 * here[:, 1]
        home[:, 2] = np.where(here[:, 2] < NEAR_M + 0.5, 1.0, 0) - np.where(here[:, 2] > FAR_M - 1.5, 1.0, 0)
        will = self._rng.normal(0, 1, here.shape) * np.array([0.5, 0.12, 0.4])
        push = 0.3 * align + 0.03 * apart + 0.03 * together + 1.2 * home * self._cruise[:, None]
        speed = speed + dt * push * self.activity + np.sqrt(dt) * 0.22 * will * self._cruise[:, None] * self.activity
        speed[:, 1] *= 1 - 0.8 * dt
        fast = np.linalg.norm(speed, axis=1)
        wanted = np.clip(fast, 0.5 * self._cruise, 1.7 * self._cruise * self.activity)
        self._velocity = speed * (wanted / np.maximum(fast, 1e-6))[:, None]
        self._position = here + dt * self._velocity
        self._position[:, 2] = np.clip(self._position[:, 2], NEAR_M, FAR_M)
        beats_hz = 0.8 + 1.6 * wanted / self._length  # tail beat rises with speed in body lengths per second
        self._phase = (self._phase + 2 * np.pi * beats_hz * dt) % (2 * np.pi)

    # How it looks

    def _light(self) -> Image:
        shift = int(self._time_s * 9 + 6 * np.sin(self._time_s * 0.7)) % self.width
        window = self._shafts[:, shift : shift + self.width]
        return np.asarray(cv2.add(self._backdrop, window), np.uint8)

    def _paint(self, frame: Image, owner: npt.NDArray[np.int16], fish: int) -> _Painted | None:
        """Blend one fish into the frame and its number into ``owner``; None when it is out of the frame."""
        x, y, z = self._position[fish]
        scale_px = FOCAL * self.width / z
        centre = (self.width / 2 + x * scale_px, self.height / 2 + y * scale_px)
        length_px = self._length[fish] * scale_px
        vx, vy, vz = self._velocity[fish]
        turn = max(abs(vx) / (np.hypot(vx, vz) + 1e-9), 0.32)
        reach = int(length_px * 0.62) + 3
        left, top = int(centre[0]) - reach, int(centre[1]) - reach
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + 2 * reach, self.width), min(top + 2 * reach, self.height)
        if x1 - x0 < 2 or y1 - y0 < 2:  # noqa: PLR2004
            return None
        sprite, shrink = self._sprite(fish, length_px)
        scale = length_px / fish_body.BODY_LENGTH_PX * shrink
        pitch = float(np.arctan2(vy, np.hypot(vx, vz))) * 0.8
        matrix = _placement(
            (sprite.shape[1] / 2, sprite.shape[0] / 2),
            (centre[0] - x0, centre[1] - y0),
            (scale * turn * (1 if vx >= 0 else -1), scale),
            pitch if vx >= 0 else -pitch,
        )
        patch = cv2.warpAffine(sprite, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        patch = self._focus(patch, z, length_px)
        alpha = patch[..., 3:].astype(np.float32) * np.float32(1 / 255)
        clear = float(np.exp(-self.look.haze * (z - 0.4)))
        behind = frame[y0:y1, x0:x1].astype(np.float32)
        water = self._water[y0:y1, x0:x1]
        lit = patch[..., :3].astype(np.float32) * (self._tint * self._gain[fish] * clear)
        seen = lit + water * (alpha * (1 - clear))
        blended = seen + behind * (1 - alpha)
        solid = patch[..., 3] > 110  # noqa: PLR2004
        area = int(np.count_nonzero(solid))
        if area == 0:
            return None
        contrast = float(np.abs(blended - behind).mean(axis=2)[solid].mean())
        frame[y0:y1, x0:x1] = np.clip(blended, 0, 255).astype(np.uint8)
        owner[y0:y1, x0:x1][solid] = fish
        whole = int(_fish_pixels(sprite) * scale * scale * turn)
        return _Painted(fish, (x0, y0, x1, y1), max(area, whole), contrast)

    def _sprite(self, fish: int, length_px: float) -> tuple[Image, float]:
        level = 0 if length_px > 150 else 1 if length_px > 70 else 2  # noqa: PLR2004
        phase = int(self._phase[fish] / (2 * np.pi) * fish_body.PHASES) % fish_body.PHASES
        return self._bodies[int(self._body[fish])][level][phase], float(2**level)

    def _focus(self, patch: Image, z: float, length_px: float) -> Image:
        """Turbid water and the depth of field soften what is far, and what is very near."""
        blur = self.look.haze * z * 0.5 + (0.9 if z < NEAR_M + 0.25 else 0.0)
        blur = min(blur, length_px / 25)
        return np.asarray(cv2.GaussianBlur(patch, (0, 0), blur), np.uint8) if blur > 0.35 else patch  # noqa: PLR2004

    def _label(self, owner: npt.NDArray[np.int16], painted: _Painted) -> Box | None:
        """The box of what is still visible of a fish once all nearer ones are painted, if a person would draw one."""
        left, top, right, bottom = painted.where
        visible = owner[top:bottom, left:right] == painted.fish
        columns, rows = np.flatnonzero(visible.any(0)), np.flatnonzero(visible.any(1))
        if len(columns) == 0:
            return None
        x, w = left + int(columns[0]), int(columns[-1] - columns[0]) + 1
        y, h = top + int(rows[0]), int(rows[-1] - rows[0]) + 1
        share = np.count_nonzero(visible) / painted.area
        if share < MIN_VISIBLE or painted.contrast < MIN_CONTRAST or w < MIN_BOX_PX or h < MIN_BOX_PX / 2:
            return None
        return Box(x=x / self.width, y=y / self.height, w=w / self.width, h=h / self.height)

    def _foreground(self, frame: Image) -> None:
        """Particles that drift by and bubbles that rise, nearer than the fish."""
        bright = tuple(min(255.0, c * 1.04 + 10) for c in self.look.surface)
        for x, y, size in self._particles:
            centre = (int(x * self.width), int(y * self.height))
            cv2.circle(frame, centre, 1 if size < 0.9 else 2, bright, -1 if size < 0.5 else 1, cv2.LINE_AA)  # noqa: PLR2004
        for x, y, size in self._bubbles:
            wobble = 4 * np.sin(self._time_s * 5 + size * 40)
            column = 0.88 + 0.08 * (x - 0.5)
            centre = (int(column * self.width + wobble), int(y * self.height))
            cv2.circle(frame, centre, 1 + int(3 * size), bright, 1, cv2.LINE_AA)

    def _grain(self, frame: Image) -> Image:
        dx, dy = self._rng.integers(0, 64, 2)
        window = (slice(dy, dy + self.height), slice(dx, dx + self.width))
        bright, dark = self._noise
        return np.asarray(cv2.subtract(cv2.add(frame, bright[window]), dark[window]), np.uint8)


def _fish_pixels(sprite: Image) -> int:
    """Pixels of the sprite that are fish."""
    return int(np.count_nonzero(sprite[..., 3] > 110))  # noqa: PLR2004


def _outside(value: npt.NDArray[np.float64], bound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far each value is beyond +-bound, signed; 0 inside."""
    return np.sign(value) * np.maximum(np.abs(value) - bound, 0) / np.maximum(bound, 1e-6) * 4


def _placement(
    pivot: tuple[float, float], target: tuple[float, float], scale: tuple[float, float], angle: float
) -> npt.NDArray[np.float64]:
    """Affine matrix that scales about ``pivot``, turns by ``angle`` (radians) and moves the pivot to ``target``."""
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(scale)
    shift = np.asarray(target) - linear @ np.asarray(pivot)
    return np.column_stack([linear, shift])
