"""Which alarms a box watches for, and what one reading does to them. Pure: state in, state and change out.

Limits come from aquaculture by species, stage and water; a site may override them. The life of an alarm is
``aquaculture.alarms.step``; this file gives it names, numbers and identity.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from aquaculture.alarms import AlarmRule, AlarmState, Transition, acknowledge, default_hysteresis, reset, step
from aquaculture.limits import Bound, Limit, Side
from aquaculture.wording import crossed, returned
from contracts.alarms import AlarmChange, AlarmEvent, Severity
from contracts.devices import ChannelInventory, LimitInEffect
from contracts.quantities import LIFE_CRITICAL, QUANTITIES
from edge.limits import SITE_SETTING, limits_of
from edge.settings import AlarmOverride, AlarmSettings, UnitSettings

_PRESENT = 0.5
"""Limit of a fault, whose value is 1 while it is there and 0 when it is not."""
FALLING_ACTION = "Go now; start emergency oxygen; stop feeding; check aerator, pump and probe"
SILENCE_ACTION = "Measure by hand meter now; check the probe, its cable, its power and the farm network"


@dataclass(frozen=True)
class Watch:
    """One alarm definition on one channel. ``key`` names it for ever: state is remembered under it."""

    key: str
    channel: str
    unit: str
    place: str
    """The unit as people call it."""
    quantity: str
    ucum: str
    rule: AlarmRule
    bound: Bound
    action: str
    source: str


@dataclass(frozen=True)
class Remembered:
    """State of one watch, and the identity of its present occurrence (``None`` while it is not active)."""

    state: AlarmState = field(default_factory=AlarmState)
    alarm_id: UUID | None = None
    raised_at: datetime | None = None
    severity: Severity | None = None
    message: str = ""


@dataclass(frozen=True)
class Step:
    """What one value did to one watch: the new memory, and the event when the alarm changed."""

    watch: Watch
    memory: Remembered
    event: AlarmEvent | None


def fault_watch(
    definition: str, severity: Severity, *, unit: str, place: str, channel: str, action: str, on_delay_s: float = 0.0
) -> Watch:
    """A watch on something that is either wrong or not: a motor without proof, a contact, a relay that is away."""
    rule = AlarmRule(definition, severity, Side.HIGH, hysteresis=0.0, on_delay_s=on_delay_s, off_delay_s=0.0)
    return Watch(
        key=f"{unit}/{channel}/{definition}",
        channel=channel,
        unit=unit,
        place=place,
        quantity="",
        ucum="",
        rule=rule,
        bound=Bound(_PRESENT),
        action=action,
        source="the box watches what it switches",
    )


def plan(
    channels: Sequence[ChannelInventory], units: Sequence[UnitSettings], settings: AlarmSettings
) -> tuple[Watch, ...]:
    """All limit watches of a box: every channel against every limit of its unit's fish."""
    by_slug = {unit.slug: unit for unit in units}
    watches: list[Watch] = []
    for channel in channels:
        unit = by_slug[channel.unit]
        for limit in limits_of(unit, settings):
            if limit.quantity == channel.quantity:
                watches += _limit_watch(channel, unit.name or unit.slug, limit, settings)
        if channel.quantity == "do_critical_in":
            watches += _falling(channel, unit.name or unit.slug, settings)
    return tuple(watches)


def in_effect(watches: Sequence[Watch]) -> tuple[LimitInEffect, ...]:
    """What a box tells of the limits that it watches."""
    return tuple(
        LimitInEffect(
            channel=watch.channel,
            definition=watch.rule.definition,
            severity=watch.rule.severity,
            side="low" if watch.rule.side is Side.LOW else "high",
            value=watch.bound.value,
            law=watch.bound.law,
            hysteresis=watch.rule.hysteresis,
            on_delay_s=watch.rule.on_delay_s,
            off_delay_s=watch.rule.off_delay_s,
            source=watch.source[:300],
        )
        for watch in watches
    )


def plan_silence(
    channels: Sequence[ChannelInventory], units: Sequence[UnitSettings], settings: AlarmSettings
) -> tuple[Watch, ...]:
    """Dead-man watches: one per life-critical channel, on the age of its last usable value in seconds."""
    names = {unit.slug: unit.name or unit.slug for unit in units}
    watches: list[Watch] = []
    for channel in channels:
        if channel.quantity not in LIFE_CRITICAL:
            continue
        definition = f"{channel.quantity}.silent"
        override = settings.override_of(definition, channel.unit)
        if override is not None and not override.enabled:
            continue
        limit = override.limit if override is not None and override.limit is not None else settings.silence_after_s
        rule = AlarmRule(definition, Severity.MAJOR, Side.HIGH, hysteresis=0.0, on_delay_s=0.0, off_delay_s=0.0)
        watches.append(
            Watch(
                key=f"{channel.unit}/{channel.name}/{definition}",
                channel=channel.name,
                unit=channel.unit,
                place=names[channel.unit],
                quantity=channel.quantity,
                ucum="s",
                rule=rule,
                bound=Bound(limit),
                action=SILENCE_ACTION,
                source="dead-man per data stream",
            )
        )
    return tuple(watches)


def take(
    watch: Watch,
    memory: Remembered,
    *,
    value: float,
    temperature_c: float | None,
    now_s: float,
    occurred_at: datetime,
    new_id: Callable[[], UUID],
) -> Step | None:
    """Judge one value; ``None`` when the limit cannot be known (it needs a temperature and there is none)."""
    limit = watch.bound.at(temperature_c)
    if limit is None:
        return None
    state, transition = step(watch.rule, memory.state, value=value, limit=limit, now_s=now_s)
    if transition is None:
        return Step(watch, replace(memory, state=state), None)
    message = _message(watch, value, limit, transition)
    if transition is Transition.RAISED:
        since = None
        if state.violated_since_s is not None:
            since = occurred_at - timedelta(seconds=now_s - state.violated_since_s)
        after = Remembered(state, new_id(), occurred_at, watch.rule.severity, message)
        return Step(watch, after, _event(watch, after, AlarmChange.RAISED, value, limit, occurred_at, since, message))
    event = _event(watch, memory, AlarmChange.CLEARED, value, limit, occurred_at, None, message)
    return Step(watch, Remembered(state), event)


def take_fault(
    watch: Watch,
    memory: Remembered,
    *,
    present: bool,
    message: str,
    now_s: float,
    occurred_at: datetime,
    new_id: Callable[[], UUID],
) -> Step:
    """Judge whether a fault is there; ``message`` says what is wrong, or that it is over."""
    state, transition = step(watch.rule, memory.state, value=float(present), limit=_PRESENT, now_s=now_s)
    if transition is None:
        return Step(watch, replace(memory, state=state), None)
    if transition is Transition.RAISED:
        after = Remembered(state, new_id(), occurred_at, watch.rule.severity, message)
        return Step(watch, after, _event(watch, after, AlarmChange.RAISED, None, None, occurred_at, None, message))
    event = _event(watch, memory, AlarmChange.CLEARED, None, None, occurred_at, None, message)
    return Step(watch, Remembered(state), event)


def acknowledged(watch: Watch, memory: Remembered, *, by: str, now: datetime) -> Step | None:
    """A person has seen this occurrence; ``None`` when it is not active or was acknowledged before.

    One that only its latch still holds is reset by it: the condition has returned, and now somebody has looked.
    """
    normal, cleared = reset(memory.state)
    if memory.alarm_id is not None and cleared is not None:
        event = _event(watch, memory, AlarmChange.CLEARED, None, None, now, None, f"Seen and reset by {by}")
        return Step(watch, Remembered(normal), event)
    if memory.alarm_id is None or memory.state.acknowledged:
        return None
    after = replace(memory, state=acknowledge(memory.state))
    event = _event(watch, after, AlarmChange.ACKNOWLEDGED, None, None, now, None, f"Acknowledged by {by}")
    return Step(watch, after, event)


def orphan_clear(key: str, memory: Remembered, now: datetime) -> AlarmEvent | None:
    """The event that clears an active alarm whose watch no longer exists (its channel was taken out of the file)."""
    if memory.alarm_id is None:
        return None
    unit, channel, definition = key.split("/", 2)
    return AlarmEvent(
        alarm_id=memory.alarm_id,
        definition=definition,
        change=AlarmChange.CLEARED,
        severity=memory.severity or Severity.WARNING,
        unit=unit,
        channel=channel,
        occurred_at=now,
        message=f"{definition} on {channel} is no longer watched on this box",
    )


def dump(memory: Remembered) -> str | None:
    """Text to remember an active alarm by; ``None`` when there is nothing to remember."""
    if memory.alarm_id is None or memory.raised_at is None or memory.severity is None:
        return None
    return json.dumps(
        {
            "id": str(memory.alarm_id),
            "raised_at": memory.raised_at.isoformat(),
            "severity": memory.severity.value,
            "occurrence": memory.state.occurrence,
            "message": memory.message,
            "acknowledged": memory.state.acknowledged,
        }
    )


def load(text: str) -> Remembered:
    """Memory from ``dump``. Delays start anew after a restart: monotonic time does not survive a reboot."""
    kept = json.loads(text)
    seen = bool(kept.get("acknowledged", False))
    state = AlarmState(active=True, acknowledged=seen, occurrence=int(kept["occurrence"]))
    return Remembered(
        state,
        UUID(kept["id"]),
        datetime.fromisoformat(kept["raised_at"]),
        Severity(kept["severity"]),
        str(kept.get("message", "")),
    )


def _falling(channel: ChannelInventory, place: str, settings: AlarmSettings) -> list[Watch]:
    """Oxygen that is critical sooner than somebody can be there; the hysteresis is the limit again, so that half of the fall stays."""
    if settings.respond_within_min is None:
        return []
    found: list[Watch] = []
    for severity, times in ((Severity.CRITICAL, 1.0), (Severity.WARNING, 2.0)):
        definition = f"do.falling.{severity.value}"
        own = settings.override_of(definition, channel.unit) or AlarmOverride(definition=definition)
        if not own.enabled:
            continue
        limit = settings.respond_within_min * times if own.limit is None else own.limit
        rule = AlarmRule(
            definition,
            severity,
            Side.LOW,
            hysteresis=limit if own.hysteresis is None else own.hysteresis,
            on_delay_s=settings.on_delay_s if own.on_delay_s is None else own.on_delay_s,
            off_delay_s=settings.off_delay_s if own.off_delay_s is None else own.off_delay_s,
            latching=own.latching,
        )
        found.append(
            Watch(
                key=f"{channel.unit}/{channel.name}/{definition}",
                channel=channel.name,
                unit=channel.unit,
                place=place,
                quantity=channel.quantity,
                ucum=channel.ucum,
                rule=rule,
                bound=Bound(limit),
                action=FALLING_ACTION,
                source="slope of oxygen against the time that a responder needs",
            )
        )
    return found


def _limit_watch(channel: ChannelInventory, place: str, limit: Limit, settings: AlarmSettings) -> list[Watch]:
    override = settings.override_of(limit.definition, channel.unit)
    if override is not None and not override.enabled:
        return []
    override = override or AlarmOverride(definition=limit.definition)
    bound = limit.bound if override.limit is None else Bound(override.limit)
    deadband = override.hysteresis
    rule = AlarmRule(
        limit.definition,
        limit.severity,
        limit.side,
        hysteresis=default_hysteresis(limit.quantity, bound.value) if deadband is None else deadband,
        on_delay_s=settings.on_delay_s if override.on_delay_s is None else override.on_delay_s,
        off_delay_s=settings.off_delay_s if override.off_delay_s is None else override.off_delay_s,
        latching=override.latching,
    )
    source = limit.cited if override.limit is None else SITE_SETTING
    return [
        Watch(
            key=f"{channel.unit}/{channel.name}/{limit.definition}",
            channel=channel.name,
            unit=channel.unit,
            place=place,
            quantity=channel.quantity,
            ucum=channel.ucum,
            rule=rule,
            bound=bound,
            action=limit.action,
            source=source,
        )
    ]


def _message(watch: Watch, value: float, limit: float, transition: Transition) -> str:
    if watch.ucum == "s":
        quantity = QUANTITIES[watch.quantity]
        if transition is Transition.RAISED:
            return f"{quantity.label} in {watch.place} is silent: no usable value for {value:.0f} s"
        return f"{quantity.label} in {watch.place} is heard again"
    if transition is Transition.RAISED:
        return crossed(watch.quantity, watch.place, value, limit, watch.rule.side)
    return returned(watch.quantity, watch.place, value, limit)


def _event(
    watch: Watch,
    memory: Remembered,
    change: AlarmChange,
    value: float | None,
    limit: float | None,
    occurred_at: datetime,
    since: datetime | None,
    message: str,
) -> AlarmEvent:
    if memory.alarm_id is None:
        raise ValueError(f"{watch.key}: an alarm changed without an identity")
    return AlarmEvent(
        alarm_id=memory.alarm_id,
        definition=watch.rule.definition,
        change=change,
        severity=watch.rule.severity,
        unit=watch.unit,
        channel=watch.channel,
        quantity=watch.quantity or None,
        value=value,
        limit=limit,
        ucum=watch.ucum or None,
        occurred_at=occurred_at,
        condition_since=since,
        message=message,
        action=(watch.action or None) if change is AlarmChange.RAISED else None,
        source=watch.source,
    )
