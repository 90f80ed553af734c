"""The same substance in other words, and the ladder of actions."""

from __future__ import annotations

import csv
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture.advice import advice_for, ladders
from aquaculture.basis import (
    NitrogenIon,
    alkalinity_from_dkh,
    alkalinity_from_meq_l,
    as_nitrogen_mg_l,
    salinity_from_conductivity,
)
from aquaculture.ranges import OutOfRangeError
from contracts.quantities import QUANTITIES


@pytest.mark.parametrize(
    ("ion", "factor"), [(NitrogenIon.NH3, 1.216), (NitrogenIon.NO2, 3.285), (NitrogenIon.NO3, 4.427)]
)
def test_a_kit_that_reports_the_ion_reads_higher_than_nitrogen(ion: NitrogenIon, factor: float) -> None:
    assert as_nitrogen_mg_l(factor, ion) == pytest.approx(1, abs=0.001)


def test_alkalinity_in_three_units() -> None:
    assert alkalinity_from_meq_l(2) == pytest.approx(100.08)
    assert alkalinity_from_dkh(5.6) == pytest.approx(100, abs=0.1)
    with pytest.raises(OutOfRangeError, match=r"meq_l = 100 .*in mg/L already"):
        alkalinity_from_meq_l(100)


@pytest.mark.parametrize(
    ("conductivity", "temperature", "expected"),
    [
        (42.914, 15, 34.996770),
        (50, 20, 36.713099),
        (30, 10, 26.859166),
        (10, 25, 5.626644),
        (53.087, 25, 35.011849),
        (5, 5, 4.459248),
    ],
)
def test_practical_salinity_as_teos_10_computes_it(conductivity: float, temperature: float, expected: float) -> None:
    assert salinity_from_conductivity(conductivity, temperature) == pytest.approx(expected, abs=2e-6)


def test_microsiemens_and_fresh_water_are_refused_with_the_remedy() -> None:
    with pytest.raises(OutOfRangeError, match=r"conductivity_ms_cm = 450 .*1000 uS/cm are 1"):
        salinity_from_conductivity(450, 15)
    with pytest.raises(OutOfRangeError, match=r"salinity_g_kg = .*enter the salinity"):
        salinity_from_conductivity(0.5, 15)


@given(st.floats(20, 40), st.floats(10, 20))
def test_more_current_at_the_same_temperature_is_more_salt(conductivity: float, temperature: float) -> None:
    here = salinity_from_conductivity(conductivity, temperature)
    assert salinity_from_conductivity(conductivity + 1, temperature) > here


@pytest.mark.parametrize(
    ("value", "action"),
    [(0.03, None), (0.04, "Cut feed by 25 %"), (0.06, "Cut feed by 50 %"), (0.08, "Stop feeding"), (2.0, "lower pH")],
)
def test_a_ladder_says_how_much_less_to_feed(value: float, action: str | None) -> None:
    found = advice_for("oreochromis_niloticus", "nh3", value)
    assert (found is None) == (action is None)
    assert found is None or (action or "") in found.action


def test_where_there_is_no_ladder_there_is_no_advice() -> None:
    assert advice_for("salmo_salar", "do", 3.0) is None
    with pytest.raises(ValueError, match="quantity = 'ammonia' is unknown"):
        advice_for("salmo_salar", "ammonia", 3.0)


def test_every_rung_has_its_unit_and_its_source() -> None:
    text = resources.files("aquaculture").joinpath("advice.csv").read_text(encoding="utf-8")
    for line in csv.DictReader(text.splitlines()):
        assert (line["ucum"], line["basis"]) == (QUANTITIES[line["quantity"]].ucum, QUANTITIES[line["quantity"]].basis)
    assert all(rung.source and rung.evidence for rung in ladders())
