"""Toxic ammonia in fresh water and the sea, on both pH scales, against published tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture import ammonia
from aquaculture.ammonia import PhScale, unionized_ammonia_fraction
from aquaculture.ranges import OutOfRangeError


def test_fresh_water_matches_emerson(published: dict[str, Any]) -> None:
    table = published["f_nh3_fresh"]
    for row in table["published"]:
        ours = ammonia.unionized_ammonia_fraction_fresh(row["t"], row["ph"])
        assert ours == pytest.approx(row["expect"], abs=table["tol"]), row


def test_sea_water_agrees_with_measured_pairs(published: dict[str, Any]) -> None:
    table = published["f_nh3_salt"]
    for row in table["published"]:
        fraction = unionized_ammonia_fraction(row["t"], row["ph"], row["s"])
        ours = ammonia.unionized_ammonia_mg_l(row["tan"], fraction)
        assert ours == pytest.approx(row["nh3_n"], rel=table["tol_rel"]), row


@pytest.mark.parametrize(
    ("temperature", "ph", "salinity", "percent"),
    [(25, 8.1, 35, 5.57), (20, 8.0, 32, 3.18), (15, 8.0, 35, 2.17), (10, 8.0, 35, 1.51)],
)
def test_sea_water_by_whitfield(temperature: float, ph: float, salinity: float, percent: float) -> None:
    assert 100 * unionized_ammonia_fraction(temperature, ph, salinity) == pytest.approx(percent, abs=0.006)


def test_the_scale_of_the_ph_is_part_of_the_number() -> None:
    total = 100 * unionized_ammonia_fraction(25, 8.1, 35, scale=PhScale.TOTAL)
    assert total == pytest.approx(6.67, abs=0.01)
    assert total > 100 * unionized_ammonia_fraction(25, 8.1, 35, scale=PhScale.NBS)


def test_fresh_water_has_no_total_scale() -> None:
    with pytest.raises(OutOfRangeError, match=r"salinity_g_kg = 0.0 .*use the NBS scale"):
        unionized_ammonia_fraction(15, 7.5, scale=PhScale.TOTAL)


def test_a_percentage_for_a_fraction_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match=r"fraction = 3.8"):
        ammonia.unionized_ammonia_mg_l(1.0, 3.8)


def test_the_regulators_criterion_to_the_published_digits(published: dict[str, Any]) -> None:
    table = published["epa2013_ccc"]
    for temperature, row in table["published"].items():
        for ph, expected in zip(table["ph"], row, strict=True):
            assert float(f"{ammonia.ammonia_criterion_mg_l(float(temperature), ph):.2g}") == expected, (temperature, ph)


@given(st.floats(0, 39), st.floats(6, 9.4), st.floats(0, 40), st.sampled_from(PhScale))
def test_more_is_toxic_in_warmer_and_more_alkaline_water(
    temperature: float, ph: float, salinity: float, scale: PhScale
) -> None:
    salinity = max(5.0, salinity) if scale is PhScale.TOTAL else salinity
    here = unionized_ammonia_fraction(temperature, ph, salinity, scale=scale)
    assert 0 < here < 1
    assert unionized_ammonia_fraction(temperature + 1, ph, salinity, scale=scale) > here
    assert unionized_ammonia_fraction(temperature, ph + 0.1, salinity, scale=scale) > here
