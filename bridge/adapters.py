"""The mapping file: how messages of foreign devices become readings.

    mappings:
      - filter: hatchery/+/probe            # {1} is what the first + stood for, {2} the second
        site: north
        device: probes-{1}
        time: /ts                           # JSON pointer (RFC 6901); without it, the moment of receipt
        time_unit: ms                       # iso, s or ms
        readings:
          - {pointer: /o2, channel: "{1}.do", unit: "{1}", quantity: do}
          - {pointer: /temp_f, channel: "{1}.temperature", unit: "{1}", quantity: temperature, scale: 0.5556, offset: -17.78}

Checked when it is read; ``bridge.steps.adapt`` applies it.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bridge.routes import overlap
from contracts.errors import ConfigurationError
from contracts.quantities import QUANTITIES

if TYPE_CHECKING:
    from pathlib import Path

_PLACE = re.compile(r"\{([^{}]*)\}")


class TimeUnit(str, Enum):
    """How a foreign message writes its time."""

    ISO = "iso"
    SECONDS = "s"
    MILLISECONDS = "ms"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class ReadingMapping(_Strict):
    """One number in a foreign message."""

    pointer: str
    """JSON pointer of the number; a message without it just has no such reading."""
    channel: str
    """Template of the channel name."""
    unit: str
    """Template of the rearing unit that the sensor is in."""
    quantity: str
    """Code of the quantity; its unit of measure is fixed (contracts/quantities.py)."""
    scale: float = 1.0
    """Factor to that unit of measure."""
    offset: float = 0.0
    """Added after ``scale``."""

    @field_validator("quantity")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in QUANTITIES:
            message = f"{value!r} is none of {', '.join(QUANTITIES)}"
            raise ValueError(message)
        return value

    @field_validator("pointer")
    @classmethod
    def _is_a_pointer(cls, value: str) -> str:
        return _pointer(value)

    @field_validator("scale")
    @classmethod
    def _keeps_the_value(cls, value: float) -> float:
        if value == 0:
            raise ValueError("a scale of 0 would make every value the same")
        return value


class Mapping(_Strict):
    """Messages of one foreign filter, and the readings in them."""

    filter: str = Field(min_length=1)
    """MQTT filter of the foreign topics; it may not match topics of ``shoal/``."""
    site: str
    """Template of the site."""
    device: str
    """Template of the device that the store shall see."""
    time: str | None = None
    """JSON pointer of the moment of measurement. None takes the receipt, and then a repeat cannot be told from news."""
    time_unit: TimeUnit = TimeUnit.ISO
    """How that moment is written."""
    readings: tuple[ReadingMapping, ...] = Field(min_length=1, max_length=1000)
    """The numbers to take."""

    @field_validator("filter")
    @classmethod
    def _is_a_filter(cls, value: str) -> str:
        levels = value.split("/")
        if any(("+" in level and level != "+") or ("#" in level and level != "#") for level in levels):
            raise ValueError("+ and # stand for whole levels")
        if "#" in levels[:-1]:
            raise ValueError("# can only be the last level")
        if value.startswith("$") or overlap(value, "shoal/#"):
            raise ValueError("it would also match topics of shoal/ or of the broker itself; name the first level")
        return value

    @field_validator("time")
    @classmethod
    def _is_a_pointer(cls, value: str | None) -> str | None:
        return None if value is None else _pointer(value)

    @model_validator(mode="after")
    def _places_exist(self) -> Mapping:
        wildcards = self.filter.split("/").count("+")
        templates = [self.site, self.device]
        templates += [template for reading in self.readings for template in (reading.channel, reading.unit)]
        for template in templates:
            for place in _PLACE.findall(template):
                if not place.isdigit() or not 1 <= int(place) <= wildcards:
                    message = f"{template!r}: {{{place}}} is none of the {wildcards} levels that + stands for"
                    raise ValueError(message)
        return self

    def levels(self, topic: str) -> list[str]:
        """What each ``+`` of the filter stands for in ``topic``."""
        return [level for part, level in zip(self.filter.split("/"), topic.split("/"), strict=False) if part == "+"]


class _MappingFile(_Strict):
    mappings: tuple[Mapping, ...] = Field(min_length=1)


def fill(template: str, levels: list[str]) -> str:
    """``template`` with ``{n}`` replaced by the n-th level."""
    return _PLACE.sub(lambda found: levels[int(found[1]) - 1], template)


def load_mappings(path: Path) -> tuple[Mapping, ...]:
    """Read the mapping file.

    Raises:
        ConfigurationError: names the first field that cannot be used.
    """
    try:
        mappings = _MappingFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).mappings
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(["adapter_file", *(str(part) for part in first["loc"])])
        raise ConfigurationError(field, first["input"], f"{first['msg'].removeprefix('Value error, ')}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            "adapter_file", str(path), f"Write the path of a YAML mapping file: {error}"
        ) from error
    for index, mapping in enumerate(mappings):
        for other in mappings[:index]:
            if overlap(mapping.filter, other.filter):
                field = f"adapter_file.mappings.{index}.filter"
                raise ConfigurationError(field, mapping.filter, f"It overlaps {other.filter}; a message needs one way.")
    return mappings


def _pointer(value: str) -> str:
    if value and not value.startswith("/"):
        message = f"a JSON pointer begins with /, such as /{value}"
        raise ValueError(message)
    return value
