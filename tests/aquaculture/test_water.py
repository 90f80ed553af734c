"""How much oxygen water can hold, against published tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture import water
from aquaculture.ranges import OutOfRangeError


def test_oxygen_solubility_matches_the_published_table(published: dict[str, Any]) -> None:
    table = published["do_sat_mgl"]
    for row in table["published"]:
        ours = water.oxygen_solubility_mg_l(row["t"], row["s"], row["p_atm"])
        assert ours == pytest.approx(row["expect"], abs=table["tol"]), row


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


@pytest.mark.parametrize(("mmhg", "expected"), [(700, 8.36), (730, 8.73), (760, 9.09), (780, 9.34)])
def test_thin_air_holds_less(mmhg: float, expected: float) -> None:
    assert water.oxygen_solubility_mg_l(20, 0, mmhg / 760) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(
    ("temperature", "row"),
    [
        (0, (14.621, 13.633, 12.712, 11.853, 11.446)),
        (10, (11.288, 10.589, 9.933, 9.317, 9.024)),
        (20, (9.092, 8.572, 8.080, 7.617, 7.396)),
        (30, (7.559, 7.155, 6.772, 6.410, 6.237)),
    ],
)
def test_salt_takes_the_place_of_oxygen(temperature: float, row: tuple[float, ...]) -> None:
    ours = [water.oxygen_solubility_mg_l(temperature, salinity) for salinity in (0, 10, 20, 30, 35)]
    assert ours == pytest.approx(row, abs=0.001)


_WATERS = (st.floats(0, 40), st.floats(0, 40), st.floats(0.5, 1.1))


@given(st.floats(0, 400), *_WATERS)
def test_saturation_and_mg_l_are_inverse_in_every_water(
    saturation: float, temperature: float, salinity: float, pressure: float
) -> None:
    do_mg_l = water.oxygen_mg_l(saturation, temperature, salinity, pressure)
    if do_mg_l <= 40:
        back = water.oxygen_saturation_percent(do_mg_l, temperature, salinity, pressure)
        assert back == pytest.approx(saturation, abs=1e-9)


@given(*_WATERS)
def test_warmer_saltier_and_higher_water_holds_less(temperature: float, salinity: float, pressure: float) -> None:
    here = water.oxygen_solubility_mg_l(temperature, salinity, pressure)
    assert water.oxygen_solubility_mg_l(min(40, temperature + 1), salinity, pressure) <= here
    assert water.oxygen_solubility_mg_l(temperature, min(40, salinity + 1), pressure) <= here
    assert water.oxygen_solubility_mg_l(temperature, salinity, max(0.5, pressure - 0.05)) <= here
