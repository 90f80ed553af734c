"""Toxic ammonia: total ammonia nitrogen (TAN) is measured, its un-ionized share harms.

The share grows tenfold with each unit of pH, so the pH scale is part of the number: probes calibrated in NIST buffers read the
NBS scale, laboratories of the sea the total scale, and the same 8.1 means 5 % or 6.7 % (25 Cel, 35 g/kg).
"""

from __future__ import annotations

from enum import Enum
from math import log10, sqrt

from aquaculture.ranges import require
from aquaculture.water import ZERO_CELSIUS_K

SEA_FROM_G_KG = 5.0
"""Below this salinity the formula of fresh water holds; above it that of the sea."""


class PhScale(str, Enum):
    """What a pH was calibrated against."""

    NBS = "nbs"
    """NIST (NBS) buffers; nearly every probe at a farm."""
    TOTAL = "total"
    """Buffers in artificial sea water; spectrophotometric pH."""


def unionized_ammonia_fraction(
    temperature_c: float, ph: float, salinity_g_kg: float = 0.0, *, scale: PhScale = PhScale.NBS
) -> float:
    """Share of total ammonia nitrogen that is un-ionized, 0 to 1, in any water.

    Source: Emerson 1975 below 5 g/kg, Whitfield 1974 above (see the two functions below); on the total scale Clegg &
    Whitfield 1995. Below 5 g/kg the scales agree and the total scale is refused.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    if scale is PhScale.TOTAL:
        return unionized_ammonia_fraction_total_scale(temperature_c, ph, salinity_g_kg)
    if salinity_g_kg < SEA_FROM_G_KG:
        require("salinity_g_kg", salinity_g_kg, 0, SEA_FROM_G_KG, "g/kg")
        return unionized_ammonia_fraction_fresh(temperature_c, ph)
    return unionized_ammonia_fraction_sea(temperature_c, ph, salinity_g_kg)


def unionized_ammonia_mg_l(tan_mg_l: float, fraction: float) -> float:
    """Un-ionized ammonia as nitrogen (NH3-N) in mg/L from total ammonia nitrogen in mg/L.

    Source: the definition. For NH3 instead of NH3-N multiply by 1.216 (molar masses 17.031 and 14.007).

    Raises:
        OutOfRangeError: TAN outside 0 to 100 mg/L or a fraction outside 0 to 1.
    """
    require("tan_mg_l", tan_mg_l, 0, 100, "mg/L")
    require("fraction", fraction, 0, 1, "1", remedy="a fraction, not a percentage")
    return tan_mg_l * fraction


def unionized_ammonia_fraction_fresh(temperature_c: float, ph: float) -> float:
    """Share of total ammonia nitrogen that is un-ionized (toxic) in fresh water, 0 to 1.

    Source: Emerson, Russo, Lund & Thurston 1975, J. Fish. Res. Board Can. 32:2379. Valid 0 to 40 Cel, pH 4 to 11 (NBS).

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("temperature_c", temperature_c, 0, 40, "Cel")
    require("ph", ph, 4, 11, "[pH]")
    pka = 0.09018 + 2729.92 / (temperature_c + ZERO_CELSIUS_K)
    return float(1 / (1 + 10 ** (pka - ph)))


def unionized_ammonia_fraction_sea(temperature_c: float, ph: float, salinity_g_kg: float) -> float:
    """Share of total ammonia nitrogen that is un-ionized in sea water, 0 to 1; pH on the NBS scale.

    Source: Whitfield 1974 with Hampson's form, as in EPA 440/5-88-004. Valid 0 to 40 Cel, pH 6 to 9.5, 5 to 40 g/kg;
    agrees with measured pairs (Cobo 2012) within 15 %.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("temperature_c", temperature_c, 0, 40, "Cel")
    require("ph", ph, 6, 9.5, "[pH]")
    require("salinity_g_kg", salinity_g_kg, SEA_FROM_G_KG, 40, "g/kg", remedy="below it use the formula of fresh water")
    t_k = temperature_c + ZERO_CELSIUS_K
    ionic_strength = 19.9273 * salinity_g_kg / (1000 - 1.005109 * salinity_g_kg)
    pka = 9.245 + 0.116 * ionic_strength + 0.0324 * (298.15 - t_k) + 0.0415 / t_k
    return float(1 / (1 + 10 ** (pka - ph)))


def unionized_ammonia_fraction_total_scale(temperature_c: float, ph: float, salinity_g_kg: float) -> float:
    """Share of total ammonia nitrogen that is un-ionized in sea water, 0 to 1; pH on the total scale.

    Source: Clegg & Whitfield 1995, Geochim. Cosmochim. Acta 59:2403, equation 18. Valid 0 to 40 Cel, pH 6 to 9.5, 5 to 40
    g/kg.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("temperature_c", temperature_c, 0, 40, "Cel")
    require("ph", ph, 6, 9.5, "[pH]")
    require("salinity_g_kg", salinity_g_kg, SEA_FROM_G_KG, 40, "g/kg", remedy="in fresh water use the NBS scale")
    t, s = temperature_c + ZERO_CELSIUS_K, salinity_g_kg
    pka = (
        9.244605
        - 2729.33 * (1 / 298.15 - 1 / t)
        + (0.04203362 - 11.24742 / t) * s**0.25
        + (-13.6416 + 1.176949 * sqrt(t) - 0.02860785 * t + 545.4834 / t) * s**0.5
        + (-0.1462507 + 0.0090226468 * sqrt(t) - 0.0001471361 * t + 10.5425 / t) * s**1.5
        + (0.004669309 - 0.0001691742 * sqrt(t) - 0.5677934 / t) * s**2
        + (-2.354039e-5 + 0.009698623 / t) * s**2.5
        - log10(1 - 0.001005 * s)  # from kg of water to kg of sea water
    )
    return float(1 / (1 + 10 ** (pka - ph)))


def ammonia_criterion_mg_l(temperature_c: float, ph: float) -> float:
    """Chronic criterion of total ammonia nitrogen in fresh water, in mg/L: what the most sensitive community stands for 30 days.

    Source: US EPA 2013, 822-R-13-001, criterion continuous concentration (mussels present). Valid 0 to 30 Cel, pH 6.5 to 9;
    a regulator's figure for rivers, not a limit for a farmed species.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("temperature_c", temperature_c, 0, 30, "Cel")
    require("ph", ph, 6.5, 9.0, "[pH]")
    of_ph = 0.0278 / (1 + 10 ** (7.688 - ph)) + 1.1994 / (1 + 10 ** (ph - 7.688))
    return float(0.8876 * of_ph * 2.126 * 10 ** (0.028 * (20 - max(temperature_c, 7.0))))
