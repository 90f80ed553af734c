"""How fast fish use oxygen, and how long the oxygen in a unit lasts."""

from __future__ import annotations

from aquaculture.ranges import require


def salmon_oxygen_demand_mg_kg_h(weight_kg: float, temperature_c: float, speed_bl_s: float = 1.0) -> float:
    """Oxygen uptake of Atlantic salmon in mg O2 per kg of fish and hour.

    Source: MO2 = 93.9 W^-0.13 1.03^T 1.56^U (preprint rs-8696570, R2 0.84). Valid 0.2 to 3.4 kg, 3 to 18 Cel,
    0.3 to 2.8 body lengths per second.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("weight_kg", weight_kg, 0.2, 3.4, "kg")
    require("temperature_c", temperature_c, 3, 18, "Cel")
    require("speed_bl_s", speed_bl_s, 0.3, 2.8, "body lengths/s")
    return float(93.9 * weight_kg**-0.13 * 1.03**temperature_c * 1.56**speed_bl_s)


def minutes_of_oxygen_left(
    do_mg_l: float, critical_mg_l: float, *, demand_mg_kg_h: float, density_kg_m3: float
) -> float:
    """Minutes until oxygen falls to ``critical_mg_l`` if supply stops now; 0 when it is there already.

    Derived from the mass balance of a closed volume: (DO - critical) / (demand x density). It ignores diffusion from
    air, so it errs to the safe side.

    Raises:
        OutOfRangeError: oxygen outside 0 to 40 mg/L, demand outside 1 to 2000 mg/(kg.h) or density outside
            0.01 to 500 kg/m3.
    """
    require("do_mg_l", do_mg_l, 0, 40, "mg/L")
    require("critical_mg_l", critical_mg_l, 0, 40, "mg/L")
    require("demand_mg_kg_h", demand_mg_kg_h, 1, 2000, "mg/(kg.h)")
    require("density_kg_m3", density_kg_m3, 0.01, 500, "kg/m3")
    use_mg_l_min = demand_mg_kg_h * density_kg_m3 / 1000 / 60  # mg/(m3.h) to mg/(L.min)
    return max(0.0, do_mg_l - critical_mg_l) / use_mg_l_min
