from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aquaculture.water import oxygen_solubility_mg_l
from shoal.simulate import faults, water
from shoal.simulate.farm import Farm
from shoal.simulate.faults import FaultKind
from shoal.simulate.units import DEFAULT_UNITS
from shoal.simulate.water import UnitModel, WaterState

TANK, PEN, POND = DEFAULT_UNITS


def states(model: UnitModel, hours: float, *, aerator_on: bool = True, start: float = 0.0) -> list[WaterState]:
    state = water.start(model, start)
    out = []
    for _ in range(int(hours * 20)):
        state = water.advance(model, state, hours=0.05, aerator_on=aerator_on)
        out.append(state)
    return out


@settings(max_examples=40, deadline=None)
@given(
    model=st.sampled_from(DEFAULT_UNITS),
    do=st.floats(0, 25),
    hours=st.floats(0, 48),
    step=st.floats(0, 6),
    on=st.booleans(),
)
def test_oxygen_stays_between_nothing_and_what_water_can_hold(
    model: UnitModel, do: float, hours: float, step: float, on: bool
) -> None:
    state = WaterState(hours, do, water.temperature_c(model, hours), 2.0, 7.5)
    after = water.advance(model, state, hours=step, aerator_on=on)
    assert 0 <= after.do_mg_l <= max(do, 3 * oxygen_solubility_mg_l(after.temperature_c, model.salinity))
    assert 4 <= after.ph <= 10.5
    assert after.co2_mg_l > 0


@pytest.mark.parametrize("model", DEFAULT_UNITS, ids=lambda model: model.slug)
def test_a_healthy_farm_keeps_its_fish_alive_for_two_days(model: UnitModel) -> None:
    for state in states(model, 48):
        saturation = 100 * state.do_mg_l / oxygen_solubility_mg_l(state.temperature_c, model.salinity)
        assert saturation > 65


def test_oxygen_falls_when_the_aerator_fails_and_recovers_when_it_is_back() -> None:
    before = water.start(TANK, 10)
    failed = water.advance(TANK, before, hours=0.75, aerator_on=False)
    repaired = water.advance(TANK, failed, hours=1, aerator_on=True)
    assert failed.do_mg_l < before.do_mg_l - 3
    assert repaired.do_mg_l > failed.do_mg_l + 3


def test_a_pond_has_less_oxygen_before_dawn_than_in_the_afternoon() -> None:
    day = states(POND, 48, start=0)
    night_value = min(s.do_mg_l for s in day if 24 + 3 <= s.hours <= 24 + 6)
    noon_value = max(s.do_mg_l for s in day if 24 + 12 <= s.hours <= 24 + 16)
    assert night_value < noon_value - 0.5


def test_feeding_costs_oxygen() -> None:
    hungry = water.fish_demand_mg_l_h(TANK, 12.4, 12.0)
    fed = water.fish_demand_mg_l_h(TANK, TANK.feeding_hours[1] + 0.1, 12.0)
    assert fed > 1.2 * hungry


def test_warmer_water_makes_fish_breathe_more_and_holds_less() -> None:
    assert water.oxygen_demand_mg_kg_h(1, 15, 1) > water.oxygen_demand_mg_kg_h(1, 8, 1)
    assert water.oxygen_demand_mg_kg_h(1, 12, 1) == pytest.approx(208.9, abs=0.1)  # published vector


def test_the_same_time_in_one_step_or_many_gives_the_same_water() -> None:
    start = water.start(PEN, 6)
    at_once = water.advance(PEN, start, hours=1, aerator_on=True)
    slowly = start
    for _ in range(20):
        slowly = water.advance(PEN, slowly, hours=0.05, aerator_on=True)
    assert at_once.do_mg_l == pytest.approx(slowly.do_mg_l, rel=1e-6)


def test_the_demo_shows_a_critical_oxygen_within_seventy_seconds_and_its_end() -> None:
    farm = Farm()
    lowest = {}
    for second in range(130):
        farm.advance(float(second))
        lowest[second] = farm.units["tank-1"].state.do_mg_l
    below = [second for second, value in lowest.items() if value < 5]
    assert below
    assert below[0] + 8 <= 70, "with the on-delay of the demo's edges"
    assert len(below) > 8
    assert lowest[110] > 7.5


def test_faults_begin_and_end_on_schedule_and_repeat() -> None:
    fault = faults.DEFAULT_SCHEDULE[0]
    at = fault.start_s + 1
    assert FaultKind.AERATOR in faults.active(faults.DEFAULT_SCHEDULE, fault.unit, at)
    assert FaultKind.AERATOR in faults.active(faults.DEFAULT_SCHEDULE, fault.unit, at + faults.CYCLE_S)
    assert not faults.active(faults.DEFAULT_SCHEDULE, fault.unit, fault.start_s + fault.duration_s)


def test_silent_and_stuck_sensors_do_what_their_names_say() -> None:
    farm = Farm()
    unit = farm.units["pen-1"]
    unit.faults = frozenset({FaultKind.SENSOR_SILENT})
    assert unit.sample() is None
    unit.faults = frozenset()
    before = unit.sample()
    unit.faults = frozenset({FaultKind.SENSOR_STUCK})
    assert unit.sample() == before
    unit.faults = frozenset()
    assert unit.sample() != before


def test_a_restarted_farm_continues_the_same_day() -> None:
    first, second = Farm(), Farm(elapsed_s=300)
    for moment in range(301):
        first.advance(float(moment))
    for slug, unit in first.units.items():
        assert second.units[slug].state.hours == pytest.approx(unit.state.hours)
        assert second.units[slug].state.temperature_c == pytest.approx(unit.state.temperature_c)


def test_a_command_stops_the_aerator_and_its_current_proves_it() -> None:
    farm = Farm(schedule=())
    unit = farm.units["tank-1"]
    assert unit.aerator_current_a > 5
    unit.commanded_on = False
    assert unit.aerator_current_a == 0
    farm.advance(20)
    assert unit.state.do_mg_l < 8.5
