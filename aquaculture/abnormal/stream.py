"""One stream against its own habit: what it usually is at this time of day, how far off that may be, and for how long.

    bucket -> expected (level of the last day + habit of this half hour) -> robust z -> two-sided sum -> usual | abnormal

Everything is a median, so up to half of what was learned may be wrong. What is far off is learned up to a clip only: a fault
does not teach itself, and a real change becomes usual in days. Memory and work per bucket are bounded and fixed. It knows
nothing of limits, of other streams, or of what to do.

Sources:
    Habit by median over days, deviation in median absolute deviations: Hochenbaum, Vallis and Kejariwal 2017, *Automatic Anomaly
    Detection in the Cloud Via Statistical Learning* (arXiv:1704.07706); Leys et al. 2013, *Detecting outliers: Do not use
    standard deviation around the mean*, J. Exp. Soc. Psychol. 49. Clipped learning: Gelper, Fried and Croux 2010, *Robust
    forecasting with exponential and Holt-Winters smoothing*, J. Forecasting 29. Persistence: Page 1954, *Continuous inspection
    schemes*, Biometrika 41 (CUSUM). The numbers of ``Tuning`` are ours: docs/abnormal.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from aquaculture.abnormal.memory import SLOT_S, Habit


@dataclass(frozen=True)
class Tuning:
    """How a stream is judged. Chosen on one river site and the same for all streams, but for ``notable``."""

    notable: float
    """Deviation that is worth a person's time, in the quantity's unit; what is smaller is never told."""
    logarithmic: bool = False
    """Judge ``log(1 + value)``: for what moves by factors, such as turbidity. ``notable`` is then the factor less one."""
    days: int = 14
    """Days that the habit remembers: enough for a robust median, few enough to follow a season."""
    minimum_days: int = 4
    """Days of this half hour before it is judged."""
    slack: float = 3.0
    """Robust z from which a deviation adds up."""
    cap: float = 12.0
    """Robust z at which it adds no faster: one wild value is not persistence."""
    limit: float = 12.0
    """Sum at which the stream is abnormal, in z times quarter hours: half an hour at the cap, an hour and a half at a z of 5."""
    calm_z: float = 2.5
    """Robust z within which it must stay to be usual again."""
    calm: timedelta = timedelta(hours=1)
    """How long it must."""
    clip: float = 3.0
    """Robust z up to which a value is learned."""
    gap: timedelta = timedelta(hours=2)
    """Silence after which a sum starts anew."""


class State(str, Enum):
    """What is known of the stream now."""

    LEARNING = "learning"
    USUAL = "usual"
    ABNORMAL = "abnormal"


@dataclass(frozen=True)
class Judgement:
    """One bucket judged.

    Attributes:
        at: start of the bucket.
        value: its mean, in the quantity's unit.
        state: too little history, nothing to tell, or something.
        expected: what it usually is at this time; None while learning.
        spread: robust standard deviation of that, in the quantity's unit; None while learning.
        z: deviation in spreads, above is positive; 0 while learning.
        since: when the deviation began; None unless abnormal.
    """

    at: datetime
    value: float
    state: State
    expected: float | None = None
    spread: float | None = None
    z: float = 0.0
    since: datetime | None = None

    @property
    def deviation(self) -> float:
        """Value less what is usual, in the quantity's unit; 0 while learning (definition)."""
        return 0.0 if self.expected is None else self.value - self.expected


class Stream:
    """Judges the buckets of one stream in order."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._habit = Habit(days=tuning.days, floor=self._inside(tuning.notable) / tuning.slack)
        self._last: datetime | None = None
        self._sums = [0.0, 0.0]
        self._since: datetime | None = None
        self._abnormal = False
        self._calm_s = 0.0

    @property
    def last(self) -> datetime | None:
        """Start of the newest bucket that was judged (definition)."""
        return self._last

    def judge(self, at: datetime, value: float, *, width: timedelta) -> Judgement | None:
        """Judge the next bucket and learn from it. Source: see the module.

        Args:
            at: start of the bucket, in the zone of the farm: its clock is the time of day.
            value: mean of the bucket.
            width: of the bucket, at most half an hour.

        Returns:
            None for a bucket that is not after the newest one, and for what is no finite number; both change nothing.
        """
        if not math.isfinite(value) or (self._last is not None and at.timestamp() <= self._last.timestamp()):
            return None
        tuning = self._tuning
        if self._last is not None and at.timestamp() - self._last.timestamp() > tuning.gap.total_seconds():
            self._calm_down()
        self._last = at
        inner = self._inside(value)
        slot = self._habit.enter(int(at.timestamp() // SLOT_S), (at.hour * 3600 + at.minute * 60) // SLOT_S)
        usual = self._habit.usual(slot, minimum_days=tuning.minimum_days)
        if usual is None:
            self._habit.learn(inner)
            self._calm_down()
            return Judgement(at, value, State.LEARNING)
        expected, spread = usual
        z = (inner - expected) / spread
        self._habit.learn(expected + spread * max(-tuning.clip, min(tuning.clip, z)))
        self._add_up(z, at, width)
        shown = self._outside(expected)
        state, since = (State.ABNORMAL, self._since) if self._abnormal else (State.USUAL, None)
        return Judgement(at, value, state, shown, self._outside(expected + spread) - shown, z, since)

    def dump(self) -> dict[str, Any]:
        """All it remembers, for JSON; of fixed size (definition)."""
        return {
            "habit": self._habit.dump(),
            "last": None if self._last is None else self._last.isoformat(),
            "sums": self._sums,
            "since": None if self._since is None else self._since.isoformat(),
            "abnormal": self._abnormal,
            "calm_s": self._calm_s,
        }

    @classmethod
    def load(cls, tuning: Tuning, kept: dict[str, Any]) -> Stream:
        """What ``dump`` gave (definition)."""
        stream = cls(tuning)
        stream._habit.load(kept["habit"])
        stream._last = None if kept["last"] is None else datetime.fromisoformat(kept["last"])
        stream._sums = [float(one) for one in kept["sums"]]
        stream._since = None if kept["since"] is None else datetime.fromisoformat(kept["since"])
        stream._abnormal, stream._calm_s = bool(kept["abnormal"]), float(kept["calm_s"])
        return stream

    def _add_up(self, z: float, at: datetime, width: timedelta) -> None:
        """What exceeds the slack, summed each way; time within the calm band ends it."""
        tuning, quarters = self._tuning, width.total_seconds() / 900
        capped = max(-tuning.cap, min(tuning.cap, z))
        self._sums = [
            max(0.0, min(2 * tuning.limit, kept + (way * capped - tuning.slack) * quarters))
            for kept, way in zip(self._sums, (1.0, -1.0), strict=True)
        ]
        if self._abnormal:
            self._calm_s = self._calm_s + width.total_seconds() if abs(z) < tuning.calm_z else 0.0
            if self._calm_s >= tuning.calm.total_seconds():
                self._calm_down()
        elif max(self._sums) == 0.0:
            self._since = None
        else:
            self._since = self._since or at
            self._abnormal = max(self._sums) >= tuning.limit

    def _calm_down(self) -> None:
        self._sums, self._since, self._abnormal, self._calm_s = [0.0, 0.0], None, False, 0.0

    def _inside(self, value: float) -> float:
        """The number that is judged."""
        if not self._tuning.logarithmic:
            return value
        return math.log1p(max(value, 0.0))

    def _outside(self, inner: float) -> float:
        return math.expm1(inner) if self._tuning.logarithmic else inner
