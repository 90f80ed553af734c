"""One check for the validity range that every formula states (source: each formula's own)."""

from __future__ import annotations

import math

CHECK = "check the sensor and the unit"


class OutOfRangeError(ValueError):
    """Input outside the range that a formula is valid in; names the argument, the value, the range and what to do.

    Args:
        name: the argument, with its unit in the name (``temperature_c``).
        remedy: what the caller should look at.
    """

    def __init__(self, name: str, value: float, low: float, high: float, unit: str, *, remedy: str = CHECK) -> None:
        super().__init__(
            f"{name} = {value!r} {unit} is outside {low} to {high} {unit}, where this formula is valid; {remedy}"
        )
        self.name = name
        self.value = value
        self.remedy = remedy


def require(name: str, value: float, low: float, high: float, unit: str, *, remedy: str = CHECK) -> None:
    """Raise OutOfRangeError unless ``low <= value <= high``; NaN is refused too. Source of the range: the caller's."""
    if not (math.isfinite(value) and low <= value <= high):
        raise OutOfRangeError(name, value, low, high, unit, remedy=remedy)
