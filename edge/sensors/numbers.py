"""Numbers as devices send them."""

from __future__ import annotations

import math
import struct


def shortest_float32(value: float) -> float:
    """The number with the fewest digits that is the same float32: a probe that shows 8.11 sends 8.109999656677246."""
    if not math.isfinite(value):
        return value
    same = struct.pack(">f", value)
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack(">f", short) == same:
            return short
    return value
