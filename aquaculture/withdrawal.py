"""How long treated fish must wait before harvest, counted in degree-days of the water that they really were in.

Source of the idea and the floor: Regulation (EU) 2019/6, articles 108 (records for five years) and 115 (withdrawal under the
cascade, at least 500 degree-days for fish) [K: recalled, not re-read; the prescription decides]. Errs to the safe side: a day
without a measured temperature counts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from aquaculture.ranges import require


@dataclass(frozen=True)
class Withdrawal:
    """What a prescription asks for; both have to be met, 0 means none.

    Raises:
        OutOfRangeError: degree-days outside 0 to 10,000 K.d, or days outside 0 to 1000.
    """

    degree_days: float
    days: float

    def __post_init__(self) -> None:
        require("degree_days", self.degree_days, 0, 10_000, "K.d")
        require("days", self.days, 0, 1000, "d")


@dataclass(frozen=True)
class WithdrawalState:
    """How far the waiting has come."""

    cleared: bool
    degree_days: float
    """Sum of daily mean temperatures since the day after the treatment's end, in K.d."""
    days: float
    """Days since the treatment's end."""
    unmeasured_days: int
    """Complete days without a temperature; they count nothing."""
    clears_on: date | None
    """When it will be over if the water stays as it was in the last week; None when nothing says so, or it is over."""


def withdrawal_state(
    needed: Withdrawal, ended_at: datetime, daily_mean_c: Mapping[date, float], now: datetime
) -> WithdrawalState:
    """The withdrawal clock of one treatment (module docstring: source and rule).

    Complete days alone count: the first is the day after the treatment's end, the last is yesterday. Water below 0 Cel counts
    nothing. ``daily_mean_c`` is the measured mean temperature in Cel of each day of the water that held the fish.

    Raises:
        OutOfRangeError: a temperature outside -3 to 45 Cel.
    """
    first, last = ended_at.date() + timedelta(days=1), now.date() - timedelta(days=1)
    complete = [first + timedelta(days=n) for n in range(max(0, (last - first).days + 1))]
    measured = [daily_mean_c[day] for day in complete if day in daily_mean_c]
    for mean_c in measured:
        require("daily_mean_c", mean_c, -3, 45, "Cel")
    degree_days = sum(max(0.0, mean_c) for mean_c in measured)
    days = max(0.0, (now - ended_at) / timedelta(days=1))
    missing_degree_days = max(0.0, needed.degree_days - degree_days)
    missing_days = max(0.0, needed.days - days)
    cleared = now >= ended_at and missing_degree_days == 0 and missing_days == 0
    recent = [max(0.0, daily_mean_c[day]) for day in complete[-7:] if day in daily_mean_c]
    rate = sum(recent) / len(recent) if recent else 0.0
    clears_on = None
    if not cleared and (missing_degree_days == 0 or rate > 0):
        wait = max(math.ceil(missing_days), math.ceil(missing_degree_days / rate) if missing_degree_days else 0)
        clears_on = now.date() + timedelta(days=wait)
    return WithdrawalState(cleared, round(degree_days, 2), round(days, 2), len(complete) - len(measured), clears_on)
