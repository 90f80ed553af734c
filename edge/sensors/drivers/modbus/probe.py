"""Register maps: what a probe keeps in which register, as data. One YAML file per probe under firmware_configs/probes.

Register numbers are written as the maker's manual writes them; ``first_register`` says which number the manual gives to the
register with protocol address 0 (0, 1 or 40001), which is where most mistakes with Modbus are made.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, model_validator

import edge
from contracts.base import Slug
from contracts.errors import ConfigurationError
from edge.sections import QuantityCode, Section
from edge.sensors.units import UnitError, conversion

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.

_PACKAGE = Path(edge.__file__).parent
FOLDERS = (_PACKAGE / "firmware_configs" / "probes", _PACKAGE.parent / "firmware_configs" / "probes")
"""Where the shipped maps are: inside the wheel, and in a source tree."""

Table = Literal["holding", "input", "coil", "discrete"]
WORDS = {
    "bool": 1,
    "uint16": 1,
    "int16": 1,
    "uint32": 2,
    "int32": 2,
    "float32": 2,
    "uint64": 4,
    "int64": 4,
    "float64": 4,
}
"""Registers that each type takes."""


class Place(Section):
    """One number in the registers."""

    register_: int = Field(alias="register", ge=0)
    """Number as in the manual; see ``first_register``."""
    table: Table = "holding"
    """Table that it is in: holding (function 3), input (4), coil (1) or discrete (2)."""
    type: Literal["bool", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"] = "uint16"
    """How the registers make a number; coils and discrete inputs are ``bool``."""
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] | None = None
    """Order of the bytes A (highest) to D; CDAB swaps the words. None takes the map's."""


class UnitPlace(Place):
    """A register that says which unit the probe is set to."""

    units: dict[int, str] = Field(min_length=1)
    """Unit by the code in the register; an unknown code makes the value unusable."""


class QualityPlace(Place):
    """A register in which the probe says what it thinks of its value; a code in neither list is FAIL."""

    good: tuple[int, ...] = Field(min_length=1)
    """Codes of a value that can be used."""
    suspect: tuple[int, ...] = ()
    """Codes of a value with a warning (calibration or cap expired)."""


class ProbeValue(Place):
    """One quantity that the probe measures."""

    quantity: QuantityCode
    """Quantity code of contracts/quantities.py."""
    unit: str
    """Unit of the number after ``scale`` and ``offset``; converted into the quantity's unit."""
    scale: float = 1.0
    """Multiplier of the raw number (a register in hundredths: 0.01)."""
    offset: float = 0.0
    """Added after scaling."""
    unit_place: UnitPlace | None = None
    """Register with the unit that somebody may have set; None: it is always ``unit``."""
    quality: QualityPlace | None = None
    """Register with the probe's own verdict; None: it has none."""
    sentinels: tuple[float, ...] = ()
    """Raw numbers that mean "no measurement" (32767, -9999)."""
    sentinel_place: Place | None = None
    """Register that holds such a number. With a ``quality`` register that decides, it only names the reason: a probe whose
    sentinel is 0.0 must still be able to report water without oxygen."""
    range: tuple[float, float] | None = None
    """What the probe can report, in the quantity's unit; outside it is FAIL. None leaves it to the quantity's range."""

    @model_validator(mode="after")
    def _units_convert(self) -> ProbeValue:
        try:
            for unit in (self.unit, *(self.unit_place.units.values() if self.unit_place else ())):
                conversion(self.quantity, unit)
        except UnitError as error:
            raise ValueError(str(error)) from error
        return self


class IdentityPlace(Place):
    """A register that tells which probe this is."""

    expect: tuple[int, ...] = Field(min_length=1)
    """Codes of the probes that this map is for."""


class LineDefaults(Section):
    """How the probe's serial port leaves the factory."""

    baud: int = Field(default=19200, ge=300, le=1_000_000)
    """Bits per second."""
    parity: Literal["N", "E", "O"] = "E"
    """None, even or odd."""
    stop_bits: Literal[1, 2] = 1
    """Stop bits."""


class ProbeMap(Section):
    """The register map of one kind of probe."""

    name: Slug
    """Name of the map; the file has the same."""
    maker: str
    """Who makes it."""
    model: str
    """Models that it is for."""
    source: str
    """Manual and page that the registers are from."""
    first_register: int = Field(ge=0)
    """Number that the manual gives to the register with protocol address 0."""
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    """Byte order of numbers that do not say their own."""
    line: LineDefaults = LineDefaults()
    """Serial settings ex works."""
    address: int = Field(default=1, ge=1, le=247)
    """Slave address ex works."""
    max_block: int = Field(default=60, ge=1, le=125)
    """Most registers in one request; the protocol allows 125."""
    max_gap: int = Field(default=8, ge=0, le=124)
    """Unwanted registers that are read along to save a request; 0 for probes that refuse holes in their map."""
    warm_up_s: float = Field(default=0.0, ge=0)
    """Seconds after it has come back in which its values are SUSPECT."""
    identity: IdentityPlace | None = None
    """Register that tells which probe this is; None: it has none."""
    values: dict[str, ProbeValue] = Field(min_length=1)
    """What it measures, by the name that a channel uses."""

    @model_validator(mode="after")
    def _places_exist(self) -> ProbeMap:
        for name, value in self.values.items():
            for place in (value, value.unit_place, value.quality, value.sentinel_place):
                if place is not None and place.register_ < self.first_register:
                    raise ValueError(
                        f"{name}: register {place.register_} lies before first_register {self.first_register}"
                    )
                if place is not None and (place.type == "bool") != (place.table in {"coil", "discrete"}):
                    raise ValueError(f"{name}: coils and discrete inputs, and only they, have the type bool")
        return self


def shipped_maps() -> list[str]:
    """Names of the maps that come with the agent."""
    return sorted({path.stem for folder in FOLDERS for path in folder.glob("*.yaml")})


@lru_cache(maxsize=64)
def load_map(name: str, field: str) -> ProbeMap:
    """The map of this name, or in the file of this path.

    Raises:
        ConfigurationError: there is none, or something in it is wrong; the field and the place in the file are named.
    """
    candidates = [Path(name)] if name.endswith((".yaml", ".yml")) else [f / f"{name}.yaml" for f in FOLDERS]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        near = difflib.get_close_matches(name, shipped_maps(), n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise ConfigurationError(
            field,
            name,
            f"There is no such map. {hint}Shipped are {', '.join(shipped_maps())}; a map of your own is the path of a YAML"
            " file.",
        )
    try:
        return ProbeMap.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(field, name, f"{path} cannot be read: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"; it is {first['input']!r}" if isinstance(first["input"], (str, int, float)) else ""
        remedy = f"In {path.name}, {where or 'at the top'}: {first['msg'].removeprefix('Value error, ')}{said}."
        raise ConfigurationError(field, name, remedy) from error
