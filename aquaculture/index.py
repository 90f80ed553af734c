"""One number for a month of water: the CCME index. A trend for people, never an alarm: it hides one lethal parameter.

So the parameter that is furthest off always stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from aquaculture.ranges import require

LEAST_PARAMETERS = 4
LEAST_SAMPLES = 4
EXCURSION_MAX = 99.0
"""An excursion counts no more than this; a DO of zero would otherwise be infinitely far off."""


class Band(str, Enum):
    """What the index says in one word (CCME 2001: 95, 80, 65, 45)."""

    EXCELLENT = "excellent"
    GOOD = "good"
    FAIR = "fair"
    MARGINAL = "marginal"
    POOR = "poor"


@dataclass(frozen=True)
class Objective:
    """Where a parameter should be, in its unit; None where there is no bound.

    Raises:
        ValueError: no bound at all, one that is not above 0, or a lower one above the upper.
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        if not bounds or any(not bound > 0 for bound in bounds) or bounds != sorted(bounds):
            message = f"low = {self.low!r}, high = {self.high!r}: give one or two numbers above 0, the lower one first"
            raise ValueError(message)

    def excursion(self, value: float) -> float:
        """How far a value is off, as a share of the bound; 0 within (source: CCME 2001)."""
        if self.low is not None and value < self.low:
            return min(EXCURSION_MAX, self.low / value - 1) if value > 0 else EXCURSION_MAX
        if self.high is not None and value > self.high:
            return min(EXCURSION_MAX, value / self.high - 1)
        return 0.0


@dataclass(frozen=True)
class WaterQualityIndex:
    """The index, 0 to 100, and what it is made of."""

    index: float
    scope: float
    """F1: percent of the parameters that failed at least once."""
    frequency: float
    """F2: percent of the samples that failed."""
    amplitude: float
    """F3: by how much they failed, 0 to 100."""
    worst: str | None
    """The parameter with the largest single excursion; None when none failed."""

    @property
    def band(self) -> Band:
        """The word for the index (source: CCME 2001)."""
        for least, band in ((95, Band.EXCELLENT), (80, Band.GOOD), (65, Band.FAIR), (45, Band.MARGINAL)):
            if self.index >= least:
                return band
        return Band.POOR


def water_quality_index(
    samples: Mapping[str, Sequence[float]], objectives: Mapping[str, Objective]
) -> WaterQualityIndex:
    """The CCME index of samples by parameter, against the objectives of the farm.

    Source: Canadian Council of Ministers of the Environment 2001, Water Quality Index 1.0. It needs at least four parameters
    with four samples each.

    Raises:
        OutOfRangeError: too few parameters or samples, or a sample that is no number from 0 up.
        ValueError: a parameter without an objective.
    """
    require("parameters", len(samples), LEAST_PARAMETERS, 100, "parameters", remedy="the index needs at least four")
    worst: tuple[float, str | None] = (0.0, None)
    failed_parameters = failed = total = 0
    excursions = 0.0
    for name, values in samples.items():
        if name not in objectives:
            message = f"samples.{name}: there is no objective for it; add one or leave it out"
            raise ValueError(message)
        require(f"samples.{name}", len(values), LEAST_SAMPLES, 1e7, "samples", remedy="take at least four")
        for value in values:
            require(f"samples.{name}", value, 0, 1e9, "")
        off = [objectives[name].excursion(value) for value in values]
        failed_parameters += any(off)
        failed += sum(1 for each in off if each > 0)
        total += len(values)
        excursions += sum(off)
        worst = max(worst, (max(off), name), key=lambda pair: pair[0])
    scope, frequency = 100 * failed_parameters / len(samples), 100 * failed / total
    normalised = excursions / total
    amplitude = normalised / (0.01 * normalised + 0.01)
    index = 100 - math.sqrt(scope**2 + frequency**2 + amplitude**2) / 1.732
    return WaterQualityIndex(max(0.0, index), scope, frequency, amplitude, worst[1])
