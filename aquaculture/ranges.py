"""One check for the validity range that every formula states."""

from __future__ import annotations

import math


class OutOfRangeError(ValueError):
    """Input outside the range that a formula is valid in; names the argument, the value and the range."""

    def __init__(self, name: str, value: float, low: float, high: float, unit: str) -> None:
        super().__init__(f"{name} = {value!r} {unit} is outside {low} to {high} {unit}, where this formula is valid")
        self.name = name
        self.value = value


def require(name: str, value: float, low: float, high: float, unit: str) -> None:
    """Raise OutOfRangeError unless ``low <= value <= high``; NaN is refused too."""
    if not (math.isfinite(value) and low <= value <= high):
        raise OutOfRangeError(name, value, low, high, unit)
