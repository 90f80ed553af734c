"""The water of one rearing unit: oxygen, temperature, carbon dioxide and pH as a mass balance over time.

Oxygen comes in by aeration, by the surface, with new water and from algae by day; it goes out with the fish, who need
more when warm, when active and while feeding, and with algae by night. Pure: state in, state out; noise, faults and
clocks are elsewhere. Rates are per hour of simulated time, concentrations mg/L.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from aquaculture.water import ZERO_CELSIUS_K, oxygen_solubility_mg_l

HALF_SATURATION_MG_L = 0.35
"""Oxygen at which fish can take up only half of what they want; it also keeps oxygen from going below zero."""
KLA_THETA = 1.024
"""Temperature coefficient of gas transfer, per Cel from 20 Cel (ASCE standard for clean water)."""
CO2_PER_O2 = 1.24
"""Mass of CO2 breathed out per mass of O2 taken up, at a respiratory quotient of 0.9."""
CO2_AIR_MG_L = 0.7
"""CO2 of water in equilibrium with air."""
MAX_STEP_H = 0.05
"""Longer times are taken in steps of this, so that feeding and daylight are not jumped over."""


@dataclass(frozen=True)
class UnitModel:
    """What a rearing unit is made of and who lives in it."""

    slug: str
    kind: str
    species: str
    stage: str
    volume_m3: float
    biomass_kg: float
    weight_kg: float
    """Mean weight of one fish."""
    salinity: float
    """Practical salinity, g/kg."""
    temperature_mean_c: float
    temperature_swing_c: float
    """Half of the difference between afternoon and dawn."""
    aerator_kla_h: float
    """Gas transfer of the running aerator at 20 Cel."""
    surface_kla_h: float
    """Gas transfer of the open surface alone."""
    exchange_h: float
    """Volumes of new, saturated water per hour."""
    tide: float = 0.0
    """How much the exchange follows the tide, 0 (constant) to 1 (stops at slack water)."""
    algae_mg_l_h: float = 0.0
    """Oxygen from photosynthesis at noon."""
    algae_night_mg_l_h: float = 0.0
    """Oxygen used by algae and sediment, day and night."""
    alkalinity_mmol_l: float = 2.0
    feeding_hours: tuple[float, ...] = (8.0, 11.0, 14.0, 17.0)
    """Starts of the meals, hours of the day."""
    meal_h: float = 0.6


@dataclass(frozen=True)
class WaterState:
    """The water at one moment. ``hours`` is simulated time since midnight of the first day."""

    hours: float
    do_mg_l: float
    temperature_c: float
    co2_mg_l: float
    ph: float
    demand_mg_l_h: float = 0.0
    """What the fish take up right now."""
    feeding: bool = False


def daylight(hours: float) -> float:
    """Light relative to noon, 0 at night; the sun is up from 6 to 18."""
    return max(0.0, math.sin(math.pi * ((hours % 24) - 6) / 12))


def temperature_c(model: UnitModel, hours: float) -> float:
    """Warmest at 15 h, coldest at 3 h, with a slow wave of weather over five days."""
    day = math.sin(2 * math.pi * (hours - 9) / 24)
    weather = 0.4 * math.sin(2 * math.pi * hours / 120)
    return model.temperature_mean_c + model.temperature_swing_c * (day + weather)


def is_feeding(model: UnitModel, hours: float) -> bool:
    """True during a meal."""
    hour = hours % 24
    return any(start <= hour < start + model.meal_h for start in model.feeding_hours)


def oxygen_demand_mg_kg_h(weight_kg: float, temperature: float, speed_bl_s: float) -> float:
    """Oxygen uptake per kg of fish: 93.9 W^-0.13 1.03^T 1.56^U (salmon, preprint rs-8696570).

    Used here beyond its range too (fry, warm water), where it stays within published values for fry and tilapia;
    ``aquaculture.oxygen`` refuses that, because there it feeds decisions and not a simulation.
    """
    return float(93.9 * weight_kg**-0.13 * 1.03**temperature * 1.56**speed_bl_s)


def fish_demand_mg_l_h(model: UnitModel, hours: float, temperature: float) -> float:
    """What all fish of the unit want per litre and hour: rest at night, cruise by day, dash for feed."""
    speed = 1.5 if is_feeding(model, hours) else 0.7 + 0.2 * daylight(hours)
    per_kg = oxygen_demand_mg_kg_h(model.weight_kg, temperature, speed)
    return per_kg * model.biomass_kg / model.volume_m3 / 1000


def start(model: UnitModel, hours: float, *, aerator_on: bool = True) -> WaterState:
    """A unit that has been running like this for six hours."""
    warm = temperature_c(model, hours - 6)
    first = oxygen_solubility_mg_l(warm, model.salinity) * 0.9
    state = WaterState(hours - 6, first, warm, 3.0, 7.0)
    return advance(model, state, hours=6, aerator_on=aerator_on)


def advance(model: UnitModel, state: WaterState, *, hours: float, aerator_on: bool, boost_h: float = 0.0) -> WaterState:
    """The water ``hours`` later.

    Args:
        model: the unit.
        state: the water now.
        hours: simulated time to pass, 0 or more.
        aerator_on: whether the aerator really runs, whatever was commanded.
        boost_h: additional gas transfer (emergency oxygen), per hour.
    """
    left = max(0.0, hours)
    while left > 1e-12:  # noqa: PLR2004  (rounding, not a limit)
        step = min(left, MAX_STEP_H)
        state = _step(model, state, step, aerator_on=aerator_on, boost_h=boost_h)
        left -= step
    return state


def _step(model: UnitModel, state: WaterState, dt: float, *, aerator_on: bool, boost_h: float) -> WaterState:
    now = state.hours + dt
    warm = temperature_c(model, now)
    saturated = oxygen_solubility_mg_l(warm, model.salinity)
    transfer = model.surface_kla_h + (model.aerator_kla_h if aerator_on else 0.0) + boost_h
    transfer *= KLA_THETA ** (warm - 20)
    tide = abs(math.sin(2 * math.pi * now / 12.42))
    exchange = model.exchange_h * (1 - model.tide + model.tide * tide)
    light = daylight(now)
    wanted = fish_demand_mg_l_h(model, now, warm)
    uptake = (wanted + model.algae_night_mg_l_h) / (state.do_mg_l + HALF_SATURATION_MG_L)
    # Bubbles leave when water is over-saturated beyond 150 %, whatever the surface does.
    vent = 2.0 if state.do_mg_l > 1.5 * saturated else 0.0
    oxygen = _relax(
        state.do_mg_l,
        gain=(transfer + vent + exchange) * saturated + model.algae_mg_l_h * light,
        loss=transfer + vent + exchange + uptake,
        dt=dt,
    )
    used = uptake * oxygen
    co2 = _relax(
        state.co2_mg_l,
        gain=(0.9 * transfer + exchange) * CO2_AIR_MG_L + CO2_PER_O2 * used,
        loss=0.9 * transfer + exchange + CO2_PER_O2 * model.algae_mg_l_h * light / (state.co2_mg_l + 0.5),
        dt=dt,
    )
    return replace(
        state,
        hours=now,
        do_mg_l=oxygen,
        temperature_c=warm,
        co2_mg_l=co2,
        ph=ph_of(co2, model.alkalinity_mmol_l, warm, model.salinity),
        demand_mg_l_h=wanted * oxygen / (oxygen + HALF_SATURATION_MG_L),
        feeding=is_feeding(model, now),
    )


def ph_of(co2_mg_l: float, alkalinity_mmol_l: float, temperature: float, salinity: float) -> float:
    """PH of bicarbonate water holding this CO2 (Henderson-Hasselbalch; pK1 by Plummer & Busenberg 1982 in short form).

    Salt lowers pK1 by about 0.35 in sea water (Lueker 2000); borate is left out, so sea values are a trend only.
    """
    t_k = temperature + ZERO_CELSIUS_K
    pk1 = 3404.71 / t_k + 0.032786 * t_k - 14.8435 - 0.35 * min(salinity / 33, 1.0)
    ratio = alkalinity_mmol_l / max(co2_mg_l / 44.01, 1e-4)
    return min(max(pk1 + math.log10(ratio), 4.0), 10.5)


def _relax(value: float, *, gain: float, loss: float, dt: float) -> float:
    """Exact solution of dx/dt = gain - loss x: it can neither overshoot nor go below zero."""
    rest = gain / max(loss, 1e-9)
    return rest + (value - rest) * math.exp(-loss * dt)
