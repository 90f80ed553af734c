"""How fish grow: specific rate, thermal coefficient, condition, degree-days. Weights are in grams, lengths in centimetres."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

from aquaculture.ranges import OutOfRangeError, require

_IN_GRAMS = "weights are in grams: 0.1 kg is 100"
_KILOGRAM_TGC = "a coefficient near 0.3 belongs to weights in kilograms; with grams it is ten times that"
_SMALL_G = 30.0
_TGC_LEAST = 0.6
_A_WHILE_K_D = 100.0


def specific_growth_rate_percent_day(start_g: float, end_g: float, days: float) -> float:
    """Specific growth rate (SGR) in percent per day; negative for fish that lost weight.

    Source: the definition, 100 (ln W2 - ln W1) / days. Valid 0.001 to 100,000 g, 0.5 to 2000 days.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("start_g", start_g, 0.001, 100_000, "g", remedy=_IN_GRAMS)
    require("end_g", end_g, 0.001, 100_000, "g", remedy=_IN_GRAMS)
    require("days", days, 0.5, 2000, "d")
    return 100 * (log(end_g) - log(start_g)) / days


def thermal_growth_coefficient(start_g: float, end_g: float, degree_days: float) -> float:
    """Thermal growth coefficient (TGC), gram convention: 1000 (W2^1/3 - W1^1/3) / degree-days; salmon have about 3.

    Source: Iwama & Tautz 1981, Can. J. Fish. Aquat. Sci. 38:649, with Cho 1992's factor of 1000. Valid 0.001 to 100,000 g, 1 to
    20,000 K.d. Some software takes kilograms and gets a tenth; weights that look like kilograms are refused.

    Raises:
        OutOfRangeError: an argument is outside its range, or both weights look like kilograms.
    """
    require("start_g", start_g, 0.001, 100_000, "g", remedy=_IN_GRAMS)
    require("end_g", end_g, 0.001, 100_000, "g", remedy=_IN_GRAMS)
    require("degree_days", degree_days, 1, 20_000, "K.d")
    coefficient = float(1000 * (end_g ** (1 / 3) - start_g ** (1 / 3)) / degree_days)
    if end_g < _SMALL_G and 0 < coefficient < _TGC_LEAST and degree_days > _A_WHILE_K_D:
        # Over weeks, fish this small grow faster than that, or die: these are kilograms.
        raise OutOfRangeError("end_g", end_g, _SMALL_G, 100_000, "g", remedy=_IN_GRAMS)
    return coefficient


def forecast_weight_g(start_g: float, coefficient: float, degree_days: float) -> float:
    """Weight in g after so many degree-days at a thermal growth coefficient (gram convention).

    Source: Iwama & Tautz 1981, solved for the weight. Valid 0.001 to 100,000 g, a coefficient of 0.6 to 8, 0 to 20,000 K.d.

    Raises:
        OutOfRangeError: an argument is outside its range; a coefficient near 0.3 is the kilogram convention.
    """
    require("start_g", start_g, 0.001, 100_000, "g", remedy=_IN_GRAMS)
    require("coefficient", coefficient, _TGC_LEAST, 8, "1", remedy=_KILOGRAM_TGC)
    require("degree_days", degree_days, 0, 20_000, "K.d")
    return float((start_g ** (1 / 3) + coefficient * degree_days / 1000) ** 3)


def condition_factor(weight_g: float, length_cm: float) -> float:
    """Fulton's condition factor K = 100 W / L^3: about 1.1 to 1.4 for salmonids in good condition.

    Source: Fulton 1904, as defined with g and cm (fork length). Valid 0.01 to 100,000 g and 1 to 200 cm.

    Raises:
        OutOfRangeError: an argument is outside its range, or the two make no fish (K outside 0.1 to 10).
    """
    require("weight_g", weight_g, 0.01, 100_000, "g", remedy=_IN_GRAMS)
    require("length_cm", length_cm, 1, 200, "cm", remedy="lengths are in centimetres")
    factor = 100 * weight_g / length_cm**3
    require("condition_factor", factor, 0.1, 10, "1", remedy="no fish has this shape: weight in grams, length in cm")
    return factor


def degree_days(daily_means_c: Iterable[float], *, base_c: float = 0.0) -> float:
    """Sum of daily mean temperatures above ``base_c``, in K.d; days below it count nothing.

    Source: the definition (UCUM ``K.d``). Valid -3 to 45 Cel.

    Raises:
        OutOfRangeError: a temperature is outside its range.
    """
    total = 0.0
    for mean_c in daily_means_c:
        require("daily_means_c", mean_c, -3, 45, "Cel")
        total += max(0.0, mean_c - base_c)
    return total
