"""The same substance in other words: as nitrogen or as the ion, as CaCO3 or in milliequivalents; salinity from conductivity.

UCUM has no "as nitrogen", so a number without its basis is off by a factor of 1.2 to 4.4. The platform keeps nitrogen compounds
as N and alkalinity as CaCO3 (``contracts.quantities``); what comes in otherwise is converted once, at the border.
"""

from __future__ import annotations

from enum import Enum
from math import sqrt

from aquaculture.ranges import require

_N_G_MOL = 14.007
_CONDUCTIVITY_35_15 = 42.914


class NitrogenIon(str, Enum):
    """What a kit or a laboratory may report instead of nitrogen."""

    NH3 = "NH3"
    NH4 = "NH4"
    NO2 = "NO2"
    NO3 = "NO3"


_ION_G_MOL = {NitrogenIon.NH3: 17.031, NitrogenIon.NH4: 18.039, NitrogenIon.NO2: 46.005, NitrogenIon.NO3: 62.004}


def as_nitrogen_mg_l(ion_mg_l: float, ion: NitrogenIon) -> float:
    """Milligrams of nitrogen per litre from milligrams of the ion: NH3 / 1.216, NO2 / 3.285, NO3 / 4.427.

    Source: molar masses (IUPAC 2021). Valid 0 to 5000 mg/L.

    Raises:
        OutOfRangeError: a concentration outside its range.
    """
    require("ion_mg_l", ion_mg_l, 0, 5000, "mg/L")
    return ion_mg_l * _N_G_MOL / _ION_G_MOL[ion]


def alkalinity_from_meq_l(meq_l: float) -> float:
    """Alkalinity in mg/L as CaCO3 from milliequivalents per litre (1 meq/L is 50.04 mg/L).

    Source: half the molar mass of CaCO3, 100.087 g/mol. Valid 0 to 40 meq/L.

    Raises:
        OutOfRangeError: outside the range.
    """
    require("meq_l", meq_l, 0, 40, "meq/L", remedy="this is in mg/L already, if it is above 40")
    return meq_l * 50.04


def alkalinity_from_dkh(dkh: float) -> float:
    """Alkalinity in mg/L as CaCO3 from German degrees of carbonate hardness (1 dKH is 17.85 mg/L).

    Source: definition of the degree, 10 mg of CaO per litre. Valid 0 to 100 dKH.

    Raises:
        OutOfRangeError: outside the range.
    """
    require("dkh", dkh, 0, 100, "dKH", remedy="this is in mg/L already, if it is above 100")
    return dkh * 17.85


def salinity_from_conductivity(conductivity_ms_cm: float, temperature_c: float) -> float:
    """Practical salinity from conductivity in mS/cm, as measured at this temperature and at the surface.

    Source: PSS-78 (UNESCO 1983, Technical papers in marine science 44). Valid 0 to 35 Cel and salinities of 2 to 42; fresh water
    is outside it. A probe that reports conductivity "at 25 Cel" has used a compensation of its own: give 25.

    Raises:
        OutOfRangeError: an argument or the result is outside its range.
    """
    micro = "PSS-78 takes mS/cm: 1000 uS/cm are 1"
    require("conductivity_ms_cm", conductivity_ms_cm, 0.1, 80, "mS/cm", remedy=micro)
    require("temperature_c", temperature_c, 0, 35, "Cel")
    t = temperature_c * 1.00024  # the scale of 1968
    of_standard = 0.6766097 + 2.00564e-2 * t + 1.104259e-4 * t**2 - 6.9698e-7 * t**3 + 1.0031e-9 * t**4
    ratio = conductivity_ms_cm / _CONDUCTIVITY_35_15 / of_standard
    x = sqrt(ratio)
    at_15 = 0.0080 - 0.1692 * x + 25.3851 * x**2 + 14.0941 * x**3 - 7.0261 * x**4 + 2.7081 * x**5
    shift = 0.0005 - 0.0056 * x - 0.0066 * x**2 - 0.0375 * x**3 + 0.0636 * x**4 - 0.0144 * x**5
    salinity = at_15 + (t - 15) / (1 + 0.0162 * (t - 15)) * shift
    require("salinity_g_kg", salinity, 2, 42, "g/kg", remedy="for fresh water enter the salinity, it is near 0")
    return salinity
