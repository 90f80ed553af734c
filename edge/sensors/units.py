"""Units as devices write them, to the unit of our quantities: a factor and an offset. Pure.

Names are those of UCUM, of Home Assistant (which writes symbols) and of data sheets; a unit that is not listed is refused,
never guessed, because mg/L taken for ug/L kills fish.
"""

from __future__ import annotations

from contracts.quantities import QUANTITIES

_LINEAR: dict[str, dict[str, float]] = {
    "mg/L": {"mg/L": 1, "ppm": 1, "g/m3": 1, "ug/L": 1e-3, "ppb": 1e-3, "g/L": 1e3},
    "%": {"%": 1},
    "[pH]": {"[pH]": 1, "pH": 1, "": 1},
    "g/kg": {"g/kg": 1, "ppt": 1, "PSU": 1, "psu": 1, "‰": 1},
    "uS/cm": {"uS/cm": 1, "mS/cm": 1e3, "S/cm": 1e6, "mS/m": 10, "S/m": 1e4},
    "[NTU]": {"[NTU]": 1, "NTU": 1, "FNU": 1},
    "mV": {"mV": 1, "V": 1e3},
    "cm": {"cm": 1, "mm": 0.1, "m": 100, "in": 2.54, "ft": 30.48},
    "L/min": {"L/min": 1, "L/h": 1 / 60, "L/s": 60, "m3/h": 1000 / 60, "m3/s": 60_000, "gal/min": 3.785411784},
    "hPa": {"hPa": 1, "mbar": 1, "Pa": 0.01, "kPa": 10, "bar": 1e3, "psi": 68.947572932, "mmHg": 1.33322387415},
    "A": {"A": 1, "mA": 1e-3},
    "min": {"min": 1, "s": 1 / 60, "h": 60},
    "1": {"1": 1, "": 1},
}
_CELSIUS = {"Cel": (1.0, 0.0), "[degF]": (5 / 9, -160 / 9), "K": (1.0, -273.15)}
_SPELLINGS = {
    "°C": "Cel", "C": "Cel", "degC": "Cel", "°F": "[degF]", "F": "[degF]", "mg/l": "mg/L", "µg/L": "ug/L", "μg/L": "ug/L",
    "g/m³": "g/m3", "µS/cm": "uS/cm", "μS/cm": "uS/cm", "l/min": "L/min", "L/hour": "L/h", "m³/h": "m3/h", "m³/s": "m3/s",
    "pct": "%", "torr": "mmHg",
}  # fmt: skip


class UnitError(ValueError):
    """The unit cannot be converted into the quantity's unit; the message names those that can."""


def conversion(quantity: str, unit: str) -> tuple[float, float]:
    """Factor and offset from ``unit`` to the unit of ``quantity``: ours = theirs x factor + offset.

    Raises:
        UnitError: the unit does not measure this quantity.
    """
    ours = QUANTITIES[quantity].ucum
    theirs = _SPELLINGS.get(unit, unit)
    table = _CELSIUS if ours == "Cel" else {name: (factor, 0.0) for name, factor in _LINEAR[ours].items()}
    if theirs not in table:
        raise UnitError(f"{unit!r} is no unit of {quantity}; known are {', '.join(name for name in table if name)}")
    return table[theirs]
