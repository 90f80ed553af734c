"""The tests of one channel: range, span, season, rate of change, spike, stuck, flat line and fouling trend.

Value and time in, verdict out; constant work and memory. Time comes from the readings, so replayed data is judged like live
data. Time that stands still or runs back, and silence beyond ``gap_s``, start the memory anew: tests are then not evaluated
until they have enough history again, and say so in ``not_evaluated``. Source: QARTOD, named by ``judge``.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from aquaculture.quality.thresholds import QualityLimits
from aquaculture.quality.trend import DailyTrend
from aquaculture.quality.verdict import GOOD, Failed, Verdict, verdict_of
from contracts.quality import QualityFlag

SPIKE_WINDOW = 5
"""Values whose median a new one is compared with: two wild ones do not move it."""
NOISE_SHARE = 6.0
"""A value may be off by this many times the channel's own usual distance from its median."""
NOISE_WEIGHT = 0.02
"""Weight of one reading in that usual distance: about fifty readings are remembered."""
_MINUTE_S = 60.0
_JUMPS = frozenset({"spike", "rate_of_change"})
_MEMORY_VERSION = 1

_SUSPECT, _FAIL = QualityFlag.SUSPECT, QualityFlag.FAIL
_NOT_FINITE = Verdict(_FAIL, "not_a_number", (("not_a_number", _FAIL),))
_OUT_OF_SPAN = Verdict(_FAIL, "gross_range", (("gross_range", _FAIL),))


class ChannelQuality:
    """Judges the readings of one channel in the order they were observed."""

    def __init__(self, limits: QualityLimits) -> None:
        self.limits = limits
        self._trend = None if limits.trend_per_day is None else DailyTrend(limits.trend_per_day)
        self._forget()

    def _forget(self) -> None:
        self._count = 0
        """Readings since the memory began, as far as a test counts them."""
        self._last_s: float | None = None
        self._last = 0.0
        self._trusted_s: float | None = None
        """When the newest value was seen that did not change too fast."""
        self._trusted = 0.0
        self._window: deque[float] = deque(maxlen=SPIKE_WINDOW)
        self._noise = 0.0
        self._same_since_s = 0.0
        self._same = 0
        self._jumped = False
        """Whether the run of equal values began with a jump."""
        self._flat_since_s = 0.0
        self._flat = 0
        self._flat_low = self._flat_high = 0.0

    def restart(self) -> None:
        """Forget everything: the probe was calibrated, cleaned or exchanged, so its past says nothing."""
        self._forget()
        if self._trend is not None:
            self._trend = DailyTrend(self._trend.limit_per_day)

    def judge(self, value: float, observed_at: datetime) -> Verdict:
        """Flag one reading. A value that fails the gross range does not become history for the other tests.

        Sources: QARTOD dissolved oxygen manual, Tests 2, 4, 5, 6, 7, 8; ``contracts.quality`` tells each test's own.
        """
        limits = self.limits
        if not limits.low <= value <= limits.high:
            return self.span(value)
        now_s = observed_at.timestamp()
        last_s = self._last_s
        if last_s is not None and not 0 < now_s - last_s <= limits.gap_s:
            self._forget()
            last_s = None
        failed: list[Failed] = []
        if limits.has_ranges:
            self._ranges(value, observed_at, failed)
        if limits.max_change_per_min is not None:
            self._rate_of_change(value, now_s, limits.max_change_per_min, failed)
        if limits.spike is not None:
            self._spike(value, limits.spike, failed)
        if limits.stuck_s is not None:
            self._stuck(value, now_s, limits.stuck_s, failed)
        if limits.flat_for_s is not None:
            self._flat_line(value, now_s, limits.flat_for_s, failed)
        if self._trend is not None and self._trend.add(value, now_s):
            failed.append(("fouling", _SUSPECT))
        self._last_s, self._last = now_s, value
        if self._count <= SPIKE_WINDOW:
            self._count += 1
        return verdict_of(failed) if failed else GOOD

    def span(self, value: float) -> Verdict:
        """The tests that need no history and leave none: a finite number within what the sensor can report."""
        if not math.isfinite(value):
            return _NOT_FINITE
        return GOOD if self.limits.low <= value <= self.limits.high else _OUT_OF_SPAN

    def not_evaluated(self) -> tuple[str, ...]:
        """Tests that have limits but had too little history to judge the newest reading."""
        trend = self._trend
        return self.beginning() if trend is None or trend.ready else (*self.beginning(), "fouling")

    def beginning(self) -> tuple[str, ...]:
        """Those of them that judge single readings: some at the first readings of a series, then none."""
        if self._count > SPIKE_WINDOW:
            return ()
        limits = self.limits
        needs = (
            ("stuck", limits.stuck_s, 1),
            ("flat_line", limits.flat_for_s, 1),
            ("rate_of_change", limits.max_change_per_min, 1),
            ("spike", limits.spike, SPIKE_WINDOW),
        )
        return tuple(name for name, limit, readings in needs if limit is not None and self._count <= readings)

    def _ranges(self, value: float, observed_at: datetime, failed: list[Failed]) -> None:
        low, high = self.limits.span_low, self.limits.span_high
        if (low is not None and value < low) or (high is not None and value > high):
            failed.append(("operator_span", _SUSPECT))
        season = self.limits.months.get(observed_at.astimezone(timezone.utc).month)
        if season is not None and not season[0] <= value <= season[1]:
            failed.append(("climatology", _SUSPECT))

    def _rate_of_change(self, value: float, now_s: float, limit: float, failed: list[Failed]) -> None:
        """Too fast from the value before *and* from the last trusted one: so the way back from a spike passes."""
        if self._last_s is not None and self._trusted_s is not None:
            step = abs(value - self._last) / max((now_s - self._last_s) / _MINUTE_S, 1.0)
            if step > limit and abs(value - self._trusted) / max((now_s - self._trusted_s) / _MINUTE_S, 1.0) > limit:
                failed.append(("rate_of_change", _SUSPECT))
                return
        self._trusted_s, self._trusted = now_s, value

    def _spike(self, value: float, floor: float, failed: list[Failed]) -> None:
        """Far from the median of the last values, measured by the channel's own noise; never FAIL.

        QARTOD judges the value before the newest from both sides. Here the newest is judged at once from one side, because an
        alarm must not wait; a real jump is therefore SUSPECT for three readings and alarms all the same.
        """
        window = self._window
        if len(window) == SPIKE_WINDOW:
            median = sorted(window)[SPIKE_WINDOW // 2]
            off = abs(value - median)
            allowed = max(floor, self.limits.spike_share * abs(median), NOISE_SHARE * self._noise)
            if off > allowed:
                failed.append(("spike", _SUSPECT))
                off = allowed
            self._noise += NOISE_WEIGHT * (off - self._noise)
        window.append(value)

    def _stuck(self, value: float, now_s: float, limit_s: float, failed: list[Failed]) -> None:
        """The same number for too long; at once when it came by a jump, as the 0.00 of a probe that lost its supply does."""
        if self._last_s is None or value != self._last:
            self._same_since_s, self._same = now_s, 1
            self._jumped = any(test in _JUMPS for test, _ in failed)
            return
        self._same += 1
        lasted_s = now_s - self._same_since_s
        limits = self.limits
        if self._jumped or (lasted_s >= limit_s and self._same >= limits.stuck_count):
            fail_s = limits.stuck_fail_s
            is_dead = fail_s is not None and lasted_s >= fail_s and self._same >= limits.stuck_fail_count
            failed.append(("stuck", _FAIL if is_dead else _SUSPECT))

    def _flat_line(self, value: float, now_s: float, limit_s: float, failed: list[Failed]) -> None:
        low, high = min(self._flat_low, value), max(self._flat_high, value)
        if self._flat == 0 or high - low > self.limits.flat_tolerance:
            self._flat_since_s, self._flat = now_s, 1
            self._flat_low = self._flat_high = value
            return
        self._flat += 1
        self._flat_low, self._flat_high = low, high
        if now_s - self._flat_since_s >= limit_s and self._flat >= self.limits.flat_count:
            failed.append(("flat_line", _SUSPECT))

    def remember(self) -> dict[str, Any]:
        """The memory as JSON-ready data of fixed size, for ``recall`` after a restart."""
        return {
            "v": _MEMORY_VERSION,
            "count": self._count,
            "last": [self._last_s, self._last],
            "trusted": [self._trusted_s, self._trusted],
            "window": list(self._window),
            "noise": self._noise,
            "same": [self._same_since_s, self._same, self._jumped],
            "flat": [self._flat_since_s, self._flat, self._flat_low, self._flat_high],
            "trend": None if self._trend is None else self._trend.remember(),
        }

    def recall(self, memory: Any) -> bool:
        """Take up the memory of an earlier run; False, and nothing changed, when it is not one of ours.

        A memory that is too old needs no care here: the first reading finds the gap and starts anew.
        """
        try:
            if memory["v"] != _MEMORY_VERSION:
                return False
            count = min(max(int(memory["count"]), 0), SPIKE_WINDOW + 1)
            last_s, last = _moment(memory["last"][0]), float(memory["last"][1])
            trusted_s, trusted = _moment(memory["trusted"][0]), float(memory["trusted"][1])
            window = [float(value) for value in islice(memory["window"], SPIKE_WINDOW)]
            noise = float(memory["noise"])
            same_since_s, same = float(memory["same"][0]), int(memory["same"][1])
            jumped = bool(memory["same"][2])
            flat_since_s, flat = float(memory["flat"][0]), int(memory["flat"][1])
            flat_low, flat_high = float(memory["flat"][2]), float(memory["flat"][3])
            numbers = [last, trusted, noise, same_since_s, flat_since_s, flat_low, flat_high, *window]
            if not all(math.isfinite(number) for number in numbers):
                return False
            trend = None
            if self._trend is not None:
                trend = DailyTrend.recalled(self._trend.limit_per_day, memory["trend"])
        except (KeyError, IndexError, TypeError, ValueError):
            return False
        self._count = count
        self._last_s, self._last, self._trusted_s, self._trusted = last_s, last, trusted_s, trusted
        self._window = deque(window, maxlen=SPIKE_WINDOW)
        self._noise, self._same_since_s, self._same = noise, same_since_s, same
        self._jumped = jumped
        self._flat_since_s, self._flat, self._flat_low, self._flat_high = flat_since_s, flat, flat_low, flat_high
        self._trend = trend
        return True


def _moment(kept: Any) -> float | None:
    if kept is None:
        return None
    if not math.isfinite(moment := float(kept)):
        raise ValueError("not a moment")
    return moment
