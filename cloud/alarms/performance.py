"""How well the alarms of a site serve its people. Pure: occurrences in, a report out.

Targets: fewer than 1 alarm in ten minutes on average, floods under 1 % of the time, the ten most frequent alarms together at most
5 % of all, fewer than 5 stale ones (EEMUA 191, ISA-18.2; figures recalled [K], a farm may set its own).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from aquaculture.nuisance import Chattering, Flood

STALE_AFTER = timedelta(hours=24)
BAD_ACTORS = 10

_Key: TypeAlias = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Occurrence:
    """One alarm as it went."""

    definition: str
    unit: str | None
    severity: str
    raised_at: datetime
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    suppressed: bool
    subject: str | None = None
    """The channel, camera or actuator that it is about."""

    @property
    def key(self) -> _Key:
        """Alarms of one key are the same alarm again."""
        return self.definition, self.unit, self.subject


@dataclass(frozen=True)
class BadActor:
    """An alarm that is raised more than others."""

    definition: str
    unit: str | None
    subject: str | None
    times: int
    share: float


@dataclass(frozen=True)
class Performance:
    """The report."""

    days: float
    alarms: int
    per_day: float
    by_severity: dict[str, int]
    acknowledged: int
    acknowledge_p50_s: float | None
    acknowledge_p95_s: float | None
    unanswered: int
    """Ended without anybody having taken them on."""
    bad_actors: tuple[BadActor, ...]
    chattering: tuple[_Key, ...]
    """Alarms that came three times in a minute at least once."""
    floods: int
    flood_share: float
    """Share of the time in which a flood was under way."""
    stale: int
    """Active for more than a day at the end."""
    suppressed: int


def performance(occurrences: Sequence[Occurrence], start: datetime, end: datetime) -> Performance:
    """The report on ``[start, end)``, of the occurrences that were raised in it."""
    raised = sorted((each for each in occurrences if start <= each.raised_at < end), key=lambda each: each.raised_at)
    heard = [each for each in raised if not each.suppressed]
    counts = Counter(each.key for each in heard)
    waits = sorted(
        max(0.0, (each.acknowledged_at - each.raised_at).total_seconds()) for each in heard if each.acknowledged_at
    )
    floods, flooded_s = _floods(heard, start, end)
    days = (end - start) / timedelta(days=1)
    return Performance(
        days=days,
        alarms=len(heard),
        per_day=len(heard) / days,
        by_severity=dict(Counter(each.severity for each in heard)),
        acknowledged=len(waits),
        acknowledge_p50_s=_percentile(waits, 0.5),
        acknowledge_p95_s=_percentile(waits, 0.95),
        unanswered=sum(each.cleared_at is not None and each.acknowledged_at is None for each in heard),
        bad_actors=tuple(BadActor(*key, times, times / len(heard)) for key, times in counts.most_common(BAD_ACTORS)),
        chattering=_chattering(heard),
        floods=floods,
        flood_share=flooded_s / (end - start).total_seconds(),
        stale=sum(each.cleared_at is None and end - each.raised_at > STALE_AFTER for each in heard),
        suppressed=len(raised) - len(heard),
    )


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    """Nearest rank: a value that really occurred."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _chattering(heard: Sequence[Occurrence]) -> tuple[_Key, ...]:
    watchers: defaultdict[_Key, Chattering] = defaultdict(Chattering)
    found = {each.key for each in heard if watchers[each.key].raised(each.raised_at.timestamp())}
    return tuple(sorted(found, key=str))


def _floods(heard: Sequence[Occurrence], start: datetime, end: datetime) -> tuple[int, float]:
    """How many floods, and for how many seconds together; looked at once a minute between alarms."""
    flood, floods, flooded_s, under_way = Flood(), 0, 0.0, False
    last_s, end_s = start.timestamp(), end.timestamp()
    for moment_s, is_raise in sorted([(each.raised_at.timestamp(), True) for each in heard] + [(end_s, False)]):
        while under_way and last_s + 60 <= moment_s:
            last_s += 60
            under_way = flood.under_way(last_s)
            flooded_s += 60
        now = flood.raised(moment_s) if is_raise else under_way
        if under_way:
            flooded_s += moment_s - last_s
        floods += now and not under_way
        under_way, last_s = now, moment_s
    return floods, flooded_s
