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
"""In cells, of the heat map; the smallest fish still teach their neighbours a little."""
BOX_MIN_SIGMA = 0.8
"""In cells, of the sides: the peak of a fish of ten pixels lies beside its middle as often as on it, and its neighbours refine its box."""
NEAR = 0.1
"""Share of its weight below which a cell is no longer the object's."""


class Targets(NamedTuple):
    """``heat`` (1, h, w) in 0..1; ``boxes`` (4, h, w) corners in input pixels; ``weight`` (1, h, w) of each cell."""

    heat: FloatArray
    boxes: FloatArray
    weight: FloatArray


def make_targets(boxes_N4: FloatArray, width: int, height: int, stride: int) -> Targets:
    """Draw the boxes (corners in input pixels) for an input of this size in pixels; a cell learns the box whose centre is nearest."""
    rows, columns = height // stride, width // stride
    heat = np.zeros((1, rows, columns), np.float32)
    corners = np.zeros((4, rows, columns), np.float32)
    weight = np.zeros((1, rows, columns), np.float32)
    areas = (boxes_N4[:, 2:] - boxes_N4[:, :2]).prod(axis=1)
    nearest = np.zeros((rows, columns), np.float32)
    for index in np.argsort(-areas):
        x0, y0, x1, y1 = boxes_N4[index]
        column = min(int((x0 + x1) / 2 / stride), columns - 1)
        row = min(int((y0 + y1) / 2 / stride), rows - 1)
        sigma_x = (x1 - x0) / stride * SPREAD / 6
        sigma_y = (y1 - y0) / stride * SPREAD / 6

        place, bump = _bump(column, row, max(sigma_x, MIN_SIGMA), max(sigma_y, MIN_SIGMA), heat.shape[1:])
        heat[0][place] = np.maximum(heat[0][place], bump)

        place, bump = _bump(column, row, max(sigma_x, BOX_MIN_SIGMA), max(sigma_y, BOX_MIN_SIGMA), heat.shape[1:])
        # In a crowd a cell belongs to the object whose centre is nearest, and to the smaller of two as near.
        mine = (bump > NEAR) & (bump >= nearest[place])
        nearest[place] = np.where(mine, bump, nearest[place])
        corners[:, place[0], place[1]][:, mine] = boxes_N4[index][:, None]
        # Large boxes have more cells; each object weighs the same but for the logarithm of its area.
        share = bump * mine / (bump * mine).sum() * np.log(np.e + areas[index] / stride**2)
        weight[0][place] = np.where(mine, share, weight[0][place])
    return Targets(heat, corners, weight)


def _bump(
    column: int, row: int, sigma_x: float, sigma_y: float, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], FloatArray]:
    """Where a Gaussian lies in a map of (rows, columns), and its values there: 1 at the cell itself."""
    reach_x, reach_y = int(3 * sigma_x), int(3 * sigma_y)
    left, right = max(0, column - reach_x), min(shape[1], column + reach_x + 1)
    top, bottom = max(0, row - reach_y), min(shape[0], row + reach_y + 1)
    offset_x = (np.arange(left, right) - column) / sigma_x
    offset_y = (np.arange(top, bottom) - row) / sigma_y
    bump = np.exp(-0.5 * (offset_y[:, None] ** 2 + offset_x[None, :] ** 2)).astype(np.float32)
    return (slice(top, bottom), slice(left, right)), bump
