"""Boxes of one frame become what the head should answer: a heat map of centres, and sides where they count.

After TTFNet (Liu et al. 2020): Gaussians as wide as the object, and every cell near the centre learns the box, so
training converges in a fraction of CenterNet's steps. Suffixes: N boxes, h w heat-map size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.runtime.preprocess import FloatArray

SPREAD = 0.54
"""Share of the box that its Gaussian covers (alpha of TTFNet)."""
MIN_SIGMA = 0.4
"""In cells; the smallest fish still teach their neighbours a little."""


class Targets(NamedTuple):
    """``heat`` (1, h, w) in 0..1; ``boxes`` (4, h, w) corners in input pixels; ``weight`` (1, h, w) of each cell."""

    heat: FloatArray
    boxes: FloatArray
    weight: FloatArray


def make_targets(boxes_N4: FloatArray, width: int, height: int, stride: int) -> Targets:
    """Draw the boxes (corners in input pixels) for an input of this size; small boxes over large ones."""
    rows, columns = height // stride, width // stride
    heat = np.zeros((1, rows, columns), np.float32)
    corners = np.zeros((4, rows, columns), np.float32)
    weight = np.zeros((1, rows, columns), np.float32)
    areas = (boxes_N4[:, 2:] - boxes_N4[:, :2]).prod(axis=1)
    for index in np.argsort(-areas):
        x0, y0, x1, y1 = boxes_N4[index]
        column = min(int((x0 + x1) / 2 / stride), columns - 1)
        row = min(int((y0 + y1) / 2 / stride), rows - 1)
        sigma_x = max((x1 - x0) / stride * SPREAD / 6, MIN_SIGMA)
        sigma_y = max((y1 - y0) / stride * SPREAD / 6, MIN_SIGMA)
        reach_x, reach_y = int(3 * sigma_x), int(3 * sigma_y)
        left, right = max(0, column - reach_x), min(columns, column + reach_x + 1)
        top, bottom = max(0, row - reach_y), min(rows, row + reach_y + 1)
        offset_x = (np.arange(left, right) - column) / sigma_x
        offset_y = (np.arange(top, bottom) - row) / sigma_y
        bump = np.exp(-0.5 * (offset_y[:, None] ** 2 + offset_x[None, :] ** 2)).astype(np.float32)

        patch = (0, slice(top, bottom), slice(left, right))
        heat[patch] = np.maximum(heat[patch], bump)
        mine = bump > 0.01  # noqa: PLR2004 - beyond that a cell belongs to whatever is behind
        corners[:, top:bottom, left:right][:, mine] = boxes_N4[index][:, None]
        # Large boxes have more cells; each object weighs the same but for the logarithm of its area.
        share = bump * mine / (bump * mine).sum() * np.log(np.e + areas[index] / stride**2)
        weight[patch] = np.where(mine, share, weight[patch])
    return Targets(heat, corners, weight)
