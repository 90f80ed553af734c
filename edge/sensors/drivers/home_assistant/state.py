"""What the host knows: entities, who of them is which channel, who is available, what is fresh. Pure: ``now_s`` is an argument.

A retained state has no age, so it never becomes a reading. An entity whose node is said to be offline but which sends a
number is believed as SUSPECT: a last will that overtakes the reconnection is a common fault, a lost probe is a worse one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.quality import QualityFlag
from contracts.quantities import QUANTITIES
from edge.sensors.driver import RawReading, Unmatched
from edge.sensors.drivers.home_assistant.discovery import Availability, DiscoveryError, Entity, entities_of
from edge.sensors.drivers.home_assistant.settings import EntityChannel
from edge.sensors.drivers.home_assistant.template import NotInMessageError, UndefinedError, evaluate
from edge.sensors.units import UnitError, conversion

MAX_ENTITIES = 2_000
SHOWN_UNMATCHED = 100
_CLASSES = {
    "temperature": "temperature", "ph": "ph", "conductivity": "conductivity", "atmospheric_pressure": "pressure",
    "pressure": "pressure", "current": "current", "distance": "level", "volume_flow_rate": "flow", "power": "power",
    "voltage": "orp",
}  # fmt: skip
_WORDS = {
    "oxygen": "do", "orp": "orp", "redox": "orp", "salinity": "salinity", "turbidity": "turbidity", "ammonia": "tan",
    "nitrite": "no2", "nitrate": "no3", "level": "level", "flow": "flow", "temperature": "temperature", "ph": "ph",
}  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """What one message gave."""

    readings: tuple[RawReading, ...] = ()
    faults: tuple[str, ...] = ()


class DiscoveryHost:
    """Keeps track of the entities of one broker."""

    def __init__(self, channels: Sequence[EntityChannel], prefix: str) -> None:
        self._channels = channels
        self._prefix = prefix
        self._announced: dict[str, tuple[Entity, ...]] = {}
        """Entities by discovery topic."""
        self._refused: dict[str, str] = {}
        self._fitting: dict[str, dict[str, list[Entity]]] = {channel.name: {} for channel in channels}
        """Entities that fit a channel, by channel and discovery topic."""
        self._bound: dict[str, Entity] = {}
        self._troubles: dict[str, str] = {}
        self._said: dict[Availability, bool] = {}
        self._said_last: dict[str, bool] = {}
        """What an entity's availability topics said last, whichever it was."""
        self._heard_s: dict[str, float] = {}
        self._bind(0.0)

    # -- discovery -------------------------------------------------------------------------------------------------

    def announce(self, topic: str, payload: bytes, now_s: float) -> None:
        """Take in a discovery message."""
        self._refused.pop(topic, None)
        try:
            entities = entities_of(topic, payload, self._prefix)
        except DiscoveryError as error:
            entities = []
            if len(self._refused) < MAX_ENTITIES:
                self._refused[topic] = str(error)
        known = sum(len(found) for found in self._announced.values())
        if topic not in self._announced and known + len(entities) > MAX_ENTITIES:
            return
        self._announced[topic] = tuple(entities)
        if not entities:
            del self._announced[topic]
        for channel in self._channels:
            self._fitting[channel.name].pop(topic, None)
            if fitting := [entity for entity in entities if _fits(channel, entity)]:
                self._fitting[channel.name][topic] = fitting
        self._bind(now_s)

    def _bind(self, now_s: float) -> None:
        """Decide for every channel which entity it is."""
        self._bound.clear()
        self._troubles.clear()
        for channel in self._channels:
            fitting = [entity for found in self._fitting[channel.name].values() for entity in found]
            if len(fitting) > 1:
                self._troubles[channel.name] = f"several entities fit: {', '.join(e.key for e in fitting[:5])}"
            elif not fitting:
                self._troubles[channel.name] = "no discovered entity fits yet"
            elif wrong := _unit_trouble(channel, fitting[0]):
                self._troubles[channel.name] = wrong
            else:
                self._bound[channel.name] = fitting[0]
                self._heard_s.setdefault(channel.name, now_s)

    def topics(self) -> set[str]:
        """State and availability topics of the entities that are channels."""
        found = {entity.state_topic for entity in self._bound.values()}
        return found | {a.topic for entity in self._bound.values() for a in entity.availability}

    # -- messages --------------------------------------------------------------------------------------------------

    def hear(self, topic: str, payload: bytes, *, retained: bool, now_s: float) -> Heard:
        """Take in a message on a state or availability topic."""
        text = payload.decode("utf-8", errors="replace")
        readings: list[RawReading] = []
        faults: list[str] = []
        for channel in self._channels:
            entity = self._bound.get(channel.name)
            if entity is None:
                continue
            self._note_availability(entity, topic, text)
            if entity.state_topic != topic:
                continue
            if retained:
                faults.append(f"{channel.name}: a retained value has no age")
                continue
            try:
                number = _number(entity, text)
            except NotInMessageError:
                continue
            except UndefinedError as error:
                faults.append(f"{channel.name}: {error}")
                continue
            self._heard_s[channel.name] = now_s
            factor, offset = conversion(channel.quantity, _unit_of(channel, entity))
            offline = self.available(entity) is False
            readings.append(
                RawReading(
                    channel,
                    channel.scaled(number * factor + offset),
                    None,
                    QualityFlag.SUSPECT if offline else None,
                    "unavailable" if offline else None,
                )
            )
        return Heard(tuple(readings), tuple(faults))

    def _note_availability(self, entity: Entity, topic: str, text: str) -> None:
        for one in entity.availability:
            if one.topic != topic:
                continue
            try:
                said = str(evaluate(one.template, text)) if one.template else text
            except UndefinedError:
                continue
            if said in {one.available, one.not_available}:
                self._said[one] = said == one.available
                self._said_last[entity.key] = said == one.available

    def available(self, entity: Entity) -> bool | None:
        """Whether its node says that it can be believed; None while it has said nothing."""
        said = [self._said[one] for one in entity.availability if one in self._said]
        if not said:
            return None
        if entity.availability_mode == "all":
            return all(said)
        if entity.availability_mode == "any":
            return any(said)
        return self._said_last.get(entity.key)

    # -- what to show ----------------------------------------------------------------------------------------------

    def troubles(self, now_s: float) -> list[str]:
        """What is wrong now, one line per channel, then discovery messages that cannot be used."""
        found = [f"{name}: {trouble}" for name, trouble in sorted(self._troubles.items())]
        for name, entity in sorted(self._bound.items()):
            silent_s = now_s - self._heard_s[name]
            if self.available(entity) is False:
                found.append(f"{name}: its node says that it is offline")
            elif entity.expire_after_s is not None and silent_s > entity.expire_after_s:
                found.append(
                    f"{name}: silent for {silent_s:.0f} s, its node promised one value in {entity.expire_after_s:g} s"
                )
        wrong: dict[str, int] = defaultdict(int)
        for reason in self._refused.values():
            wrong[reason] += 1
        return found + [f"{count} discovered entities cannot be used: {reason}" for reason, count in wrong.items()]

    def unmatched(self) -> tuple[Unmatched, ...]:
        """Entities that no channel takes, those that a farm may want first."""
        taken = {entity.key for entity in self._bound.values()}
        free = [e for found in self._announced.values() for e in found if e.key not in taken]
        listed = [Unmatched(e.key, " / ".join(filter(None, (*e.device[:1], e.name))), guess_quantity(e)) for e in free]
        return tuple(sorted(listed, key=lambda one: (one.quantity is None, one.source))[:SHOWN_UNMATCHED])


def guess_quantity(entity: Entity) -> str | None:
    """Quantity that an entity's class, names and unit suggest; None when nothing fits or the unit contradicts."""
    words = f"{entity.object} {entity.name}".lower().replace("_", " ").replace("-", " ").split()
    candidates = [_WORDS[word] for word in words if word in _WORDS]
    if entity.device_class in _CLASSES and (entity.component == "binary_sensor") == (entity.device_class == "power"):
        candidates.append(_CLASSES[entity.device_class])
    for quantity in candidates:
        if quantity == "do" and entity.unit == "%":
            return "do_sat"
        try:
            conversion(quantity, entity.unit or "")
        except UnitError:
            continue
        return quantity
    return None


def _fits(channel: EntityChannel, entity: Entity) -> bool:
    return channel.match.fits(
        node=entity.node,
        object=entity.object,
        unique_id=entity.unique_id,
        name=entity.name,
        device=entity.device,
        area=entity.area,
    )


def _unit_of(channel: EntityChannel, entity: Entity) -> str:
    return entity.unit if entity.unit is not None else (channel.assume_unit or "")


def _unit_trouble(channel: EntityChannel, entity: Entity) -> str:
    try:
        conversion(channel.quantity, _unit_of(channel, entity))
    except UnitError as error:
        ours = QUANTITIES[channel.quantity].ucum
        return (
            f"{entity.key}: {error}" if entity.unit else f"{entity.key} names no unit: set assume_unit, e.g. {ours!r}"
        )
    return ""


def _number(entity: Entity, text: str) -> float:
    value = evaluate(entity.template, text) if entity.template else text
    if entity.component == "binary_sensor":
        if str(value) in {entity.payload_on, entity.payload_off}:
            return float(str(value) == entity.payload_on)
        raise UndefinedError(f"{value!r} is neither {entity.payload_on!r} nor {entity.payload_off!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UndefinedError(f"{str(value)[:40]!r} is not a number") from None
    if not math.isfinite(number):
        raise UndefinedError(f"{value!r} is not a finite number")
    return number
