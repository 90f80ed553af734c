"""How long the oxygen lasts, against worked examples, and how far the answer can be trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture import oxygen
from aquaculture.oxygen import Doubt
from aquaculture.ranges import OutOfRangeError


@pytest.mark.parametrize(
    ("weight_kg", "temperature", "speed", "expected"),
    [(1, 12, 1, 208.9), (0.2, 10, 1, 242.7), (3, 15, 1, 197.8), (0.5, 8, 0.5, 162.6)],
)
def test_the_demand_of_salmon(weight_kg: float, temperature: float, speed: float, expected: float) -> None:
    assert oxygen.salmon_oxygen_demand_mg_kg_h(weight_kg, temperature, speed) == pytest.approx(expected, abs=0.1)


def test_fry_breathe_more_than_the_law_of_big_salmon_says() -> None:
    least, most = oxygen.salmon_fry_oxygen_demand_mg_kg_h(5, 16)
    assert (least, most) == (300, 720)
    with pytest.raises(OutOfRangeError, match=r"weight_g = 100 .*weights are in grams"):
        oxygen.salmon_fry_oxygen_demand_mg_kg_h(100, 16)


@pytest.mark.parametrize(("density", "minutes"), [(25, 46), (50, 23), (80, 14)])
def test_minutes_of_oxygen_left_match_the_worked_examples(density: float, minutes: float) -> None:
    demand = oxygen.salmon_oxygen_demand_mg_kg_h(1.0, 12.0, 1.0)
    left = oxygen.minutes_of_oxygen_left(9, 5, demand_mg_kg_h=demand, density_kg_m3=density)
    assert left == pytest.approx(minutes, abs=0.5)


def test_a_dense_tank_of_fast_fish_has_seven_minutes() -> None:
    demand = oxygen.salmon_oxygen_demand_mg_kg_h(0.5, 14.0, 1.5)
    assert oxygen.minutes_of_oxygen_left(9.5, 5, demand_mg_kg_h=demand, density_kg_m3=120) == pytest.approx(7, abs=0.5)


def test_no_oxygen_left_is_zero_minutes_not_negative() -> None:
    assert oxygen.minutes_of_oxygen_left(3, 5, demand_mg_kg_h=200, density_kg_m3=20) == 0
    left = oxygen.oxygen_left(3, 5, demand_mg_kg_h=200, density_kg_m3=20)
    assert (left.minutes, left.shortest, left.longest) == (0, 0, 0)


def test_the_shortest_time_is_what_stressed_fish_in_a_fuller_tank_have() -> None:
    left = oxygen.oxygen_left(9, 5, demand_mg_kg_h=200, density_kg_m3=50)
    assert left.minutes == pytest.approx(24)
    assert left.shortest == pytest.approx(3.8 / (1.5 * 1.15 * 200 * 50 / 60_000))
    assert left.longest == pytest.approx(4.2 / (0.5 * 0.85 * 200 * 50 / 60_000))


def test_a_percentage_for_a_share_is_refused_by_name() -> None:
    with pytest.raises(OutOfRangeError, match=r"demand = 50 .*a share, not a percentage"):
        Doubt(demand=50)


@given(st.floats(0, 40), st.floats(0, 20), st.floats(1, 2000), st.floats(0.01, 500), st.floats(0, 5), st.floats(0, 0.9))
def test_the_guess_lies_between_its_bounds(
    do: float, critical: float, demand: float, density: float, probe: float, share: float
) -> None:
    doubt = Doubt(do_mg_l=probe, demand=share, density=share)
    left = oxygen.oxygen_left(do, critical, demand_mg_kg_h=demand, density_kg_m3=density, doubt=doubt)
    assert 0 <= left.shortest <= left.minutes * (1 + 1e-9)
    assert left.minutes <= left.longest * (1 + 1e-9)
