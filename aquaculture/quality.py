"""Quality tests of QARTOD that decide how far a single reading can be trusted.

Source: IOOS QARTOD Manual for Real-Time Quality Control of Dissolved Oxygen Observations (2018): gross range,
rate of change and flat line. Each test is a pure step: history in, flag out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.quality import QualityFlag
from contracts.quantities import QUANTITIES, Quantity


@dataclass(frozen=True)
class QualityLimits:
    """What a working sensor of one channel can do.

    Attributes:
        low, high: gross range in the channel's unit; outside is FAIL.
        max_change_per_min: faster is SUSPECT; ``None`` leaves the test out.
        flat_for: values within ``flat_tolerance`` for this long are SUSPECT; ``None`` leaves the test out.
        flat_tolerance: how little a living signal always moves, in the channel's unit.
    """

    low: float
    high: float
    max_change_per_min: float | None = None
    flat_for: timedelta | None = None
    flat_tolerance: float = 0.0


def default_limits(quantity: Quantity) -> QualityLimits:
    """Gross range from the quantity; rate of change and flat line only where a default is known to be safe."""
    if quantity.code == "do":
        return QualityLimits(quantity.low, quantity.high, max_change_per_min=10.0, flat_for=timedelta(minutes=30))
    if quantity.code == "temperature":
        return QualityLimits(quantity.low, quantity.high, max_change_per_min=5.0)
    return QualityLimits(quantity.low, quantity.high)


def default_limits_for(quantity_code: str) -> QualityLimits:
    """Default limits by quantity code; an unknown quantity has no gross range and passes it."""
    quantity = QUANTITIES.get(quantity_code)
    return default_limits(quantity) if quantity else QualityLimits(-math.inf, math.inf)


@dataclass(frozen=True)
class Verdict:
    """The flag and, when it is not GOOD, the name of the test that decided it."""

    flag: QualityFlag
    test: str | None = None


_GOOD = Verdict(QualityFlag.GOOD)


@dataclass
class ChannelQuality:
    """Judges the readings of one channel in the order they were observed."""

    limits: QualityLimits
    _last: tuple[datetime, float] | None = None
    _since_flat: tuple[datetime, float] | None = None

    def judge(self, value: float, observed_at: datetime) -> Verdict:
        """Flag one reading. A value that fails the gross range does not become history for the other tests."""
        if not math.isfinite(value):
            return Verdict(QualityFlag.FAIL, "not_a_number")
        if not self.limits.low <= value <= self.limits.high:
            return Verdict(QualityFlag.FAIL, "gross_range")
        verdict = self._rate_of_change(value, observed_at)
        if verdict is _GOOD:
            verdict = self._flat_line(value, observed_at)
        else:
            self._since_flat = (observed_at, value)
        self._last = (observed_at, value)
        return verdict

    def _rate_of_change(self, value: float, observed_at: datetime) -> Verdict:
        if self.limits.max_change_per_min is None or self._last is None:
            return _GOOD
        then, before = self._last
        minutes = max((observed_at - then).total_seconds(), 1.0) / 60
        if abs(value - before) / max(minutes, 1.0) > self.limits.max_change_per_min:
            return Verdict(QualityFlag.SUSPECT, "rate_of_change")
        return _GOOD

    def _flat_line(self, value: float, observed_at: datetime) -> Verdict:
        if self.limits.flat_for is None:
            return _GOOD
        if self._since_flat is None or abs(value - self._since_flat[1]) > self.limits.flat_tolerance:
            self._since_flat = (observed_at, value)
            return _GOOD
        if observed_at - self._since_flat[0] >= self.limits.flat_for:
            return Verdict(QualityFlag.SUSPECT, "flat_line")
        return _GOOD
