"""The probes of one quantity in one unit against each other: do they contradict, has one of them drifted away?

With two probes nobody can tell which one is wrong, so both become SUSPECT; with three or more the median is believed and only
the odd one out is flagged. The difference is averaged over ten minutes (disagreement) and over a day (drift, against the
difference of the first day after the start or the calibration). Source: QARTOD Test 11 (Neighbor or Forecast).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any

from aquaculture.quality.thresholds import QualityLimits
from aquaculture.quality.verdict import Failed
from contracts.quality import QualityFlag

FRESH_S = 120.0
"""A peer's value older than this in seconds is not compared with."""
SHORT_S = 600.0
"""Time constant of the mean difference that tells disagreement."""
LONG_S = 86_400.0
"""Time constant of the mean difference that tells drift, and the time over which the reference is learned."""
ENOUGH = 10
"""Comparisons that a judgement needs at least."""
_NOTHING: tuple[Failed, ...] = ()


@dataclass
class _Member:
    """What is remembered of one probe's difference to its peers."""

    value: float = 0.0
    at_s: float = -math.inf
    compared_s: float = -math.inf
    compared: int = 0
    span_s: float = 0.0
    """Time over which it has been compared, gaps left out."""
    short: float = 0.0
    long: float = 0.0
    reference: float | None = None


class PeerQuality:
    """Judges the readings of a group of at least two channels.

    Args:
        limits: by channel; ``disagreement`` and ``drift`` of the channel that is judged apply.
    """

    def __init__(self, limits: dict[str, QualityLimits]) -> None:
        self._limits = dict(limits)
        self._members = {channel: _Member() for channel in limits}

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels in the group."""
        return tuple(self._limits)

    def judge(self, channel: str, value: float, observed_at: datetime) -> tuple[Failed, ...]:
        """Tests that a reading does not pass against its peers. Values that failed their own tests do not belong here."""
        now_s = observed_at.timestamp()
        member = self._members[channel]
        member.value, member.at_s = value, now_s
        fresh = [one.value for one in self._members.values() if one is not member and abs(now_s - one.at_s) <= FRESH_S]
        if not fresh:
            return _NOTHING
        expected = fresh[0] if len(fresh) == 1 else median((*fresh, value))
        self._compare(member, value - expected, now_s)
        if member.compared < ENOUGH:
            return _NOTHING
        limits = self._limits[channel]
        failed: list[Failed] = []
        if limits.disagreement is not None and member.span_s >= SHORT_S and abs(member.short) > limits.disagreement:
            failed.append(("disagreement", QualityFlag.SUSPECT))
        if (
            limits.drift is not None
            and member.reference is not None
            and abs(member.long - member.reference) > limits.drift
        ):
            failed.append(("pair_drift", QualityFlag.SUSPECT))
        return tuple(failed)

    def not_evaluated(self, channel: str) -> tuple[str, ...]:
        """Tests of a channel that have limits but not enough history."""
        member, limits, names = self._members[channel], self._limits[channel], []
        if limits.disagreement is not None and (member.compared < ENOUGH or member.span_s < SHORT_S):
            names.append("disagreement")
        if limits.drift is not None and (member.compared < ENOUGH or member.reference is None):
            names.append("pair_drift")
        return tuple(names)

    def restart(self, channel: str) -> None:
        """Learn the differences anew after a calibration: with two probes those of both, for each is the other's measure."""
        everyone = len(self._members) == 2  # noqa: PLR2004  (a pair)
        for name in self._members if everyone else (channel,):
            self._members[name] = _Member()

    @staticmethod
    def _compare(member: _Member, difference: float, now_s: float) -> None:
        passed_s = now_s - member.compared_s
        member.compared_s = now_s
        if not 0 < passed_s <= SHORT_S:  # the first, a repeat, a clock set back or a long silence
            if member.compared == 0 or passed_s > SHORT_S:
                member.short = difference
            if member.compared == 0:
                member.long = difference
            member.compared += 1
            return
        member.compared += 1
        member.span_s += passed_s
        member.short += (1 - math.exp(-passed_s / SHORT_S)) * (difference - member.short)
        # While a day is being learned the mean weighs all of it alike; later the past fades.
        weight = passed_s / min(member.span_s, LONG_S)
        member.long += weight * (difference - member.long)
        if member.reference is None and member.span_s >= LONG_S:
            member.reference = member.long

    def remember(self) -> dict[str, Any]:
        """The memory as JSON-ready data, by channel."""
        found = {}
        for channel, member in self._members.items():
            kept = asdict(member)
            found[channel] = {
                name: None if number is not None and not math.isfinite(number) else number
                for name, number in kept.items()
            }
        return found

    def recall(self, memory: Any) -> bool:
        """Take up the memory of an earlier run; False, and nothing changed, when it is not one of ours."""
        try:
            members = {channel: _recalled(memory[channel]) for channel in self._members}
        except (KeyError, TypeError, ValueError):
            return False
        self._members = members
        return True


def _recalled(kept: Any) -> _Member:
    member = _Member(
        value=float(kept["value"]),
        at_s=-math.inf if kept["at_s"] is None else float(kept["at_s"]),
        compared_s=-math.inf if kept["compared_s"] is None else float(kept["compared_s"]),
        compared=int(kept["compared"]),
        span_s=float(kept["span_s"]),
        short=float(kept["short"]),
        long=float(kept["long"]),
        reference=None if kept["reference"] is None else float(kept["reference"]),
    )
    if not all(math.isfinite(number) for number in (member.value, member.span_s, member.short, member.long)):
        raise ValueError("not finite")
    return member
