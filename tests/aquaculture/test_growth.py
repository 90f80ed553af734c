"""Growth and production figures against worked values, and the unit traps that they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture import growth, production
from aquaculture.production import BiomassChange
from aquaculture.ranges import OutOfRangeError


@pytest.mark.parametrize(
    ("start", "end", "days", "expected"), [(100, 150, 30, 1.3516), (5, 50, 60, 3.8376), (1000, 1200, 28, 0.6511)]
)
def test_specific_growth_rate(start: float, end: float, days: float, expected: float) -> None:
    assert growth.specific_growth_rate_percent_day(start, end, days) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("start", "end", "warmth", "expected"),
    [(100, 1000, 1800, 2.9769), (150, 4500, 4380, 2.5562), (50, 250, 900, 2.9062)],
)
def test_thermal_growth_coefficient(start: float, end: float, warmth: float, expected: float) -> None:
    assert growth.thermal_growth_coefficient(start, end, warmth) == pytest.approx(expected, abs=5e-5)


def test_forecast() -> None:
    assert growth.forecast_weight_g(100, 3.0, 1800) == pytest.approx(1012.53, abs=0.01)


def test_kilograms_are_refused_where_grams_are_meant() -> None:
    with pytest.raises(OutOfRangeError, match=r"end_g = 1.0 .*weights are in grams"):
        growth.thermal_growth_coefficient(0.1, 1.0, 1800)
    with pytest.raises(OutOfRangeError, match=r"coefficient = 0.3 .*belongs to weights in kilograms"):
        growth.forecast_weight_g(100, 0.3, 1800)


def test_big_fish_that_hardly_grew_are_no_unit_error() -> None:
    assert growth.thermal_growth_coefficient(4000, 4020, 500) == pytest.approx(0.053, abs=0.001)
    assert growth.thermal_growth_coefficient(4000, 3900, 500) < 0


@pytest.mark.parametrize(("weight", "length", "expected"), [(1000, 43, 1.2578), (250, 28, 1.1388), (4500, 70, 1.3120)])
def test_condition_factor(weight: float, length: float, expected: float) -> None:
    assert growth.condition_factor(weight, length) == pytest.approx(expected, abs=5e-5)


def test_a_length_in_millimetres_makes_no_fish() -> None:
    with pytest.raises(OutOfRangeError, match=r"condition_factor .*length in cm"):
        growth.condition_factor(20, 120)


def test_degree_days_count_what_is_above_the_base() -> None:
    assert growth.degree_days([8, 10, -1]) == 18
    assert growth.degree_days([8, 10, 3], base_c=4) == 10


@given(st.floats(1, 10_000), st.floats(0.7, 8), st.floats(1, 10_000))
def test_the_forecast_and_the_coefficient_are_inverse(start: float, coefficient: float, warmth: float) -> None:
    end = growth.forecast_weight_g(start, coefficient, warmth)
    if end <= 100_000:
        assert growth.thermal_growth_coefficient(start, end, warmth) == pytest.approx(coefficient, rel=1e-6, abs=1e-6)


def test_feed_conversion(published: dict[str, Any]) -> None:
    case = published["fcr"]
    change = BiomassChange(case["b0"], case["b1"])
    assert production.fcr_economic(case["feed"], change) == pytest.approx(case["eco"])
    assert production.fcr_biological(case["feed"], change, case["mort"]) == pytest.approx(case["bio"], abs=1e-6)


def test_fish_that_were_sold_or_moved_count_as_grown_and_those_that_came_do_not() -> None:
    change = BiomassChange(2000, 1500, harvested_kg=1000, culled_kg=20, moved_out_kg=300, moved_in_kg=100)
    assert change.gain_kg == 720


def test_no_growth_has_no_ratio() -> None:
    with pytest.raises(OutOfRangeError, match=r"gain_kg = -100.0 .*longer period"):
        production.fcr_economic(500, BiomassChange(2000, 1900))
    with pytest.raises(OutOfRangeError, match=r"moved_in_kg = -5 .*not negative"):
        BiomassChange(1, 2, moved_in_kg=-5)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1, 1e6), st.floats(0, 1e6))
def test_the_biological_ratio_is_never_above_the_economic(
    feed: float, opening: float, gain: float, dead: float
) -> None:
    change = BiomassChange(opening, opening + gain)
    assert production.fcr_biological(feed, change, dead) <= production.fcr_economic(feed, change)


def test_mortality_biomass_and_density() -> None:
    assert production.daily_mortality_percent(30, 10_000) == pytest.approx(0.3)
    assert production.cumulative_mortality_percent(1500, 10_000) == 15
    assert production.biomass_kg(10_000, 250) == 2500
    assert production.density_kg_m3(2500, 100) == 25


def test_impossible_stock_is_refused_by_name() -> None:
    with pytest.raises(OutOfRangeError, match=r"dead = 11 .*more dead than there were"):
        production.daily_mortality_percent(11, 10)
    with pytest.raises(OutOfRangeError, match="dead = -1"):
        production.cumulative_mortality_percent(-1, 10)
    with pytest.raises(OutOfRangeError, match=r"density_kg_m3 .*not litres"):
        production.density_kg_m3(2500, 2)
