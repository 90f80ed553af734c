"""Is the picture worth a count? Dark, glaring, frozen, unclear or fouled, judged on a reduced frame before any detector.

Every part is a number from 0 (useless) to 1 (good); the worst part is the score of the frame. What a healthy picture
looks like differs between a clear tank and a brown pond, so clarity and fouling are judged against the camera's own
past: a baseline per cell of the picture that rises within minutes and is forgotten over weeks. Pure: frame and seconds
in, judgement out; ``dump`` and ``load`` carry the baseline over a restart. OpenCV reduces the frame, numpy does the rest.

Array suffixes: R rows, C columns of the grid of cells.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from edge.cameras.source import Image

FloatArray = npt.NDArray[np.float32]

WIDTH = 256
"""Frames are reduced to this width: fish stay visible, single pixels of noise do not."""
CELLS = (9, 16)
"""Rows and columns of the grid."""
BLACK, DIM = 12.0, 45.0
"""Grey levels: when the brightest 5 % of a picture stay below BLACK nothing is seen, at DIM it is bright enough."""
SATURATED = 250
"""Grey level from which a pixel has lost its detail."""
GLARE_SHARE = 0.30
"""Share of saturated pixels at which a picture is useless; the shine of a surface in a corner is far below."""
STILL = 0.03
"""Mean difference in grey levels between two reduced frames below which they are the same picture: a live sensor's own
noise is ten times this, a frozen stream that is encoded again differs by less."""
TEXTURE = 1.0
"""Contrast of a cell in grey levels below which it has no structure that dirt could hide (open water)."""
WEIGHT_FLOOR = 20.0
"""Added to the brightness that contrast is divided by, so that noise in the dark is not taken for structure."""


@dataclass(frozen=True)
class QualityOptions:
    """Time constants in seconds."""

    frozen_s: float = 20.0
    """The same picture for this long is frozen; half as long begins to lower the score."""
    rise_s: float = 600.0
    """How soon the baseline learns a clearer picture (a cleaned lens)."""
    fall_s: float = 14 * 86400.0
    """How soon it forgets one: much longer than fouling takes, much shorter than a season."""
    slow_s: float = 300.0
    """What stays less clear over this time is fouling, not a fish that swims by."""


@dataclass(frozen=True)
class ImageQuality:
    """The judgement of one frame; every part from 0 to 1, 1 is good."""

    light: float
    """Bright enough to see anything."""
    glare: float
    """Free of overexposed parts."""
    live: float
    """The picture changes as a live one does."""
    clarity: float
    """Contrast against this camera's own clear picture."""
    clean: float
    """Share of the structured picture that has kept its contrast lastingly: dirt, algae or a droplet take patches."""

    @property
    def score(self) -> float:
        """The worst part decides."""
        return min(self.light, self.glare, self.live, self.clarity, self.clean)

    @property
    def worst(self) -> str:
        """Name of the worst part."""
        return min(("light", "glare", "live", "clarity", "clean"), key=lambda name: getattr(self, name))


class QualityMeter:
    """Judges the frames of one camera.

    Args:
        options: time constants.
        memory: what ``dump`` gave, or None for a camera that is new here.
    """

    def __init__(self, options: QualityOptions | None = None, *, memory: str | None = None) -> None:
        self.options = options or QualityOptions()
        self.look: tuple[float, ...] = ()
        """The last picture in a few numbers, about 0 to 1 each: brightness, its spread, contrast and that of its best cells."""
        self._last: FloatArray | None = None
        self._last_s = 0.0
        self._still_since_s: float | None = None
        self._slow_RC: FloatArray | None = None
        self._base_RC: FloatArray | None = None
        if memory is not None:
            self._load(memory)

    def judge(self, frame: Image, at_s: float) -> ImageQuality:
        """Judge one frame (BGR or grey, uint8) taken at ``at_s`` (monotonic seconds)."""
        grey = reduce_frame(frame)
        return self.judge_reduced(grey, at_s)

    def judge_reduced(self, grey: npt.NDArray[np.uint8], at_s: float) -> ImageQuality:
        """The same for a frame that ``reduce_frame`` has made small already."""
        elapsed = max(0.0, at_s - self._last_s) if self._last is not None else 0.0
        histogram = np.bincount(grey.ravel(), minlength=256)
        light = _between(_quantile(histogram, 0.95), BLACK, DIM)
        glare = 1.0 - min(1.0, float(histogram[SATURATED:].sum()) / grey.size / GLARE_SHARE)
        picture = grey.astype(np.float32)
        live = self._liveness(picture, at_s)
        contrast_RC = _contrast(picture)
        if min(light, live) == 1.0 and glare > 0.5:  # noqa: PLR2004  (dark and dazzled pictures teach nothing)
            self._learn(contrast_RC, elapsed)
        clarity, clean = self._clearness(contrast_RC)
        spread = float(picture.std()) / 128
        self.look = (float(picture.mean()) / 255, spread, float(contrast_RC.mean()) / 25, float(contrast_RC.max()) / 50)
        self._last, self._last_s = picture, at_s
        return ImageQuality(
            round(light, 3), round(max(0.0, glare), 3), round(live, 3), round(clarity, 3), round(clean, 3)
        )

    def dump(self) -> str | None:
        """The baseline as text to be remembered, None while there is none."""
        if self._base_RC is None or self._slow_RC is None:
            return None
        grids = {"base": self._base_RC, "slow": self._slow_RC}
        return json.dumps(
            {name: [round(float(v), 4) for v in grid.ravel()] for name, grid in grids.items()} | {"cells": list(CELLS)}
        )

    def _load(self, memory: str) -> None:
        kept: dict[str, Any] = json.loads(memory)
        if tuple(kept.get("cells", ())) == CELLS:
            self._base_RC = np.asarray(kept["base"], np.float32).reshape(CELLS)
            self._slow_RC = np.asarray(kept["slow"], np.float32).reshape(CELLS)

    def _liveness(self, picture: FloatArray, at_s: float) -> float:
        if self._last is None or self._last.shape != picture.shape or self._moved(picture):
            self._still_since_s = None
            return 1.0
        if self._still_since_s is None:
            self._still_since_s = self._last_s
        still_s = at_s - self._still_since_s
        return 1.0 - _between(still_s, self.options.frozen_s / 2, self.options.frozen_s)

    def _moved(self, picture: FloatArray) -> bool:
        assert self._last is not None  # noqa: S101  (asked only when there is one)
        return float(np.abs(picture - self._last).mean()) > STILL

    def _learn(self, contrast_RC: FloatArray, elapsed: float) -> None:
        if self._base_RC is None or self._slow_RC is None:
            self._base_RC, self._slow_RC = contrast_RC.copy(), contrast_RC.copy()
            return
        options = self.options
        self._slow_RC += _share(elapsed, options.slow_s) * (contrast_RC - self._slow_RC)
        gap_RC = self._slow_RC - self._base_RC
        rate_RC = np.where(gap_RC > 0, _share(elapsed, options.rise_s), _share(elapsed, options.fall_s))
        self._base_RC += (rate_RC * gap_RC).astype(np.float32)

    def _clearness(self, contrast_RC: FloatArray) -> tuple[float, float]:
        if self._base_RC is None or self._slow_RC is None:
            return 1.0, 1.0
        structured = self._base_RC > TEXTURE
        if np.count_nonzero(structured) < structured.size // 20:  # open water everywhere: nothing to compare with
            return 1.0, 1.0
        base = self._base_RC[structured]
        now = float(np.median(contrast_RC[structured] / base))
        lasting = self._slow_RC[structured] / base
        lost = float(np.mean(lasting < 0.5))  # noqa: PLR2004  (half of its contrast)
        return _between(now, 0.15, 0.6), 1.0 - min(1.0, lost)


def reduce_frame(frame: Image) -> npt.NDArray[np.uint8]:
    """Make a frame grey and ``WIDTH`` pixels wide; a smaller frame stays as it is."""
    import cv2

    height, width = frame.shape[:2]
    if width > WIDTH:
        size = (WIDTH, max(CELLS[0] * 2, round(height * WIDTH / width)))
        # Interpolating skips pixels, which is what makes this cheap; the judgement only compares like with like.
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    if frame.ndim == 3 and frame.shape[2] == 3:  # noqa: PLR2004  (height, width, colours)
        frame = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
    return frame


def _contrast(picture: FloatArray) -> FloatArray:
    """Contrast of each cell: mean slope of the brightness in grey levels, as if the picture's mean were 100."""
    brightness = float(picture.mean())
    across = np.abs(picture[1:, :-1] - picture[:-1, :-1]) + np.abs(picture[:-1, 1:] - picture[:-1, :-1])
    rows, columns = across.shape[0] // CELLS[0], across.shape[1] // CELLS[1]
    cells = across[: rows * CELLS[0], : columns * CELLS[1]].reshape(CELLS[0], rows, CELLS[1], columns)
    slope_RC = cells.mean(axis=(1, 3))
    return np.asarray(slope_RC * (100.0 / (brightness + WEIGHT_FLOOR)), np.float32)


def _quantile(histogram: npt.NDArray[Any], share: float) -> float:
    return float(np.searchsorted(np.cumsum(histogram), share * histogram.sum()))


def _between(value: float, low: float, high: float) -> float:
    """0 at ``low`` and below, 1 at ``high`` and above, straight between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _share(elapsed: float, time_constant_s: float) -> float:
    return 1.0 - math.exp(-elapsed / time_constant_s)
