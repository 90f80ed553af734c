"""How fast fish use oxygen, and how long the oxygen in a unit lasts."""

from __future__ import annotations

from dataclasses import dataclass

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


def salmon_fry_oxygen_demand_mg_kg_h(weight_g: float, temperature_c: float) -> tuple[float, float]:
    """Least and most oxygen uptake of Atlantic salmon fry, in mg O2 per kg of fish and hour; plan with the most.

    Source: Fivelstad 1999: 5 to 12 mg/kg/min for 1 to 10 g at 16 Cel; no law within that is given. Valid 1 to 10 g, 14 to 18 Cel.

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require(
        "weight_g", weight_g, 1, 10, "g", remedy="from 200 g on use salmon_oxygen_demand_mg_kg_h; weights are in grams"
    )
    require("temperature_c", temperature_c, 14, 18, "Cel")
    return 5.0 * 60, 12.0 * 60


def minutes_of_oxygen_left(
    do_mg_l: float, critical_mg_l: float, *, demand_mg_kg_h: float, density_kg_m3: float
) -> float:
    """Minutes until oxygen falls to ``critical_mg_l`` if supply stops now; 0 when it is there already.

    Source: derived from the mass balance of a closed volume: (DO - critical) / (demand x density). It ignores diffusion from
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


@dataclass(frozen=True)
class OxygenLeft:
    """Minutes until the critical oxygen: the best guess, and what it may be at worst and at best.

    ``shortest`` is what people should plan with; a responder who needs longer than that comes too late.
    """

    minutes: float
    shortest: float
    longest: float


@dataclass(frozen=True)
class Doubt:
    """How wrong the inputs may be. Defaults are editable [K]: a farm that weighs its fish knows better.

    Attributes:
        do_mg_l: of the probe, either way (optical probes state 0.1 to 0.2 mg/L).
        demand: share of the oxygen demand; fed, chased or stressed fish use half as much again.
        density: share of the density; biomass from samples is seldom closer.

    Raises:
        OutOfRangeError: oxygen outside 0 to 5 mg/L, or a share outside 0 to 0.9.
    """

    do_mg_l: float = 0.2
    demand: float = 0.5
    density: float = 0.15

    def __post_init__(self) -> None:
        require("do_mg_l", self.do_mg_l, 0, 5, "mg/L")
        require("demand", self.demand, 0, 0.9, "1", remedy="a share, not a percentage")
        require("density", self.density, 0, 0.9, "1", remedy="a share, not a percentage")


def oxygen_left(
    do_mg_l: float, critical_mg_l: float, *, demand_mg_kg_h: float, density_kg_m3: float, doubt: Doubt | None = None
) -> OxygenLeft:
    """``minutes_of_oxygen_left`` with its bounds, from what may be wrong with each input at once.

    Source: derived, the mass balance at the corners of the doubt (interval arithmetic); no probability is claimed.

    Raises:
        OutOfRangeError: as ``minutes_of_oxygen_left``.
    """
    doubt = doubt or Doubt()
    minutes = minutes_of_oxygen_left(do_mg_l, critical_mg_l, demand_mg_kg_h=demand_mg_kg_h, density_kg_m3=density_kg_m3)
    use_mg_l_min = demand_mg_kg_h * density_kg_m3 / 1000 / 60
    most = (1 + doubt.demand) * (1 + doubt.density) * use_mg_l_min
    least = (1 - doubt.demand) * (1 - doubt.density) * use_mg_l_min
    left = do_mg_l - critical_mg_l
    return OxygenLeft(minutes, max(0.0, left - doubt.do_mg_l) / most, max(0.0, left + doubt.do_mg_l) / least)
