"""Draws one fish from its side, and bends it: a sprite per phase of the tail beat, at three sizes.

A body is a spindle with countershading (dark back, silver belly), fins, gill cover, eye and scale texture. Sprites are
premultiplied BGRA, head to the right, so that the scene only has to place, tint and blend them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

PHASES = 12
"""Sprites per tail beat."""
LEVELS = 3
"""Sizes per sprite: full, half and quarter, so that a far fish is filtered and does not shimmer."""
CANVAS_WIDTH, CANVAS_HEIGHT = 288, 160
BODY_LENGTH_PX = 240
"""Length of the fish, nose to tail tip, within the canvas."""


@dataclass(frozen=True)
class Body:
    """What a fish looks like, as fractions of its length."""

    depth: float
    """Greatest body height."""
    peduncle: float
    """Height where the tail begins."""
    fork: float
    """How deep the tail is forked, 0 (straight) to 1."""
    back: tuple[float, float, float]
    """Colour of the back, BGR 0..255."""
    belly: tuple[float, float, float]
    fin: tuple[float, float, float]
    stripes: int
    """Vertical bars on the flank; 0 for none."""
    spots: int
    """Dark spots on the back; 0 for none."""


SALMON = Body(0.21, 0.08, 0.28, (66, 78, 72), (192, 200, 196), (76, 86, 82), 0, 24)
TILAPIA = Body(0.40, 0.13, 0.08, (92, 104, 104), (168, 186, 188), (96, 104, 108), 7, 0)
SEABASS = Body(0.28, 0.09, 0.30, (96, 96, 88), (214, 216, 210), (110, 112, 108), 0, 0)


def random_body(rng: np.random.Generator) -> Body:
    """A plausible fish of no particular species, for training data."""
    back = rng.uniform(25, 125) + rng.normal(0, 12, 3)
    belly = np.clip(back + rng.uniform(20, 120) + rng.normal(0, 10, 3), 40, 240)
    if rng.random() < 0.15:  # noqa: PLR2004  (a reef fish has a colour, not a shade)
        back = back + np.array([-40, 25, 45]) * rng.uniform(0.3, 1)
        belly = belly + np.array([-50, 15, 35]) * rng.uniform(0.3, 1)
    return Body(
        depth=float(rng.uniform(0.2, 0.5)),
        peduncle=float(rng.uniform(0.06, 0.14)),
        fork=float(rng.uniform(0.0, 0.8)),
        back=_colour(back),
        belly=_colour(belly),
        fin=_colour((back + belly) / 2 + rng.normal(0, 15, 3)),
        stripes=int(rng.integers(3, 9)) if rng.random() < 0.35 else 0,  # noqa: PLR2004
        spots=int(rng.integers(10, 40)) if rng.random() < 0.3 else 0,  # noqa: PLR2004
    )


def sprites(body: Body, rng: np.random.Generator) -> list[list[Image]]:
    """Premultiplied BGRA sprites of one fish, indexed ``[level][phase]``."""
    flat = _draw(body, rng)
    full = [_bend(flat, 2 * np.pi * phase / PHASES) for phase in range(PHASES)]
    levels = [full]
    for _ in range(LEVELS - 1):
        levels.append([np.asarray(cv2.pyrDown(sprite), np.uint8) for sprite in levels[-1]])
    return levels


def _shade(body: Body) -> tuple[float, float, float]:
    """The colour of lines on the flank: a little darker than half-way between back and belly."""
    return _colour((np.asarray(body.back) + np.asarray(body.belly)) * 0.42)


def _colour(values: npt.ArrayLike) -> tuple[float, float, float]:
    blue, green, red = np.clip(np.asarray(values, float), 8, 245)
    return float(blue), float(green), float(red)


def _profile(body: Body, u: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Half height of the body at ``u`` (0 nose .. 1 base of the tail): blunt head, long tapering rear."""
    spindle = np.clip(u, 0, 1) ** 0.6 * np.clip(1 - u, 0, 1) ** 0.85
    spindle = spindle / spindle.max()
    return np.asarray(0.5 * (body.depth * spindle + body.peduncle * np.clip(u * 1.15 - 0.15, 0, 1)), float)


def _draw(body: Body, rng: np.random.Generator) -> Image:
    """The straight fish on its canvas: colour premultiplied by alpha."""
    length = BODY_LENGTH_PX
    trunk = 0.82 * length
    nose = CANVAS_WIDTH - (CANVAS_WIDTH - length) / 2
    middle = CANVAS_HEIGHT / 2
    u = np.linspace(0, 1, 60)
    half = _profile(body, u) * length
    xs = nose - u * trunk
    arch = 0.06 * body.depth * length * np.sin(np.pi * u)  # backs are flatter than bellies in most swimmers
    top = np.stack([xs, middle - half * 0.96 - arch], 1)
    bottom = np.stack([xs, middle + half * 1.04 - arch], 1)
    trunk_polygon = np.concatenate([top, bottom[::-1]])

    alpha = np.zeros((CANVAS_HEIGHT, CANVAS_WIDTH), np.float32)
    fins = np.zeros_like(alpha)
    tail_x = xs[-1]
    tip_x = nose - length
    span = (0.55 * body.depth + 0.09) * length
    notch = tip_x + body.fork * 0.7 * (tail_x - tip_x)
    thin = body.peduncle * length * 0.5
    _fill(
        fins,
        [
            (tail_x + 6, middle - thin),
            (tip_x, middle - span),
            (tip_x + 6, middle - span * 0.75),
            (notch, middle),
            (tip_x + 6, middle + span * 0.75),
            (tip_x, middle + span),
            (tail_x + 6, middle + thin),
        ],
        0.85,
    )
    height = body.depth * length
    _fin(fins, top, (16, 38), height * 0.34, lean=10)
    _fin(fins, bottom, (36, 47), -height * 0.30, lean=9)
    _fin(fins, bottom, (20, 26), -height * 0.26, lean=12)
    fins = cv2.GaussianBlur(fins, (0, 0), 1.0)
    cv2.fillPoly(alpha, [np.round(trunk_polygon).astype(np.int32)], 1.0, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.8)

    colour = _skin(body, rng, middle)
    x_gill, x_eye = nose - 0.2 * trunk, nose - 0.085 * trunk
    y_eye = middle - 0.03 * length - 0.04 * height
    cv2.ellipse(colour, _point(x_gill - 8, middle), (12, int(height * 0.36)), 0, -65, 65, _shade(body), 1, cv2.LINE_AA)
    cv2.line(colour, _point(x_gill - 14, middle - 2), _point(tail_x, middle), _shade(body), 1, cv2.LINE_AA)
    cv2.ellipse(colour, _point(x_gill - 22, middle + height * 0.16), (16, 6), 25, 0, 360, body.fin, -1, cv2.LINE_AA)
    cv2.circle(colour, _point(x_eye, y_eye), 5, (170, 180, 180), -1, cv2.LINE_AA)
    cv2.circle(colour, _point(x_eye, y_eye), 3, (18, 18, 18), -1, cv2.LINE_AA)
    colour = cv2.GaussianBlur(colour, (0, 0), 0.9)

    rays = 0.8 + 0.2 * np.sin(np.arange(CANVAS_HEIGHT)[:, None] * 0.9 + np.arange(CANVAS_WIDTH)[None, :] * 0.25)
    fin_colour = np.asarray(body.fin, np.float32) * rays[..., None].astype(np.float32)
    fins = fins * (1 - alpha)
    out = np.empty((CANVAS_HEIGHT, CANVAS_WIDTH, 4), np.float32)
    out[..., :3] = colour * alpha[..., None] + fin_colour * fins[..., None]
    out[..., 3] = 255 * np.clip(alpha + fins, 0, 1)
    return np.clip(out, 0, 255).astype(np.uint8)


def _skin(body: Body, rng: np.random.Generator, middle: float) -> npt.NDArray[np.float32]:
    """Countershaded flank with scales, bars or spots."""
    ys = np.arange(CANVAS_HEIGHT, dtype=np.float32)
    half = max(body.depth * BODY_LENGTH_PX / 2, 1)
    shade = np.clip((ys - middle) / half * 0.75 + 0.45, 0, 1) ** 1.2
    back, belly = np.asarray(body.back, np.float32), np.asarray(body.belly, np.float32)
    column = back[None, :] * (1 - shade[:, None]) + belly[None, :] * shade[:, None]
    colour = np.repeat(column[:, None, :], CANVAS_WIDTH, axis=1)
    yy, xx = np.mgrid[0:CANVAS_HEIGHT, 0:CANVAS_WIDTH].astype(np.float32)
    scales = 1 + 0.07 * np.sin(xx * 0.9 + yy * 0.55) * np.sin(xx * 0.9 - yy * 0.55)
    mottle = cv2.GaussianBlur(rng.normal(0, 1, (CANVAS_HEIGHT, CANVAS_WIDTH)).astype(np.float32), (0, 0), 6)
    colour *= (scales + 0.6 * mottle)[..., None]
    # A specular band above the lateral line: wet silver.
    gleam = np.exp(-(((yy - (middle - 0.12 * half)) / (0.28 * half)) ** 2))
    colour += (22 * gleam)[..., None]
    if body.stripes:
        bars = 0.5 + 0.5 * np.cos(xx / BODY_LENGTH_PX * 2 * np.pi * body.stripes + 0.6 * np.sin(yy * 0.06))
        colour *= (1 - 0.4 * bars**3 * np.clip(1.2 - shade[:, None], 0.2, 0.8))[..., None]
    for _ in range(body.spots):
        x = rng.uniform(0.25, 0.8) * CANVAS_WIDTH
        y = middle - abs(rng.normal(0.35, 0.25)) * half
        cv2.circle(colour, _point(x, y), int(rng.integers(1, 4)), (42, 44, 42), -1, cv2.LINE_AA)
    return np.asarray(np.clip(colour, 0, 255), np.float32)


def _bend(flat: Image, phase: float) -> Image:
    """The tail swings to and from the camera, so from the side the rear shortens and sways a little."""
    xs = np.arange(CANVAS_WIDTH, dtype=np.float32)
    nose = CANVAS_WIDTH - (CANVAS_WIDTH - BODY_LENGTH_PX) / 2
    along = np.clip((nose - xs) / BODY_LENGTH_PX, 0, 1.2)
    rear = np.clip((along - 0.45) / 0.55, 0, 1.2) ** 1.5
    swing = np.sin(phase)
    stretch = 1 / (1 - 0.22 * abs(swing) * rear)
    start = nose - 0.45 * BODY_LENGTH_PX
    map_x = np.where(xs < start, start - (start - xs) * stretch, xs)
    sway = 0.028 * BODY_LENGTH_PX * np.sin(phase - 2.2 * along) * along**1.6
    yy = np.arange(CANVAS_HEIGHT, dtype=np.float32)[:, None]
    map_y = yy - sway[None, :]
    bent = cv2.remap(
        flat,
        np.broadcast_to(map_x[None, :], flat.shape[:2]).astype(np.float32),
        map_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0, 0),
    )
    light = 1 + 0.16 * swing * rear  # the tail turns to and from the light
    bent = bent.astype(np.float32)
    bent[..., :3] = np.minimum(bent[..., :3] * light[None, :, None], bent[..., 3:])
    return np.asarray(bent, np.uint8)


def _fin(
    fins: npt.NDArray[np.float32],
    edge: npt.NDArray[np.float64],
    between: tuple[int, int],
    height: float,
    *,
    lean: float,
) -> None:
    """A fin along ``edge`` between two of its points; a negative height points down."""
    first, last = between
    base = edge[first:last]
    ridge = np.sin(np.linspace(0.5, np.pi * 0.93, len(base)))[::1]
    crest = base - np.stack([lean * ridge, height * ridge], 1)
    _fill(fins, [*map(tuple, base), *map(tuple, crest[::-1])], 0.7)


def _fill(target: npt.NDArray[np.float32], points: list[tuple[float, float]], value: float) -> None:
    cv2.fillPoly(target, [np.round(np.asarray(points)).astype(np.int32)], value, cv2.LINE_AA)


def _point(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)
