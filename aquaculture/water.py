"""How much oxygen water can hold, and how full it is. Checked against published tables in tests/aquaculture."""

from __future__ import annotations

from math import exp

from aquaculture.ranges import require

ZERO_CELSIUS_K = 273.15


def oxygen_solubility_mg_l(temperature_c: float, salinity_g_kg: float = 0.0, pressure_atm: float = 1.0) -> float:
    """Dissolved oxygen at equilibrium with moist air, in mg/L.

    Source: Benson & Krause 1984, as in USGS Office of Water Quality memorandum 2011.03 and APHA 4500-O.

    Args:
        temperature_c: water temperature, 0 to 40 Cel.
        salinity_g_kg: practical salinity, 0 to 40.
        pressure_atm: barometric pressure, 0.5 to 1.1 atm.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("temperature_c", temperature_c, 0, 40, "Cel")
    require("salinity_g_kg", salinity_g_kg, 0, 40, "g/kg")
    require("pressure_atm", pressure_atm, 0.5, 1.1, "atm")
    t_k = temperature_c + ZERO_CELSIUS_K
    fresh = -139.34411 + 1.575701e5 / t_k - 6.642308e7 / t_k**2 + 1.243800e10 / t_k**3 - 8.621949e11 / t_k**4
    salt = salinity_g_kg * (0.017674 - 10.754 / t_k + 2140.7 / t_k**2)
    at_one_atm = exp(fresh - salt)
    theta = 0.000975 - 1.426e-5 * temperature_c + 6.436e-8 * temperature_c**2
    vapour = exp(11.8571 - 3840.70 / t_k - 216961 / t_k**2)
    pressure = pressure_atm * (1 - vapour / pressure_atm) * (1 - theta * pressure_atm) / ((1 - vapour) * (1 - theta))
    return at_one_atm * pressure


def oxygen_saturation_percent(
    do_mg_l: float, temperature_c: float, salinity_g_kg: float = 0.0, pressure_atm: float = 1.0
) -> float:
    """Oxygen saturation in percent of the solubility at this temperature, salinity and pressure.

    Source: the definition, with ``oxygen_solubility_mg_l``.

    Raises:
        OutOfRangeError: ``do_mg_l`` outside 0 to 40 mg/L, or another argument outside the range of the solubility.
    """
    require("do_mg_l", do_mg_l, 0, 40, "mg/L")
    return 100 * do_mg_l / oxygen_solubility_mg_l(temperature_c, salinity_g_kg, pressure_atm)


def oxygen_mg_l(
    saturation_percent: float, temperature_c: float, salinity_g_kg: float = 0.0, pressure_atm: float = 1.0
) -> float:
    """Dissolved oxygen in mg/L from a saturation in percent (0 to 400); inverse of ``oxygen_saturation_percent``.

    Source: the definition, with ``oxygen_solubility_mg_l``.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("saturation_percent", saturation_percent, 0, 400, "%")
    return saturation_percent / 100 * oxygen_solubility_mg_l(temperature_c, salinity_g_kg, pressure_atm)
