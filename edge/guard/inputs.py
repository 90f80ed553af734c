"""Contacts that watch over life: mains power, flow switches, floats. Debounced, and a cut cable or a silent node is trouble.

``debounce`` is pure; ``Inputs`` hears the farm's broker, looks at the box's own pins and gives each contact's present state to
rules and alarms.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import structlog

from edge.clock import Clock
from edge.guard.actuators.recorder import Fault
from edge.guard.actuators.rules import Contact
from edge.guard.farm_link import FarmLinks, text_of
from edge.guard.gpio import OpenPin, Pin, PinLostError, open_pin
from edge.guard.settings import InputSettings
from edge.messaging.routes import Handler
from edge.sections import GpioPin

log = structlog.get_logger()

LOOK_S = 0.1
"""How often a pin is read: far below any debounce time, and nothing of a processor."""

WORDS = {
    "power": ("mains power is present", "mains power is lost"),
    "flow": ("water flows", "the water flow has stopped"),
    "level": ("the water level is right", "the water level is wrong"),
    "pressure": ("the supply pressure is right", "the supply pressure is lost"),
}
"""What each kind says when it is well, and when it is not."""


@dataclass(frozen=True)
class InputState:
    """One contact as it counts, and what it said last.

    Attributes:
        good: the debounced state; None until it has been heard.
        raw: the newest report.
        raw_since_s: when it began to say that.
        heard_s: when it was last heard.
    """

    good: bool | None = None
    raw: bool | None = None
    raw_since_s: float = 0.0
    heard_s: float | None = None


def hear(state: InputState, *, good: bool, now_s: float) -> InputState:
    """Take one report into account."""
    since = state.raw_since_s if state.raw == good else now_s
    return replace(state, raw=good, raw_since_s=since, heard_s=now_s)


def debounce(state: InputState, *, debounce_s: float, now_s: float) -> InputState:
    """Let a report that has held long enough count. The first report counts after the same time."""
    if state.raw is not None and state.raw != state.good and now_s - state.raw_since_s >= debounce_s:
        return replace(state, good=state.raw)
    return state


def is_silent(settings: InputSettings, state: InputState, *, started_s: float, now_s: float) -> bool:
    """Whether nothing has been heard for too long."""
    if settings.silence_after_s is None:
        return False
    return now_s - (started_s if state.heard_s is None else state.heard_s) >= settings.silence_after_s


class Inputs:
    """All contacts of a box."""

    def __init__(
        self,
        inputs: Sequence[InputSettings],
        links: FarmLinks,
        *,
        places: dict[str, str],
        clock: Clock,
        open_pin: OpenPin = open_pin,
    ) -> None:
        self._open_pin = open_pin
        self._pins: dict[str, Pin] = {}
        self._refused: dict[str, str] = {}
        self._clock = clock
        self._places = places
        self._started_s = clock.monotonic()
        self._lock = threading.Lock()
        self.settings = tuple(inputs)
        self._states = {contact.name: InputState() for contact in inputs}
        for contact in inputs:
            if contact.topic is not None:
                links.to(contact.broker).route(contact.topic, self._handler(contact))

    @property
    def has_pins(self) -> bool:
        """Whether any contact is wired to the box itself."""
        return any(contact.pin is not None for contact in self.settings)

    def run(self, stop: threading.Event) -> None:
        """Look at the box's own pins until ``stop`` is set."""
        try:
            while not stop.wait(LOOK_S):
                self.look()
        finally:
            for pin in self._pins.values():
                pin.close()

    def look(self) -> None:
        """Read every pin once. One that cannot be read says nothing, and its silence becomes an alarm."""
        for contact in self.settings:
            if contact.pin is not None:
                self._read(contact, contact.pin)

    def _read(self, contact: InputSettings, wanted: GpioPin) -> None:
        try:
            if contact.name not in self._pins:
                self._pins[contact.name] = self._open_pin(wanted, "in", False)  # noqa: FBT003  (as OpenPin says)
            good = self._pins[contact.name].read()
        except PinLostError as error:
            if self._refused.get(contact.name) != str(error):
                self._refused[contact.name] = str(error)
                log.warning("contact.not_read", contact=contact.name, reason=str(error))
            lost = self._pins.pop(contact.name, None)
            if lost is not None:
                lost.close()
            return
        self._refused.pop(contact.name, None)
        with self._lock:
            self._states[contact.name] = hear(self._states[contact.name], good=good, now_s=self._clock.monotonic())

    def states(self, *, now_s: float) -> dict[str, InputState]:
        """Every contact as it counts now."""
        with self._lock:
            for contact in self.settings:
                state = self._states[contact.name]
                self._states[contact.name] = debounce(state, debounce_s=contact.debounce_s, now_s=now_s)
            return dict(self._states)

    def contacts(self, *, now_s: float) -> dict[str, Contact]:
        """Every contact for the rules; one that is silent is in trouble."""
        found = {}
        for contact, state in zip(self.settings, self.states(now_s=now_s).values(), strict=True):
            place = self._places.get(contact.unit, contact.unit)
            if is_silent(contact, state, started_s=self._started_s, now_s=now_s):
                found[contact.name] = Contact(trouble=True, words=f"the contact {contact.name} of {place} is silent")
            else:
                lost = state.good is False
                found[contact.name] = Contact(trouble=lost, words=f"{WORDS[contact.kind][lost]} in {place}")
        return found

    def faults(self, *, now_s: float) -> Iterator[Fault]:
        """Both faults of every contact, wrong or not."""
        contacts, states = self.contacts(now_s=now_s), self.states(now_s=now_s)
        for contact in self.settings:
            state = states[contact.name]
            words = contacts[contact.name].words
            where = f"{contact.unit}/{contact.name}/{contact.kind}"
            silent = is_silent(contact, state, started_s=self._started_s, now_s=now_s)
            yield Fault(f"{where}.silent", silent, words[0].upper() + words[1:])
            if state.good is not None:  # silence neither ends a trouble nor makes one of another kind
                place = self._places.get(contact.unit, contact.unit)
                words = f"{WORDS[contact.kind][not state.good]} in {place}"
                yield Fault(f"{where}.lost", not state.good, words[0].upper() + words[1:])

    def _handler(self, contact: InputSettings) -> Handler:
        def handle(_topic: str, payload: bytes) -> None:
            said = text_of(payload, contact.pointer)
            if said is None:
                return
            now_s = self._clock.monotonic()
            with self._lock:
                self._states[contact.name] = hear(self._states[contact.name], good=said == contact.good, now_s=now_s)

        return handle
