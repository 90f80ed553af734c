"""The quantities that a farm measures: code, UCUM unit, basis and plausible range.

The range is what a working sensor can physically report (QARTOD gross range, sensor span), not what is good for fish;
limits for fish are data in ``aquaculture/limits.csv``. Units are UCUM; ``basis`` tells "as what" (as N, as CaCO3),
because UCUM annotations are ignored by converters (facts on vocabulary in docs/architecture.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """One thing that can be measured.

    Attributes:
        code: stable name on the wire and in the database.
        label: English name for people.
        ucum: UCUM unit of every value of this quantity.
        low, high: plausible range in that unit; outside it a sensor is faulty.
        basis: what the number is expressed as, or ``None``.
        decimals: digits after the point that are worth showing.
    """

    code: str
    label: str
    ucum: str
    low: float
    high: float
    basis: str | None = None
    decimals: int = 1


_ALL = (
    Quantity("do", "Dissolved oxygen", "mg/L", 0.0, 40.0, decimals=2),
    Quantity("do_sat", "Oxygen saturation", "%", 0.0, 400.0, basis="saturation", decimals=0),
    Quantity("temperature", "Water temperature", "Cel", -5.0, 45.0),
    Quantity("ph", "pH", "[pH]", 0.0, 14.0, basis="NBS scale", decimals=2),
    Quantity("salinity", "Salinity", "g/kg", 0.0, 50.0, basis="practical salinity"),
    Quantity("conductivity", "Conductivity", "uS/cm", 0.0, 100_000.0, basis="at 25 Cel", decimals=0),
    Quantity("turbidity", "Turbidity", "[NTU]", 0.0, 4_000.0),
    Quantity("tan", "Total ammonia nitrogen", "mg/L", 0.0, 100.0, basis="N", decimals=2),
    Quantity("nh3", "Un-ionized ammonia", "mg/L", 0.0, 20.0, basis="N", decimals=4),
    Quantity("no2", "Nitrite", "mg/L", 0.0, 100.0, basis="N", decimals=2),
    Quantity("no3", "Nitrate", "mg/L", 0.0, 1_000.0, basis="N"),
    Quantity("co2", "Carbon dioxide", "mg/L", 0.0, 500.0),
    Quantity("alkalinity", "Alkalinity", "mg/L", 0.0, 2_000.0, basis="CaCO3", decimals=0),
    Quantity("orp", "Oxidation-reduction potential", "mV", -2_000.0, 2_000.0, decimals=0),
    Quantity("tss", "Total suspended solids", "mg/L", 0.0, 10_000.0),
    Quantity("level", "Water level", "cm", 0.0, 10_000.0),
    Quantity("flow", "Water flow", "L/min", 0.0, 1_000_000.0),
    Quantity("pressure", "Barometric pressure", "hPa", 500.0, 1_100.0),
    Quantity("current", "Motor current", "A", 0.0, 500.0, decimals=2),
    Quantity("oxygen_left", "Oxygen left, at worst, if the supply stops", "min", 0.0, 1_440.0, decimals=0),
    Quantity("do_critical_in", "Time until oxygen is critical", "min", 0.0, 1_440.0, decimals=0),
    Quantity("power", "Power present", "1", 0.0, 1.0, decimals=0),
)

QUANTITIES: dict[str, Quantity] = {quantity.code: quantity for quantity in _ALL}
"""Every known quantity by its code."""

_SYMBOLS = {"Cel": "°C", "[pH]": "", "[NTU]": "NTU", "uS/cm": "µS/cm", "1": ""}


def with_unit(value: float, quantity: Quantity) -> str:
    """A value as people write it: rounded to what is worth showing, with the unit's symbol instead of its UCUM code."""
    symbol = _SYMBOLS.get(quantity.ucum, quantity.ucum)
    return f"{value:.{quantity.decimals}f} {symbol}".rstrip()


LIFE_CRITICAL = frozenset({"do", "flow", "level", "power"})
"""Quantities whose silence is an alarm: fish die within minutes to hours when nobody sees them fail."""
