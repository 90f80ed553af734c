"""Free carbon dioxide, against the factors of SRAC 468 and against PyCO2SYS 1.8.3."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture.carbon_dioxide import co2_fresh_mg_l, co2_sea_mg_l
from aquaculture.ranges import OutOfRangeError


def test_fresh_water_matches_the_factor_table(published: dict[str, Any]) -> None:
    table = published["co2_factor_fresh"]
    for row in table["published"]:
        ours = co2_fresh_mg_l(100, row["ph"], row["t"]) / 100
        assert ours == pytest.approx(row["factor"], rel=table["tol_rel"]), row


@pytest.mark.parametrize(
    ("alkalinity", "ph", "temperature", "salinity", "umol_kg"),
    [
        (2300, 7.6, 15, 35, 46.8756),
        (2300, 7.0, 12, 33, 215.683),
        (2300, 8.1, 25, 35, 9.62542),
        (2300, 7.8, 5, 20, 46.8230),
        (2300, 7.2, 30, 40, 85.1746),
    ],
)
def test_sea_water_matches_pyco2sys(
    alkalinity: float, ph: float, temperature: float, salinity: float, umol_kg: float
) -> None:
    mg_l = umol_kg * 44.01 * 1.025 / 1000
    assert co2_sea_mg_l(alkalinity, ph, temperature, salinity) == pytest.approx(mg_l, rel=0.002)


def test_milliequivalents_for_mg_l_are_refused_with_the_factor() -> None:
    with pytest.raises(OutOfRangeError, match=r"alkalinity_mg_l = 0.9 .*1 meq/L is 50"):
        co2_fresh_mg_l(0.9, 7.0, 15)


@given(st.floats(20, 1000), st.floats(5.5, 9), st.floats(0, 35))
def test_a_tenth_of_a_ph_lower_is_a_quarter_more(alkalinity: float, ph: float, temperature: float) -> None:
    here, below = (co2_fresh_mg_l(alkalinity, each, temperature) for each in (ph, ph - 0.1))
    assert 1.24 < below / here < 1.6
