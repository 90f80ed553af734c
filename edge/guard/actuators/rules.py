"""Should it run, and why: one actuator's decision from what is known now. Pure: memory and world in, memory and reason out.

Who wins, first to last: interlock, blindness (a channel it depends on is silent: safe state), standing in for a failed
actuator, a person's override, the rules. What is hard (the first three) waits for nothing; the rest respects the night, the
shortest run and rest, and the number of starts in an hour. ``now_s`` is monotonic; the wall clock decides the night only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from enum import Enum

from aquaculture.alarms import default_hysteresis
from contracts.quantities import QUANTITIES, with_unit
from edge.guard.settings import ActuatorSettings, Interlock, NightSettings, OnOffRule

STARTS_WINDOW_S = 3600.0


class Cause(str, Enum):
    """What decided."""

    INTERLOCK = "interlock"
    BLIND = "blind"
    STAND_IN = "stand_in"
    OVERRIDE = "override"
    RULE = "rule"
    NORMAL = "normal"
    NIGHT = "night"
    MINIMUM_TIME = "minimum_time"
    STARTS = "starts"


HARD = frozenset({Cause.INTERLOCK, Cause.BLIND, Cause.STAND_IN})
"""Causes that no person, command or waiting time goes against."""


@dataclass(frozen=True)
class Sight:
    """What is known of one channel: its last usable value and how long ago that was."""

    quantity: str
    value: float | None
    age_s: float
    """Seconds since the last usable value, or since the start when there was none."""
    in_maintenance: bool = False


@dataclass(frozen=True)
class Contact:
    """What is known of one input."""

    trouble: bool
    words: str
    """``the flow of tank-1 has stopped``."""


@dataclass(frozen=True)
class Override:
    """A person's or a command's wish, for a while."""

    on: bool
    until_s: float
    """Monotonic end."""
    until: datetime
    """The same on the wall clock, for people and for a restart."""
    reason: str
    by: str


@dataclass(frozen=True)
class RuleMemory:
    """What one on/off rule asks for, and since when it would ask for the other."""

    on: bool
    turning_since_s: float | None = None


@dataclass(frozen=True)
class Memory:
    """What an actuator remembers from one decision to the next."""

    on: bool
    rules: tuple[RuleMemory, ...]
    held: tuple[bool, ...]
    """Which interlocks hold."""
    switched_s: float | None = None
    """When it was last switched, monotonic; None since the start."""
    starts_s: tuple[float, ...] = ()
    """Starts within the last hour."""
    cause: Cause = Cause.NORMAL
    since: datetime | None = None
    """Since when this cause has held."""


@dataclass(frozen=True)
class World:
    """Everything a decision may look at."""

    now_s: float
    now: datetime
    """Wall time in the farm's time zone."""
    trusted: bool
    """Whether ``now`` is the time; in doubt it is night."""
    sights: Mapping[str, Sight]
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    override: Override | None = None
    stands_in_for: str | None = None
    """Title of the actuator whose work this one has to do."""


@dataclass(frozen=True)
class Decision:
    """What it should do and the words for it."""

    on: bool
    cause: Cause
    reason: str
    """The rest of the sentence after "because"."""
    due_s: float | None = None
    """Monotonic time at which the decision may change by itself."""


def fresh_memory(settings: ActuatorSettings, *, on: bool | None = None) -> Memory:
    """Memory of an actuator that has decided nothing yet; it goes on with ``on`` or begins in its safe state."""
    start = settings.safe_on if on is None else on
    rules = tuple(RuleMemory(start) for _ in settings.rules)
    return Memory(on=start, rules=rules, held=(False,) * len(settings.interlocks))


def channels_of(settings: ActuatorSettings) -> frozenset[str]:
    """Channels that it cannot do without: when one is silent, it is blind."""
    return frozenset([rule.channel for rule in settings.rules] + [i.channel for i in settings.interlocks if i.channel])


def decide(settings: ActuatorSettings, memory: Memory, world: World) -> tuple[Memory, Decision]:
    """Take the world as it is now into account."""
    rules = tuple(_step_rule(rule, known, world) for rule, known in zip(settings.rules, memory.rules, strict=True))
    held = tuple(_holds(lock, world, held=was) for lock, was in zip(settings.interlocks, memory.held, strict=True))
    memory = replace(
        memory,
        rules=rules,
        held=held,
        starts_s=tuple(at for at in memory.starts_s if world.now_s - at < STARTS_WINDOW_S),
    )
    decision = _interlocked(settings, held, world) or _blind(settings, world) or _stand_in(world)
    if decision is None:
        wish = _overridden(world) or _automatic(settings, rules, world)
        decision = _patient(settings, memory, wish, world)
    return _remember(memory, decision, world), decision


def sentence(settings: ActuatorSettings, memory: Memory, decision: Decision) -> str:
    """Such as: Aerator 1 is ON because dissolved oxygen 4.80 mg/L < 5.00 mg/L since 02:13."""
    since = f" since {memory.since:%H:%M}" if memory.since is not None else ""
    return f"{settings.title} is {'ON' if decision.on else 'OFF'} because {decision.reason}{since}"


# -- who decides, first to last --------------------------------------------------------------------------------------


def _interlocked(settings: ActuatorSettings, held: tuple[bool, ...], world: World) -> Decision | None:
    safe = "on" if settings.safe_on else "off"
    holding = [lock for lock, holds in zip(settings.interlocks, held, strict=True) if holds]
    holding.sort(key=lambda lock: lock.force != safe)  # of two that disagree, the safe one wins
    if not holding:
        return None
    lock = holding[0]
    return Decision(lock.force == "on", Cause.INTERLOCK, f"{_lock_words(lock, world)} (interlock)")


def _blind(settings: ActuatorSettings, world: World) -> Decision | None:
    for channel in sorted(channels_of(settings)):
        sight = world.sights[channel]
        label = _label(sight.quantity)
        if sight.in_maintenance:
            return Decision(settings.safe_on, Cause.BLIND, f"the probe for {label} is in maintenance (safe state)")
        if sight.age_s >= settings.silence_after_s:
            return Decision(settings.safe_on, Cause.BLIND, f"{label} ({channel}) is silent (safe state)")
    return None


def _stand_in(world: World) -> Decision | None:
    if world.stands_in_for is None:
        return None
    return Decision(on=True, cause=Cause.STAND_IN, reason=f"{world.stands_in_for} should run and does not")


def _overridden(world: World) -> Decision | None:
    wish = world.override
    if wish is None or world.now_s >= wish.until_s:
        return None
    words = f"{wish.by} set it until {wish.until.astimezone(world.now.tzinfo):%H:%M}: {wish.reason}"
    return Decision(wish.on, Cause.OVERRIDE, words, due_s=wish.until_s)


def _automatic(settings: ActuatorSettings, rules: tuple[RuleMemory, ...], world: World) -> Decision:
    if not settings.rules:
        return Decision(
            settings.normally == "on", Cause.NORMAL, "that is its normal state and nothing speaks against it"
        )
    pairs = list(zip(settings.rules, rules, strict=True))
    # Of several rules, the one that asks for the safe state wins.
    pairs.sort(key=lambda pair: pair[1].on != settings.safe_on)
    rule, known = pairs[0]
    dues = [
        known.turning_since_s + (rule.off_delay_s if known.on else rule.on_delay_s)
        for rule, known in pairs
        if known.turning_since_s is not None
    ]
    return Decision(known.on, Cause.RULE, _rule_words(rule, known, world), due_s=min(dues, default=None))


def _patient(settings: ActuatorSettings, memory: Memory, wish: Decision, world: World) -> Decision:
    """The wish, or what is done instead while it must wait."""
    if wish.on == memory.on:
        return wish
    ran_s = float("inf") if memory.switched_s is None else world.now_s - memory.switched_s
    least_s = settings.min_on_s if memory.on else settings.min_off_s
    if ran_s < least_s:
        word = "run" if memory.on else "rest"
        left = f"its shortest {word} of {_duration(least_s)} is not over"
        return Decision(memory.on, Cause.MINIMUM_TIME, left, due_s=world.now_s + least_s - ran_s)
    if wish.on != settings.safe_on and len(memory.starts_s) >= settings.max_starts_per_h:
        words = f"it has started {len(memory.starts_s)} times within an hour (safe state)"
        return Decision(memory.on, Cause.STARTS, words, due_s=memory.starts_s[0] + STARTS_WINDOW_S)
    night = settings.no_off_at_night
    if memory.on and wish.cause is Cause.RULE and night is not None and not _is_early(settings, world):
        if not world.trusted:
            return Decision(on=True, cause=Cause.NIGHT, reason="the clock is not set, so it may be night")
        if is_night(night, world.now.time()):
            return Decision(on=True, cause=Cause.NIGHT, reason=f"it stays on at night until {night.ends:%H:%M}")
    return wish


def _remember(memory: Memory, decision: Decision, world: World) -> Memory:
    same = memory.since is not None and (memory.on, memory.cause) == (decision.on, decision.cause)
    switched = memory.on != decision.on
    starts = (*memory.starts_s, world.now_s) if switched and decision.on else memory.starts_s
    return replace(
        memory,
        on=decision.on,
        cause=decision.cause,
        since=memory.since if same else world.now,
        switched_s=world.now_s if switched else memory.switched_s,
        starts_s=starts[-60:],
    )


# -- one condition ---------------------------------------------------------------------------------------------------


def _step_rule(rule: OnOffRule, known: RuleMemory, world: World) -> RuleMemory:
    value = world.sights[rule.channel].value
    if value is None:
        return known
    turns = _asks_off(rule, value) if known.on else _asks_on(rule, value)
    if not turns:
        return RuleMemory(known.on)
    since = world.now_s if known.turning_since_s is None else known.turning_since_s
    wait_s = rule.off_delay_s if known.on else rule.on_delay_s
    if world.now_s - since >= wait_s or (known.on and _beyond(rule, value)):
        return RuleMemory(not known.on)
    return RuleMemory(known.on, since)


def _asks_on(rule: OnOffRule, value: float) -> bool:
    return value < rule.on_below if rule.on_below is not None else value > _given(rule.on_above)


def _asks_off(rule: OnOffRule, value: float) -> bool:
    return value > rule.off_above if rule.off_above is not None else value < _given(rule.off_below)


def _beyond(rule: OnOffRule, value: float) -> bool:
    """Whether the value is so far beyond the OFF limit that nothing need be waited for."""
    if rule.early_off is None:
        return False
    if rule.off_above is not None:
        return value >= rule.off_above + rule.early_off
    return value <= _given(rule.off_below) - rule.early_off


def _is_early(settings: ActuatorSettings, world: World) -> bool:
    values = [(rule, world.sights[rule.channel].value) for rule in settings.rules]
    return all(value is not None and _beyond(rule, value) for rule, value in values)


def _holds(lock: Interlock, world: World, *, held: bool) -> bool:
    if lock.input is not None:
        contact = world.contacts.get(lock.input)
        return contact is not None and contact.trouble
    sight = world.sights[str(lock.channel)]
    if sight.value is None:
        return False  # blindness takes care of it
    limit = _given(lock.below if lock.below is not None else lock.above)
    band = lock.hysteresis if lock.hysteresis is not None else default_hysteresis(sight.quantity, limit)
    if lock.below is not None:
        return sight.value < limit + (band if held else 0.0)
    return sight.value > limit - (band if held else 0.0)


def is_night(night: NightSettings, local: time) -> bool:
    """Whether a local time is in the hours of darkness, which usually pass midnight."""
    if night.begins <= night.ends:
        return night.begins <= local < night.ends
    return local >= night.begins or local < night.ends


# -- words -----------------------------------------------------------------------------------------------------------


def _rule_words(rule: OnOffRule, known: RuleMemory, world: World) -> str:  # noqa: PLR0911  (six situations, six sentences)
    sight = world.sights[rule.channel]
    if sight.value is None:
        return f"{_label(sight.quantity)} has not been heard since the start, so nothing changes yet"
    on_limit = _given(rule.on_below if rule.on_below is not None else rule.on_above)
    off_limit = _given(rule.off_above if rule.off_above is not None else rule.off_below)
    low = rule.on_below is not None
    shown, on_shown, off_shown = (_shown(value, sight.quantity) for value in (sight.value, on_limit, off_limit))
    label = _label(sight.quantity)
    if known.on:
        if _asks_on(rule, sight.value):
            return f"{label} {shown} {'<' if low else '>'} {on_shown}"
        if _asks_off(rule, sight.value):
            return f"{label} {shown} is good again, but not yet for {_duration(rule.off_delay_s)}"
        return f"{label} {shown} has not come {'above' if low else 'below'} {off_shown}"
    if _asks_on(rule, sight.value):
        return (
            f"{label} {shown} is {'below' if low else 'above'} {on_shown}, but not yet for {_duration(rule.on_delay_s)}"
        )
    if _asks_off(rule, sight.value):
        return f"{label} {shown} {'>' if low else '<'} {off_shown}"
    return f"{label} {shown} has not gone {'below' if low else 'above'} {on_shown}"


def _lock_words(lock: Interlock, world: World) -> str:
    if lock.input is not None:
        return world.contacts[lock.input].words
    sight = world.sights[str(lock.channel)]
    below = lock.below is not None
    limit = _given(lock.below if below else lock.above)
    shown, bound = _shown(_given(sight.value), sight.quantity), _shown(limit, sight.quantity)
    if (_given(sight.value) < limit) == below:
        return f"{_label(sight.quantity)} {shown} {'<' if below else '>'} {bound}"
    return f"{_label(sight.quantity)} {shown} is not well {'above' if below else 'below'} {bound}"


def _label(quantity: str) -> str:
    label = QUANTITIES[quantity].label
    return label if label.startswith("pH") else label[0].lower() + label[1:]


def _shown(value: float, quantity: str) -> str:
    return with_unit(value, QUANTITIES[quantity])


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004  (two minutes read as seconds)


def _given(value: float | None) -> float:
    """A limit that the settings' validation has made sure of."""
    if value is None:
        raise ValueError("a rule without a limit passed validation")
    return value
