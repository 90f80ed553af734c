"""The water formulas against published tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aquaculture import oxygen, water
from aquaculture.ranges import OutOfRangeError


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, Any]:
    """Published check values with their tolerances."""
    values: dict[str, Any] = json.loads((shared_data / "check_values.json").read_text())
    return values


def test_oxygen_solubility_matches_the_published_table(published: dict[str, Any]) -> None:
    table = published["do_sat_mgl"]
    for row in table["published"]:
        ours = water.oxygen_solubility_mg_l(row["t"], row["s"], row["p_atm"])
        assert ours == pytest.approx(row["expect"], abs=table["tol"]), row


def test_unionized_ammonia_in_fresh_water_matches_emerson(published: dict[str, Any]) -> None:
    table = published["f_nh3_fresh"]
    for row in table["published"]:
        ours = water.unionized_ammonia_fraction_fresh(row["t"], row["ph"])
        assert ours == pytest.approx(row["expect"], abs=table["tol"]), row


def test_unionized_ammonia_in_sea_water_agrees_with_measured_pairs(published: dict[str, Any]) -> None:
    table = published["f_nh3_salt"]
    for row in (row for row in table["published"] if "tan" in row):
        ours = row["tan"] * water.unionized_ammonia_fraction_sea(row["t"], row["ph"], row["s"])
        assert ours == pytest.approx(row["nh3_n"], rel=table["tol_rel"]), row


@pytest.mark.parametrize(("temperature", "salinity", "expected"), [(8, 0, 9.47), (12, 33, 7.01), (28, 20, 5.60)])
def test_eighty_percent_saturation_is_a_different_mg_l_in_every_water(
    temperature: float, salinity: float, expected: float
) -> None:
    assert water.oxygen_mg_l(80, temperature, salinity) == pytest.approx(expected, abs=0.006)


def test_saturation_and_mg_l_are_inverse() -> None:
    for saturation in (1.0, 40.0, 100.0, 180.0):
        do_mg_l = water.oxygen_mg_l(saturation, 14.0, 30.0, 0.98)
        assert water.oxygen_saturation_percent(do_mg_l, 14.0, 30.0, 0.98) == pytest.approx(saturation)


def test_impossible_salinity_is_refused_by_name() -> None:
    with pytest.raises(OutOfRangeError, match=r"salinity_g_kg = 350 g/kg is outside 0 to 40 g/kg"):
        water.oxygen_solubility_mg_l(12, 350)


def test_not_a_number_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="temperature_c"):
        water.oxygen_solubility_mg_l(float("nan"))


def test_minutes_of_oxygen_left_match_the_worked_examples() -> None:
    demand = oxygen.salmon_oxygen_demand_mg_kg_h(1.0, 12.0, 1.0)
    assert demand == pytest.approx(208.9, abs=0.1)
    for density, minutes in ((25, 46), (50, 23), (80, 14)):
        left = oxygen.minutes_of_oxygen_left(9, 5, demand_mg_kg_h=demand, density_kg_m3=density)
        assert left == pytest.approx(minutes, abs=0.5)


def test_no_oxygen_left_is_zero_minutes_not_negative() -> None:
    assert oxygen.minutes_of_oxygen_left(3, 5, demand_mg_kg_h=200, density_kg_m3=20) == 0
