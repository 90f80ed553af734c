"""The life of one alarm as a pure state machine: on-delay, hysteresis, off-delay, latch, acknowledgement.

Facts are kept, not one state: is the alarm active, has a person acknowledged it, does a latch hold it. The states of ISA-18.2
(source: ANSI/ISA-18.2-2016 and IEC 62682, section on alarm states) follow from them; whether people are told at all is decided
one layer up (``aquaculture.attention``). ``now_s`` is a monotonic clock in seconds: a wall clock that jumps must not raise or
hide an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from aquaculture.limits import Side
from contracts.alarms import Severity


@dataclass(frozen=True)
class AlarmRule:
    """When an alarm is raised and when it clears.

    Attributes:
        definition: stable name, e.g. ``do.low.critical``.
        hysteresis: how far beyond the limit, in the quantity's unit, the value must return before it can clear.
        on_delay_s: the condition must hold this long before the alarm is raised.
        off_delay_s: the value must stay good this long before the alarm clears.
        latching: it stays until a person resets it, for what must be looked at before it may be forgotten.
    """

    definition: str
    severity: Severity
    side: Side
    hysteresis: float = 0.0
    on_delay_s: float = 30.0
    off_delay_s: float = 60.0
    latching: bool = False

    def __post_init__(self) -> None:
        """Refuse delays and hysteresis below zero, by name."""
        for name in ("hysteresis", "on_delay_s", "off_delay_s"):
            if not getattr(self, name) >= 0:
                message = f"{self.definition}: {name} = {getattr(self, name)!r} must be 0 or more"
                raise ValueError(message)

    def violated(self, value: float, limit: float) -> bool:
        """True when the value is on the wrong side of the limit (source: the definition)."""
        return value < limit if self.side is Side.LOW else value > limit

    def returned(self, value: float, limit: float) -> bool:
        """True when the value is back by more than the hysteresis (source: the definition)."""
        return value >= limit + self.hysteresis if self.side is Side.LOW else value <= limit - self.hysteresis


class IsaState(str, Enum):
    """States of ISA-18.2; the last three hide an alarm from people (``aquaculture.attention``)."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    LATCHED = "latched"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed_by_design"
    OUT_OF_SERVICE = "out_of_service"


@dataclass(frozen=True)
class AlarmState:
    """What must be remembered between two readings.

    Attributes:
        active: the alarm is raised and has not cleared.
        acknowledged: a person has seen this occurrence.
        violated_since_s: monotonic start of the present violation, while the on-delay runs.
        good_since_s: monotonic start of the present return, while the off-delay runs.
        occurrence: how often it was raised; with the definition it names the occurrence.
        latched: the condition has returned and the latch alone keeps it active.
    """

    active: bool = False
    acknowledged: bool = True
    violated_since_s: float | None = None
    good_since_s: float | None = None
    occurrence: int = 0
    latched: bool = False

    @property
    def isa(self) -> IsaState:
        """The ISA-18.2 state of the alarm itself (source: the standard)."""
        if self.latched:
            return IsaState.LATCHED
        if self.active:
            return IsaState.ACKNOWLEDGED if self.acknowledged else IsaState.UNACKNOWLEDGED
        return IsaState.NORMAL if self.acknowledged else IsaState.RETURNED_UNACKNOWLEDGED


class Transition(str, Enum):
    """What one step did to the alarm."""

    RAISED = "raised"
    CLEARED = "cleared"


def step(
    rule: AlarmRule, state: AlarmState, *, value: float, limit: float, now_s: float
) -> tuple[AlarmState, Transition | None]:
    """Take one reading into account; returns the new state and the transition, if there was one (source: ISA-18.2)."""
    if state.active:
        return _step_active(rule, state, value=value, limit=limit, now_s=now_s)
    if not rule.violated(value, limit):
        return replace(state, violated_since_s=None), None
    since = now_s if state.violated_since_s is None else state.violated_since_s
    if now_s - since < rule.on_delay_s:
        return replace(state, violated_since_s=since), None
    raised = AlarmState(active=True, acknowledged=False, violated_since_s=since, occurrence=state.occurrence + 1)
    return raised, Transition.RAISED


def _step_active(
    rule: AlarmRule, state: AlarmState, *, value: float, limit: float, now_s: float
) -> tuple[AlarmState, Transition | None]:
    if not rule.returned(value, limit):
        return replace(state, good_since_s=None, latched=state.latched and not rule.violated(value, limit)), None
    since = now_s if state.good_since_s is None else state.good_since_s
    if now_s - since < rule.off_delay_s:
        return replace(state, good_since_s=since), None
    if rule.latching:
        return replace(state, good_since_s=since, latched=True), None
    return replace(state, active=False, violated_since_s=None, good_since_s=None), Transition.CLEARED


def acknowledge(state: AlarmState) -> AlarmState:
    """A person has seen it; changes nothing else and may be repeated (source: ISA-18.2)."""
    return replace(state, acknowledged=True)


def reset(state: AlarmState) -> tuple[AlarmState, Transition | None]:
    """A person resets a latched alarm: it clears and counts as seen. While the condition holds nothing happens.

    Source: ISA-18.2, latched alarms.
    """
    if not state.latched:
        return state, None
    normal = replace(state, active=False, acknowledged=True, latched=False, violated_since_s=None, good_since_s=None)
    return normal, Transition.CLEARED


def default_hysteresis(quantity: str, limit: float) -> float:
    """Deadband in the quantity's unit: 0.5 mg/L for oxygen, 5 points for saturation, 5 % of the limit otherwise.

    Source: GSA process control; defaults that a site may edit.
    """
    fixed = {"do": 0.5, "do_sat": 5.0, "temperature": 0.5, "ph": 0.1, "salinity": 0.5}
    return fixed.get(quantity, 0.05 * abs(limit))
