"""Readings, contacts and wishes in; outputs told, and why, out. Needs no cloud, no uplink and no disk to act.

One thread decides and tells the outputs: it wakes with every reading and four times a second, and never waits for a disk, a
network or a lock that is held over either; the recorder's thread persists what was done and raises the alarms. Readings come from the sampler's thread before they are batched.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from contracts.devices import DeviceEvent
from contracts.telemetry import Reading
from edge.clock import Clock
from edge.errors import ActuationRefusedError, LinkDownError
from edge.guard.actuators.outputs import Output, Report
from edge.guard.actuators.proof import Clamp, Verdict, judge
from edge.guard.actuators.recorder import Fault, Record, Recorder
from edge.guard.actuators.rules import (
    HARD,
    Decision,
    Memory,
    Override,
    Sight,
    World,
    channels_of,
    decide,
    fresh_memory,
    sentence,
)
from edge.guard.alarms import UNUSABLE, AlarmGuard
from edge.guard.farm_link import FarmLink
from edge.guard.inputs import Inputs
from edge.guard.settings import ActuatorSettings, GuardSettings
from edge.guard.siren import SirenState, silence, sound
from edge.outbox.store import Outbox

log = structlog.get_logger()

STATE_PREFIX = "actuator:"
TICK_S = 0.25
"""Longest time between two looks: silence, delays and reassertion are noticed within it."""
OLD = timedelta(minutes=10)
"""A value that was measured longer ago is history; wide enough for a node whose clock is some minutes slow."""
UNREACHABLE_S = 10.0
"""How long a relay may be away or say otherwise before that is an alarm and its backup stands in."""


@dataclass(frozen=True)
class ActuatorView:
    """One actuator for the page, the metrics and the doctor."""

    name: str
    title: str
    unit: str
    kind: str
    on: bool
    cause: str
    sentence: str
    since: datetime | None
    reachable: bool
    reported: bool | None
    trouble: str
    proof: Verdict
    amperes: float | None
    override: Override | None


@dataclass(frozen=True)
class SirenView:
    """The siren for the page."""

    sounding: bool
    silenced: bool
    reachable: bool


@dataclass
class _Actuator:
    """One actuator at work; touched by the deciding thread alone."""

    settings: ActuatorSettings
    output: Output
    memory: Memory
    decision: Decision | None = None
    verdict: Verdict = Verdict.NONE
    bad_since_s: float | None = None
    failed: bool = False
    trouble: str = ""
    """What has been wrong with its relay for ``UNREACHABLE_S``."""
    obeys: bool = False
    """Nothing is wrong with its relay now."""


class Actuators:
    """Everything that the box switches.

    Args:
        outputs: one for every actuator by name, and one for the siren by its name.
        quantities: quantity of every channel of the box.
        heartbeat: link on which nodes hear that the deciding thread is alive.
        in_maintenance: whether a channel's probe is being worked on, so that its value decides nothing.
        observe_latency: gets the seconds from a reading's arrival, or the end of its delay, to the told output.
    """

    def __init__(
        self,
        settings: GuardSettings,
        *,
        outputs: Mapping[str, Output],
        inputs: Inputs,
        alarms: AlarmGuard,
        outbox: Outbox,
        quantities: Mapping[str, str],
        clock: Clock,
        heartbeat: FarmLink | None = None,
        in_maintenance: Callable[[str], bool] = lambda _channel: False,
        observe_latency: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._settings = settings
        self._inputs = inputs
        self._alarms = alarms
        self._outbox = outbox
        self._quantities = dict(quantities)
        self._clock = clock
        self._heartbeat = heartbeat
        self._in_maintenance = in_maintenance
        self._observe_latency = observe_latency
        self._zone = ZoneInfo(settings.timezone) if settings.timezone is not None else None
        self._started_s = clock.monotonic()
        self._beat_s = float("-inf")
        self._seen: dict[str, tuple[float, float]] = {}
        """Value and time of arrival of each channel's last usable reading."""
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._overrides: dict[str, Override] = {}
        self.recorder = Recorder(outbox, alarms, faults=self.faults, clock=clock)
        self._siren = SirenState()
        self._siren_output = outputs[settings.siren.name] if settings.siren is not None else None
        kept = self._restore()
        self._actuators = {
            actuator.name: _Actuator(
                actuator, outputs[actuator.name], fresh_memory(actuator, on=kept.get(actuator.name))
            )
            for actuator in settings.actuators
        }
        self._views: dict[str, ActuatorView] = {}
        self._watched = sorted(
            {c for a in settings.actuators for c in channels_of(a)}
            | {a.proof.channel for a in settings.actuators if a.proof is not None}
        )

    # -- what others tell it -------------------------------------------------------------------------------------

    def see(self, readings: Sequence[Reading], *, now_s: float) -> None:
        """Take readings in; returns at once. What a broker or node kept while nobody listened decides nothing any more."""
        oldest = self._clock.now() - OLD if self._clock.trusted() else None
        for reading in readings:
            if reading.quality not in UNUSABLE and (oldest is None or reading.observed_at >= oldest):
                self._seen[reading.channel] = (reading.value, now_s)
        self._wake.set()

    def override(self, name: str, *, on: bool | None, minutes: float, reason: str, by: str) -> str:
        """A person's or a command's wish: on, off, or None for what the rules say. Returns what happens, in words.

        Raises:
            ActuationRefusedError: no such actuator, too long, or a hard rule is against it.
        """
        actuator = self._actuators.get(name)
        if actuator is None:
            known = ", ".join(sorted(self._actuators)) or "none"
            raise ActuationRefusedError(f"there is no actuator {name!r}; known: {known}")
        title = actuator.settings.title
        if on is None:
            with self._lock:
                self._overrides.pop(name, None)
            self._note("actuator.override_ended", f"{title} follows its rules again ({by})", actuator.settings, by=by)
            self._wake.set()
            return f"{title} follows its rules again"
        longest = actuator.settings.max_override_min
        if not 0 < minutes <= longest:
            raise ActuationRefusedError(f"minutes = {minutes:g} must be above 0 and at most {longest:g}")
        now_s = self._clock.monotonic()
        until = self._clock.now() + timedelta(minutes=minutes)
        wish = Override(on, now_s + minutes * 60, until, reason[:200] or "no reason given", by[:100])
        with self._lock:
            world = self._world(now_s)
            _, decision = decide(actuator.settings, actuator.memory, replace(world, override=wish))
            if decision.cause in HARD and decision.on != on:
                state = "ON" if decision.on else "OFF"
                raise ActuationRefusedError(f"{title} stays {state} because {decision.reason}")
            self._overrides[name] = wish
        words = f"{title} set {'ON' if on else 'OFF'} by {wish.by} until {until.astimezone(self._zone):%H:%M}: {wish.reason}"
        self._note("actuator.override", words, actuator.settings, on=on, by=wish.by, minutes=minutes)
        self._wake.set()
        if decision.on != on:
            return f"{words}; it waits because {decision.reason}"
        return words

    def silence_siren(self, *, by: str) -> bool:
        """Stop the noise, not the alarm; False when there is no siren."""
        if self._settings.siren is None:
            return False
        with self._lock:
            self._siren = silence(self._alarming(), now_s=self._clock.monotonic())
        self._note("siren.silenced", f"Silenced by {by}", None, by=by)
        self._wake.set()
        return True

    # -- what it shows -------------------------------------------------------------------------------------------

    def views(self) -> tuple[ActuatorView, ...]:
        """Every actuator as it is now."""
        return tuple(self._views.values())

    def siren(self) -> SirenView | None:
        """The siren as it is now; None when there is none."""
        if self._siren_output is None:
            return None
        return SirenView(self._siren.sounding, bool(self._siren.silenced), self._siren_output.report().reachable)

    # -- the deciding thread -------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Decide until ``stop`` is set."""
        while not stop.is_set():
            self._wake.wait(self._wait_s())
            self._wake.clear()
            self.step()

    def step(self) -> None:
        """Look at everything once and tell the outputs."""
        now_s = self._clock.monotonic()
        with self._lock:
            world = self._world(now_s)
            overrides = dict(self._overrides)
        for actuator in self._actuators.values():
            name = actuator.settings.name
            stands_in = next(
                (a.settings.title for a in self._actuators.values() if a.failed and a.settings.backup == name), None
            )
            self._act(actuator, replace(world, override=overrides.get(name), stands_in_for=stands_in))
        self._forget_overrides(now_s)
        self._sound(now_s)
        self._beat(now_s)

    def _act(self, actuator: _Actuator, world: World) -> None:
        before, due_s = actuator.memory, actuator.decision.due_s if actuator.decision is not None else None
        actuator.memory, decision = decide(actuator.settings, actuator.memory, world)
        first = actuator.decision is None
        actuator.decision = decision
        actuator.output.want(decision.on, now_s=world.now_s)
        if decision.on != before.on or first:
            if not first:
                self._observe_switch(actuator, due_s)
            self._note_switch(actuator, decision, first=first)
        actuator.output.keep(now_s=world.now_s)
        self._prove(actuator, decision, world)
        self._views[actuator.settings.name] = self._view(actuator, decision, world)

    def _prove(self, actuator: _Actuator, decision: Decision, world: World) -> None:
        settings, report = actuator.settings, actuator.output.report()
        since_s = self._started_s if actuator.memory.switched_s is None else actuator.memory.switched_s
        actuator.verdict = judge(
            settings.proof, on=decision.on, for_s=world.now_s - since_s, clamp=self._clamp(settings, world.now_s)
        )
        trouble = _trouble(report, wanted=decision.on)
        if not trouble:
            actuator.bad_since_s = None
        elif actuator.bad_since_s is None:
            actuator.bad_since_s = world.now_s
        away = actuator.bad_since_s is not None and world.now_s - actuator.bad_since_s >= UNREACHABLE_S
        actuator.trouble = trouble if away else ""
        actuator.obeys = not trouble
        actuator.failed = decision.on and (actuator.verdict is Verdict.NOT_RUNNING or away)

    def _sound(self, now_s: float) -> None:
        if self._settings.siren is None or self._siren_output is None:
            return
        with self._lock:
            self._siren = sound(self._siren, self._alarming(), rearm_s=self._settings.siren.rearm_s, now_s=now_s)
            sounding = self._siren.sounding
        self._siren_output.want(sounding, now_s=now_s)
        self._siren_output.keep(now_s=now_s)

    def _beat(self, now_s: float) -> None:
        settings = self._settings.heartbeat
        if settings is None or self._heartbeat is None or now_s - self._beat_s < settings.every_s:
            return
        self._beat_s = now_s
        try:
            self._heartbeat.publish(settings.topic, "alive")
        except LinkDownError:
            log.debug("heartbeat.not_sent")

    def _forget_overrides(self, now_s: float) -> None:
        with self._lock:
            ended = [name for name, wish in self._overrides.items() if now_s >= wish.until_s]
            for name in ended:
                del self._overrides[name]
        for name in ended:
            settings = self._actuators[name].settings
            self._note("actuator.override_ended", f"{settings.title} follows its rules again", settings)

    def faults(self) -> Iterator[Fault]:
        """Everything that is known to be wrong, or known to be right; what is not known yet changes no alarm."""
        for actuator in self._actuators.values():
            title, kind = actuator.settings.title, actuator.settings.kind
            where = f"{actuator.settings.unit}/{fault_channel(actuator.settings)}/{kind}"
            if actuator.trouble:
                yield Fault(
                    f"{where}.unreachable", present=True, message=f"{title} cannot be relied on: {actuator.trouble}"
                )
            elif actuator.obeys:
                yield Fault(f"{where}.unreachable", present=False, message=f"The relay of {title} obeys again")
            if actuator.verdict in {Verdict.PROVEN, Verdict.NOT_RUNNING, Verdict.RUNS_THOUGH_OFF}:
                missing = actuator.verdict is Verdict.NOT_RUNNING
                words = (
                    f"{title} should run and its current does not show it" if missing else f"{title} is proven again"
                )
                yield Fault(f"{where}.no_proof", missing, words)
                stuck = actuator.verdict is Verdict.RUNS_THOUGH_OFF
                words = f"{title} should rest and draws current" if stuck else f"{title} obeys again"
                yield Fault(f"{where}.runs_though_off", stuck, words)
        yield from self._inputs.faults(now_s=self._clock.monotonic())

    # -- pieces --------------------------------------------------------------------------------------------------

    def _world(self, now_s: float) -> World:
        sights = {}
        for channel in self._watched:
            value, at_s = self._seen.get(channel, (None, self._started_s))
            sights[channel] = Sight(
                self._quantities[channel], value, now_s - at_s, in_maintenance=self._in_maintenance(channel)
            )
        return World(
            now_s=now_s,
            now=self._clock.now().astimezone(self._zone),
            trusted=self._clock.trusted(),
            sights=sights,
            contacts=self._inputs.contacts(now_s=now_s),
        )

    def _wait_s(self) -> float:
        dues = [a.decision.due_s for a in self._actuators.values() if a.decision is not None and a.decision.due_s]
        return min(TICK_S, max(0.001, min(dues, default=float("inf")) - self._clock.monotonic()))

    def _clamp(self, settings: ActuatorSettings, now_s: float) -> Clamp | None:
        seen = self._seen.get(settings.proof.channel) if settings.proof is not None else None
        return None if seen is None else Clamp(seen[0], now_s - seen[1])

    def _alarming(self) -> list[UUID]:
        siren = self._settings.siren
        wanted = siren.severities if siren is not None else ()
        return [
            alarm.alarm_id
            for alarm in self._alarms.active()
            if alarm.severity.value in wanted and not alarm.acknowledged and alarm.shelved is None
        ]

    def _view(self, actuator: _Actuator, decision: Decision, world: World) -> ActuatorView:
        settings, report = actuator.settings, actuator.output.report()
        clamp = self._clamp(settings, world.now_s)
        return ActuatorView(
            name=settings.name,
            title=settings.title,
            unit=settings.unit,
            kind=settings.kind,
            on=decision.on,
            cause=decision.cause.value,
            sentence=sentence(settings, actuator.memory, decision),
            since=actuator.memory.since,
            reachable=report.reachable,
            reported=report.on,
            trouble=_trouble(report, wanted=decision.on),
            proof=actuator.verdict,
            amperes=None if clamp is None else clamp.amperes,
            override=world.override,
        )

    def _observe_switch(self, actuator: _Actuator, due_s: float | None) -> None:
        now_s = self._clock.monotonic()
        heard = [self._seen[channel][1] for channel in channels_of(actuator.settings) if channel in self._seen]
        moments = [moment for moment in (*heard, due_s) if moment is not None and moment <= now_s]
        if moments:
            self._observe_latency(now_s - max(moments))

    def _note_switch(self, actuator: _Actuator, decision: Decision, *, first: bool) -> None:
        settings = actuator.settings
        words = sentence(settings, actuator.memory, decision)
        state = self._state(settings.name, on=decision.on)
        if first:
            self.recorder.put(Record(state=state))
            return
        log.info("actuator.switched", actuator=settings.name, on=decision.on, cause=decision.cause.value, reason=words)
        self._note("actuator.switched", words, settings, state=state, on=decision.on, cause=decision.cause.value)

    def _note(
        self,
        name: str,
        message: str,
        settings: ActuatorSettings | None,
        *,
        state: dict[str, str | None] | None = None,
        **detail: str | float | bool | None,
    ) -> None:
        if settings is not None:
            detail["actuator"] = settings.name
        event = DeviceEvent(
            name=name,
            unit=settings.unit if settings is not None else None,
            occurred_at=self._clock.now(),
            message=message[:1000],
            detail=dict(detail),
        )
        if state is None and settings is not None:
            state = self._state(settings.name, on=self._actuators[settings.name].memory.on)
        self.recorder.put(Record(event, state or {}))

    def _state(self, name: str, *, on: bool) -> dict[str, str | None]:
        kept: dict[str, object] = {"on": on}
        wish = self._overrides.get(name)
        if wish is not None:
            kept["override"] = {"on": wish.on, "until": wish.until.isoformat(), "reason": wish.reason, "by": wish.by}
        return {STATE_PREFIX + name: json.dumps(kept)}

    def _restore(self) -> dict[str, bool]:
        """States from before the restart. An override goes on only when the clock can tell how long it still has."""
        kept: dict[str, bool] = {}
        now = self._clock.now()
        for key, text in self._outbox.state(STATE_PREFIX).items():
            name, memory = key.removeprefix(STATE_PREFIX), json.loads(text)
            kept[name] = bool(memory["on"])
            wish = memory.get("override")
            if wish is not None and self._clock.trusted():
                until = datetime.fromisoformat(wish["until"])
                left_s = (until - now).total_seconds()
                if left_s > 0:
                    self._overrides[name] = Override(
                        bool(wish["on"]), self._started_s + left_s, until, str(wish["reason"]), str(wish["by"])
                    )
        return kept


def fault_channel(settings: ActuatorSettings) -> str:
    """Channel that an actuator's alarms are filed under: its clamp's, or its own name."""
    return settings.proof.channel if settings.proof is not None else settings.name


def _trouble(report: Report, *, wanted: bool) -> str:
    if not report.reachable:
        return report.trouble or "its relay cannot be reached"
    if report.on is not None and report.on != wanted:
        return f"its relay says {'ON' if report.on else 'OFF'}"
    return ""
