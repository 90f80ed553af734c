"""Free carbon dioxide from alkalinity and pH, in fresh water and in the sea.

Nobody should alarm on a CO2 that stands on a stale pH: an error of 0.1 in pH is one of 26 % in CO2.
"""

from __future__ import annotations

from math import exp, log, sqrt

from aquaculture.ranges import require
from aquaculture.water import ZERO_CELSIUS_K

CO2_G_MOL = 44.01
CACO3_MG_PER_MEQ = 50.04
SEA_WATER_KG_L = 1.025


def co2_fresh_mg_l(alkalinity_mg_l: float, ph: float, temperature_c: float) -> float:
    """Free CO2 of fresh water in mg/L from its alkalinity in mg/L as CaCO3.

    Source: carbonate equilibrium with the constants of Harned & Davis 1943 and Harned & Scholes 1941, and Harned & Owen for
    water; within 1.3 % of the factors of SRAC 468 from 10 to 30 Cel. Valid 0 to 35 Cel, pH 5 to 9.5 (NBS), 1 to 1000 mg/L.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("alkalinity_mg_l", alkalinity_mg_l, 1, 1000, "mg/L", remedy="give it in mg/L as CaCO3: 1 meq/L is 50")
    require("ph", ph, 5, 9.5, "[pH]")
    require("temperature_c", temperature_c, 0, 35, "Cel")
    t = temperature_c + ZERO_CELSIUS_K
    k1 = 10 ** -(3404.71 / t + 0.032786 * t - 14.8435)
    k2 = 10 ** -(2902.39 / t + 0.02379 * t - 6.4980)
    kw = 10 ** -(4470.99 / t + 0.01706 * t - 6.0875)
    h = 10**-ph
    alkalinity = alkalinity_mg_l / CACO3_MG_PER_MEQ / 1000
    # Water that is more acid than its carbonate alone would make it has none to give CO2.
    carbonate = max(0.0, alkalinity - kw / h + h)
    return float(carbonate * h * h / (k1 * (h + 2 * k2)) * CO2_G_MOL * 1000)


def co2_sea_mg_l(alkalinity_umol_kg: float, ph: float, temperature_c: float, salinity_g_kg: float) -> float:
    """Free CO2 of sea water in mg/L from its total alkalinity in umol/kg; pH on the total scale.

    Source: carbonic acid by Lueker et al. 2000, boric acid by Dickson 1990, total boron by Uppstrom 1974, water by Millero 1995,
    as in Dickson, Sabine & Christian 2007. Valid 2 to 35 Cel, 19 to 43 g/kg (Lueker), pH 6.5 to 9.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("alkalinity_umol_kg", alkalinity_umol_kg, 100, 6000, "umol/kg", remedy="1 meq/L is about 976 umol/kg")
    require("ph", ph, 6.5, 9, "[pH]")
    require("temperature_c", temperature_c, 2, 35, "Cel")
    require("salinity_g_kg", salinity_g_kg, 19, 43, "g/kg", remedy="below it no formula is given here")
    t, s = temperature_c + ZERO_CELSIUS_K, salinity_g_kg
    h = 10**-ph
    k1 = 10 ** -(3633.86 / t - 61.2172 + 9.6777 * log(t) - 0.011555 * s + 0.0001152 * s * s)
    k2 = 10 ** -(471.78 / t + 25.9290 - 3.16967 * log(t) - 0.01781 * s + 0.0001122 * s * s)
    kb = exp(
        (-8966.90 - 2890.53 * sqrt(s) - 77.942 * s + 1.728 * s**1.5 - 0.0996 * s * s) / t
        + 148.0248
        + 137.1942 * sqrt(s)
        + 1.62142 * s
        - (24.4344 + 25.085 * sqrt(s) + 0.2474 * s) * log(t)
        + 0.053105 * sqrt(s) * t
    )
    kw = exp(
        148.9652 - 13847.26 / t - 23.6521 * log(t) + (118.67 / t - 5.977 + 1.0495 * log(t)) * sqrt(s) - 0.01615 * s
    )
    borate = 4.157e-4 * s / 35 * kb / (kb + h)
    carbonate = max(0.0, alkalinity_umol_kg * 1e-6 - borate - kw / h + h)
    mol_kg = carbonate * h * h / (k1 * (h + 2 * k2))
    return float(mol_kg * SEA_WATER_KG_L * CO2_G_MOL * 1000)
