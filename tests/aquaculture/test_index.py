"""The CCME index against worked cases, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture.index import Band, Objective, water_quality_index
from aquaculture.ranges import OutOfRangeError

GOOD = {"do": 8.0, "ph": 7.5, "nh3": 0.01, "t": 25.0}


@pytest.fixture
def objectives(published: dict[str, Any]) -> dict[str, Objective]:
    return {name: Objective(low, high) for name, (low, high) in published["ccme_wqi"]["obj"].items()}


def samples(failing: int, **bad: float) -> dict[str, list[float]]:
    """Ten samples of each parameter, of which some are bad."""
    return {name: [bad.get(name, good)] * failing + [good] * (10 - failing) for name, good in GOOD.items()}


def test_the_published_cases(published: dict[str, Any], objectives: dict[str, Objective]) -> None:
    cases = [case["wqi"] for case in published["ccme_wqi"]["cases"]]
    measured = [samples(0), samples(1, do=4.0), samples(5, do=4.0, nh3=0.03)]
    assert [water_quality_index(each, objectives).index for each in measured] == pytest.approx(cases, abs=0.001)


def test_the_worst_parameter_and_the_band_stand_beside_the_number(objectives: dict[str, Objective]) -> None:
    found = water_quality_index(samples(5, do=4.0, nh3=0.03), objectives)
    assert (found.worst, found.band) == ("nh3", Band.FAIR)
    assert (found.scope, found.frequency) == (50, 25)
    assert found.amplitude == pytest.approx(8.571, abs=0.001)
    clean = water_quality_index(samples(0), objectives)
    assert (clean.worst, clean.band) == (None, Band.EXCELLENT)


def test_water_without_oxygen_is_as_bad_as_it_gets_and_no_error(objectives: dict[str, Objective]) -> None:
    assert water_quality_index(samples(10, do=0.0), objectives).amplitude == pytest.approx(96.1, abs=0.1)


def test_too_little_is_refused_with_the_remedy(objectives: dict[str, Objective]) -> None:
    three = {name: values for name, values in samples(0).items() if name != "t"}
    with pytest.raises(OutOfRangeError, match=r"parameters = 3 .*at least four"):
        water_quality_index(three, objectives)
    with pytest.raises(OutOfRangeError, match=r"samples\.do = 2 .*at least four"):
        water_quality_index({**samples(0), "do": [8.0, 8.0]}, objectives)
    with pytest.raises(ValueError, match=r"samples.tss: there is no objective"):
        water_quality_index({**samples(0), "tss": [5.0] * 4}, objectives)
    with pytest.raises(ValueError, match="low = 9, high = 5"):
        Objective(9, 5)


@given(st.lists(st.floats(0, 30), min_size=4, max_size=20), st.lists(st.floats(0, 1), min_size=4, max_size=20))
def test_the_index_stays_between_nothing_and_a_hundred(oxygen: list[float], ammonia: list[float]) -> None:
    objectives = {"do": Objective(5), "nh3": Objective(None, 0.02), "ph": Objective(6.5, 9), "t": Objective(20, 30)}
    found = water_quality_index({**samples(0), "do": oxygen, "nh3": ammonia}, objectives)
    assert 0 <= found.index <= 100
    assert (found.worst is None) == (found.index == 100)
