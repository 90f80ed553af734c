"""In which water and light a picture was taken, told from the picture itself: fixed bounds, so that slices of two data sets compare.

Proxies, not measurements: local contrast stands for turbidity, and a picture of open water without anything in it counts as turbid.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.runtime.preprocess import FrameArray

DARK, BRIGHT = 60.0, 120.0
"""Median grey level below which a picture is dark, and from which it is bright."""
TURBID, CLEAR = 0.040, 0.070
"""Mean contrast of the cells (spread over brightness) below which water is turbid, and from which it is clear. On the frames of 13
reef and mangrove habitats the lower bound parts the 3 milky ones from the rest."""
_SIZE, _CELL = (256, 144), 16
_FLOOR = 20.0
"""Added to the brightness, so that noise in the dark is not taken for contrast."""


def conditions(frame: FrameArray) -> dict[str, str]:
    """``light`` (dark, medium, bright) and ``turbidity`` (clear, hazy, turbid) of a BGR picture."""
    grey = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    cells = grey.reshape(_SIZE[1] // _CELL, _CELL, _SIZE[0] // _CELL, _CELL)
    contrast = float((cells.std(axis=(1, 3)) / (cells.mean(axis=(1, 3)) + _FLOOR)).mean())
    light = float(np.median(grey))
    return {
        "light": "dark" if light < DARK else "bright" if light >= BRIGHT else "medium",
        "turbidity": "turbid" if contrast < TURBID else "clear" if contrast >= CLEAR else "hazy",
    }
