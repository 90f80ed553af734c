"""Settings of the Home Assistant discovery host: which discovered entity is which channel."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, model_validator

from edge.sections import Section
from edge.sensors.settings import BrokerSensorSettings, ChannelSettings

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class Match(Section):
    """Patterns that an entity must fit; all that are given must. ``*`` and ``?`` as in file names, case does not matter."""

    node: str | None = None
    """Node part of the discovery topic (``homeassistant/sensor/<node>/<object>/config``)."""
    object: str | None = None
    """Object part of the discovery topic."""
    unique_id: str | None = None
    """Unique id that the node gives the entity; the surest of all."""
    name: str | None = None
    """Name of the entity."""
    device: str | None = None
    """Name or any identifier of the device."""
    area: str | None = None
    """Area that the device suggests."""

    @model_validator(mode="after")
    def _says_something(self) -> Match:
        if not self.model_fields_set:
            raise ValueError("give at least one pattern: node, object, unique_id, name, device or area")
        return self

    def fits(self, **have: str | tuple[str, ...]) -> bool:
        """Whether an entity with these properties is meant."""
        for field, pattern in self:
            if pattern is None:
                continue
            found = have[field]
            values = (found,) if isinstance(found, str) else found
            if not any(fnmatchcase(value.lower(), pattern.lower()) for value in values):
                return False
        return True


class EntityChannel(ChannelSettings):
    """One entity. ``scale`` and ``offset`` apply after the conversion of its unit."""

    match: Match
    """Which entity it is; when several fit, none is taken and the page tells which."""
    assume_unit: str | None = None
    """Unit of an entity that names none (pH needs none); None refuses such an entity."""


class HomeAssistantSensor(BrokerSensorSettings):
    """The nodes on one broker that announce themselves for Home Assistant."""

    driver: Literal["home_assistant"] = "home_assistant"
    """The driver of this folder."""
    prefix: str = Field(default="homeassistant", pattern=r"^[^+#]+$")
    """Discovery prefix that the nodes use."""
    channels: tuple[EntityChannel, ...] = ()
    """What it measures. May be empty at first: the page then lists what was discovered, for adoption."""
