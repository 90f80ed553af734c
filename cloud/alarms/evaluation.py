"""Limits against readings as the cloud sees them, independent of the box's own alarms. Pure: readings in, decisions out.

    reading -> fresh, newer, usable -> each limit of its channel (``aquaculture.alarms.step``, by the reading's own time)
    active for the grace, and no alarm open -> raise; returned, and the open alarm is the cloud's alone -> clear

A box raises its alarms within seconds; only when it has not after the grace does the cloud speak. Old readings decide
nothing, so neither does a redelivery or a backfill. Memory is one state per limit, and one temperature per unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TypeAlias

from aquaculture.alarms import AlarmRule, AlarmState, Transition, step
from aquaculture.limits import Bound
from aquaculture.wording import crossed
from contracts.quality import QualityFlag
from contracts.telemetry import Reading

FRESH = timedelta(minutes=2)
"""Age up to which a reading tells of the present."""
GRACE = timedelta(seconds=30)
"""How long the box's own alarm is waited for; it normally takes a few seconds."""
TEMPERATURE_MAX_AGE_S = 600.0
"""As on the box: an older temperature does not say what the limit is."""
_UNUSABLE = frozenset({QualityFlag.FAIL, QualityFlag.MISSING})
_MAINTENANCE = "maintenance"

Key: TypeAlias = tuple[int, str, str]
"""Device id, channel (the alarm's subject) and definition: one condition."""
ChannelName: TypeAlias = tuple[str, str, str]
"""Site, device and channel as messages name them."""


@dataclass(frozen=True)
class LimitWatch:
    """One limit on one channel, with the ids that its alarm needs."""

    name: ChannelName
    channel_id: int
    site_id: int
    device_id: int
    unit_id: int
    unit: str
    """Its slug, as messages name it."""
    place: str
    """The unit as people call it."""
    quantity: str
    ucum: str
    rule: AlarmRule
    bound: Bound

    @property
    def key(self) -> Key:
        """The condition."""
        return self.device_id, self.name[2], self.rule.definition


@dataclass(frozen=True)
class Raise:
    """An alarm that the cloud must raise."""

    watch: LimitWatch
    at: datetime
    since: datetime
    value: float
    limit: float

    @property
    def message(self) -> str:
        """The box's own words for it."""
        return crossed(self.watch.quantity, self.watch.place, self.value, self.limit, self.watch.rule.side)


@dataclass(frozen=True)
class Clear:
    """An alarm of the cloud's that is over."""

    key: Key
    at: datetime


@dataclass
class _Tracked:
    """A limit and what is remembered of it.

    ``raise_at_s``, on the wall clock, moves on while an alarm is open. ``at_s`` is the violation that a raise would name; 0 when
    none was seen since an alarm was last open.
    """

    watch: LimitWatch
    state: AlarmState = field(default_factory=AlarmState)
    since_s: float = 0.0
    at_s: float = 0.0
    value: float = 0.0
    limit: float = 0.0
    raise_at_s: float = 0.0


@dataclass
class _Channel:
    """The limits of one channel. ``last_s`` is the time of its newest reading that was judged."""

    limits: list[_Tracked] = field(default_factory=list)
    last_s: float = 0.0


class Evaluation:
    """The memory of all limits. For one thread at a time."""

    def __init__(self) -> None:
        self._channels: dict[ChannelName, _Channel] = {}
        self._tracked: dict[Key, _Tracked] = {}
        self._active: dict[Key, _Tracked] = {}
        self._returned: dict[Key, datetime] = {}
        self._temperature: dict[tuple[str, str], tuple[float, float]] = {}
        """Value and time by site and unit, of units where a limit depends on it; time 0 until there is one."""

    @property
    def limits(self) -> int:
        """How many limits are watched."""
        return len(self._tracked)

    def load(self, watches: Iterable[LimitWatch]) -> None:
        """Watch these from now on; what is remembered of those that stay is kept."""
        channels: dict[ChannelName, _Channel] = {}
        tracked: dict[Key, _Tracked] = {}
        temperature: dict[tuple[str, str], tuple[float, float]] = {}
        for watch in watches:
            if watch.key in tracked:
                continue
            one = self._tracked.get(watch.key)
            if one is None:
                one = _Tracked(watch)
            one.watch = watch
            tracked[watch.key] = one
            channel = channels.get(watch.name)
            if channel is None:
                before = self._channels.get(watch.name)
                channel = channels[watch.name] = _Channel(last_s=0.0 if before is None else before.last_s)
            channel.limits.append(one)
            if watch.bound.law != "constant":
                unit = watch.name[0], watch.unit
                temperature[unit] = self._temperature.get(unit, (0.0, 0.0))
        self._channels, self._tracked, self._temperature = channels, tracked, temperature
        self._active = {key: one for key, one in self._active.items() if key in tracked}
        self._returned = {key: at for key, at in self._returned.items() if key in tracked}

    def see(self, site: str, device: str, readings: Sequence[Reading], *, now: datetime) -> int:
        """Judge readings in their order; returns how many decided something."""
        decided = 0
        now_s = now.timestamp()
        oldest_s, newest_s = now_s - FRESH.total_seconds(), now_s + FRESH.total_seconds()
        for reading in readings:
            channel = self._channels.get((site, device, reading.channel))
            heats = reading.quantity == "temperature" and (site, reading.unit) in self._temperature
            if channel is None and not heats:
                continue
            at_s = reading.observed_at.timestamp()
            if not oldest_s <= at_s <= newest_s or _is_unusable(reading):
                continue
            if heats and at_s >= self._temperature[site, reading.unit][1]:
                self._temperature[site, reading.unit] = reading.value, at_s
            if channel is None or at_s <= channel.last_s:
                continue
            channel.last_s = at_s
            decided += 1
            for one in channel.limits:
                self._judge(one, reading.value, at_s, now_s)
        return decided

    def decide(self, opened: Mapping[Key, str], *, now: datetime) -> tuple[list[Raise], list[Clear]]:
        """What must change, given who sees each open alarm: ``cloud`` alone for those raised here, else anything.

        Asking changes no alarm: the same is decided again until ``settled`` is told.
        """
        now_s = now.timestamp()
        self._adopt(opened)
        raises: list[Raise] = []
        for key, one in self._active.items():
            last_s = self._channels[one.watch.name].last_s
            if key in opened:
                one.raise_at_s, one.at_s = now_s + GRACE.total_seconds(), 0.0
            elif one.at_s and now_s >= one.raise_at_s and now_s - last_s <= FRESH.total_seconds():
                raises.append(Raise(one.watch, _utc(one.at_s), _utc(one.since_s), one.value, one.limit))
        self._returned = {key: at for key, at in self._returned.items() if opened.get(key) == "cloud"}
        return raises, [Clear(key, at) for key, at in self._returned.items()]

    def settled(self, clears: Iterable[Clear]) -> None:
        """These are cleared, durably."""
        for clear in clears:
            self._returned.pop(clear.key, None)

    def unwatched(self, opened: Mapping[Key, str]) -> list[Key]:
        """Open alarms of the cloud's whose limit is no longer watched by their box."""
        return [key for key, origin in opened.items() if origin == "cloud" and key not in self._tracked]

    def _adopt(self, opened: Mapping[Key, str]) -> None:
        """Alarms of an evaluator before this one, or beside it: they clear when their value has returned here."""
        for key, origin in opened.items():
            one = self._tracked.get(key)
            if origin == "cloud" and one is not None and not one.state.active and key not in self._returned:
                one.state = AlarmState(active=True, acknowledged=False, occurrence=one.state.occurrence)
                self._active[key] = one

    def _judge(self, one: _Tracked, value: float, at_s: float, now_s: float) -> None:
        watch = one.watch
        limit = watch.bound.at(None)
        if limit is None:
            heat, heat_s = self._temperature.get((watch.name[0], watch.unit), (0.0, 0.0))
            limit = watch.bound.at(heat) if abs(at_s - heat_s) <= TEMPERATURE_MAX_AGE_S else None
            if limit is None:
                return
        if not one.state.active and one.state.violated_since_s is None and not watch.rule.violated(value, limit):
            return  # nearly every reading
        one.state, transition = step(watch.rule, one.state, value=value, limit=limit, now_s=at_s)
        if transition is Transition.CLEARED:
            del self._active[watch.key]
            self._returned[watch.key] = _utc(at_s)
        elif transition is Transition.RAISED:
            one.raise_at_s = now_s + GRACE.total_seconds()
            one.since_s = at_s if one.state.violated_since_s is None else one.state.violated_since_s
            one.at_s, one.value, one.limit = at_s, value, limit
            self._active[watch.key] = one
            self._returned.pop(watch.key, None)
        elif one.state.active and not one.at_s and watch.rule.violated(value, limit):
            one.since_s, one.at_s, one.value, one.limit = at_s, at_s, value, limit


def _is_unusable(reading: Reading) -> bool:
    if reading.quality in _UNUSABLE or reading.test == _MAINTENANCE:
        return True
    return reading.also is not None and _MAINTENANCE in reading.also


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
