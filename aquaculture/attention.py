"""Whether people are told of an alarm: shelved by a person, suppressed by design, or out of service.

The alarm goes on living beneath (``aquaculture.alarms``); here it is only kept from people, always with a reason, and what a
person hides comes back by itself. Source of states and rules: ANSI/ISA-18.2-2016, shelving, designed suppression and removal
from service. ``now`` is the wall clock, since "until six" is what a person says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from aquaculture.alarms import AlarmState, IsaState
from aquaculture.ranges import require

SHELVE_DEFAULT = timedelta(minutes=60)
SHELVE_MAX = timedelta(hours=8)
"""One shift: who comes next must not inherit a silence that nobody told them of."""
SERVICE_MAX = timedelta(days=30)


class HoldKind(str, Enum):
    """Why nobody is told, strongest first."""

    OUT_OF_SERVICE = "out_of_service"
    """The sensor is taken out or being repaired."""
    SUPPRESSED = "suppressed_by_design"
    """A rule of the farm says that it means nothing now: the unit is fallow, or its parent has failed."""
    SHELVED = "shelved"
    """A person does not want to hear it for a while."""


_ISA = {
    HoldKind.OUT_OF_SERVICE: IsaState.OUT_OF_SERVICE,
    HoldKind.SUPPRESSED: IsaState.SUPPRESSED,
    HoldKind.SHELVED: IsaState.SHELVED,
}


@dataclass(frozen=True)
class Hold:
    """One reason to tell nobody. ``until`` is None for a suppression alone: its rule ends it."""

    kind: HoldKind
    reason: str
    by: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Attention:
    """What keeps one alarm from people; at most one hold of each kind."""

    holds: dict[HoldKind, Hold] = field(default_factory=dict)

    def held(self, now: datetime) -> Hold | None:
        """The strongest hold at this moment; None when people are told (source: ISA-18.2)."""
        for kind in HoldKind:
            hold = self.holds.get(kind)
            if hold is not None and (hold.until is None or now < hold.until):
                return hold
        return None


def isa_state(alarm: AlarmState, attention: Attention, now: datetime) -> IsaState:
    """The one ISA-18.2 state that people see (source: the standard)."""
    hold = attention.held(now)
    return alarm.isa if hold is None else _ISA[hold.kind]


def shelve(
    attention: Attention, *, reason: str, by: str, now: datetime, duration: timedelta = SHELVE_DEFAULT
) -> Attention:
    """Tell nobody for a while; shelving again replaces the time.

    Source: ISA-18.2, shelving; the default and the limit of one shift are this platform's.

    Raises:
        ValueError: no reason or no name.
        OutOfRangeError: a duration outside 1 to 480 minutes.
    """
    minutes = SHELVE_MAX / timedelta(minutes=1)
    remedy = "shelve again at the end of the shift, or take it out of service"
    require("duration", duration / timedelta(minutes=1), 1, minutes, "min", remedy=remedy)
    return _with(attention, Hold(HoldKind.SHELVED, _said("reason", reason), _said("by", by), now, now + duration))


def take_out_of_service(attention: Attention, *, reason: str, by: str, now: datetime, duration: timedelta) -> Attention:
    """Tell nobody while the equipment is away; at most 30 days, then it asks again.

    Source: ISA-18.2, removal from service; the limit is this platform's.

    Raises:
        ValueError: no reason or no name.
        OutOfRangeError: a duration outside 1 minute to 30 days.
    """
    minutes = SERVICE_MAX / timedelta(minutes=1)
    require("duration", duration / timedelta(minutes=1), 1, minutes, "min", remedy="remove the channel instead")
    hold = Hold(HoldKind.OUT_OF_SERVICE, _said("reason", reason), _said("by", by), now, now + duration)
    return _with(attention, hold)


def suppress(attention: Attention, *, reason: str, rule: str, now: datetime) -> Attention:
    """A rule of the farm hides the alarm until the rule lets go; repeated calls keep the first moment.

    Source: ISA-18.2, suppression by design.

    Raises:
        ValueError: no reason or no rule.
    """
    known = attention.holds.get(HoldKind.SUPPRESSED)
    since = now if known is None else known.since
    return _with(attention, Hold(HoldKind.SUPPRESSED, _said("reason", reason), _said("rule", rule), since, None))


def release(attention: Attention, kind: HoldKind) -> Attention:
    """End a hold before its time; does nothing when there is none (source: ISA-18.2)."""
    return Attention({known: hold for known, hold in attention.holds.items() if known is not kind})


def expire(attention: Attention, now: datetime) -> tuple[Attention, tuple[Hold, ...]]:
    """Take out what is over, and name it: whoever is told of alarms is told that they are back (source: ISA-18.2)."""
    over = tuple(hold for hold in attention.holds.values() if hold.until is not None and hold.until <= now)
    kept = {kind: hold for kind, hold in attention.holds.items() if hold not in over}
    return (Attention(kept) if over else attention), over


def must_tell(before: IsaState, after: IsaState) -> bool:
    """Whether people are told now: a new alarm, or one that comes out of a hold and nobody has seen.

    Source: ISA-18.2, annunciation of unacknowledged alarms.
    """
    return after is IsaState.UNACKNOWLEDGED and before is not IsaState.UNACKNOWLEDGED


def _with(attention: Attention, hold: Hold) -> Attention:
    return replace(attention, holds={**attention.holds, hold.kind: hold})


def _said(name: str, text: str) -> str:
    if not text.strip():
        message = f"{name}: say it; a silence without a {name} cannot be judged later"
        raise ValueError(message)
    return text.strip()
