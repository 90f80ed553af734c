"""Trials: is the candidate better, on the same pictures and on different units, and how many pictures would tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.experiments.rules import frames_paired, frames_unpaired, mcnemar, paired, unpaired


@pytest.mark.parametrize(
    ("first_only", "second_only", "p"),
    [
        (1, 7, 0.0703125),  # Bentur et al. 2009 in Fagerland 2013, table 2: exact conditional 0.070
        (12, 38, 0.000305864),  # scipy 1.17.1: stats.binomtest
        (4, 4, 1.0),
        (0, 0, 1.0),
        (0, 6, 0.03125),
    ],
)
def test_mcnemar_has_its_published_values(first_only: int, second_only: int, p: float) -> None:
    assert mcnemar(first_only, second_only) == pytest.approx(p, rel=1e-5)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_has_no_direction_and_is_a_probability(first: int, second: int) -> None:
    assert mcnemar(first, second) == mcnemar(second, first)
    assert 0.0 < mcnemar(first, second) <= 1.0


def test_pictures_of_both_versions_are_counted() -> None:
    found = paired(80, 3, 12, 5)
    assert found.pictures == 100
    assert found.difference == pytest.approx(0.09)
    assert paired(0, 0, 0, 0).difference is None


def test_units_are_resampled_and_not_answers() -> None:
    """Four tanks of each arm, a thousand answers each: as good on average, but tanks differ, and so nothing is shown."""
    active = {f"a{number}": (right, 1000) for number, right in enumerate((700, 800, 900, 950))}
    candidate = {f"c{number}": (right, 1000) for number, right in enumerate((720, 840, 930, 980))}
    found = unpaired(active, candidate, seed=1)
    assert found.difference == pytest.approx(0.03)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert found.design_effect is not None
    assert found.design_effect > 10
    assert unpaired(active, candidate, seed=1) == found


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw, covered, rounds = np.random.default_rng(5), 0, 200
    for seed in range(rounds):
        arms = []
        for share in (0.8, 0.9):
            of_unit = draw.beta(share * 30, (1 - share) * 30, size=12)
            arms.append({str(unit): (int(draw.binomial(60, p)), 60) for unit, p in enumerate(of_unit)})
        found = unpaired(arms[0], arms[1], seed=seed, resamples=400)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.1 <= found.high
    assert 0.86 <= covered / rounds <= 0.99  # a percentile interval of twelve units is a little narrow


def test_few_units_give_no_interval() -> None:
    found = unpaired({"a": (9, 10), "b": (8, 10)}, {"c": (7, 10), "d": (9, 10), "e": (9, 10), "empty": (0, 0)}, seed=1)
    assert (found.active_units, found.candidate_units) == (2, 3)
    assert found.low is None
    assert found.difference is not None
    assert unpaired({}, {"c": (7, 10)}, seed=1).difference is None


def test_sample_sizes_of_a_textbook() -> None:
    assert frames_unpaired(0.5, 0.1) == 388  # Fleiss 2003, table A.4 without correction for continuity
    assert frames_unpaired(0.5, 0.1, effect=2.0) == math.ceil(2 * 387.3)
    assert frames_unpaired(0.9, -0.05) > frames_unpaired(0.9, -0.1)
    assert frames_paired(0.2, 0.1) < frames_unpaired(0.8, 0.1)


def test_so_many_pictures_have_the_power_that_was_asked_for() -> None:
    """A thousand simulated trials of that size."""
    disagreement, difference = 0.15, 0.06
    pictures = frames_paired(disagreement, difference)
    draw = np.random.default_rng(11)
    shares = [(disagreement - difference) / 2, (disagreement + difference) / 2, 1 - disagreement]
    seen = [mcnemar(int(b), int(c)) < 0.05 for b, c, _ in draw.multinomial(pictures, shares, size=1000)]
    assert 0.74 <= sum(seen) / 1000 <= 0.86  # the exact test is a little careful


@pytest.mark.parametrize(("accuracy", "difference"), [(0.9, 0.2), (0.9, 0.0), (1.2, -0.1)])
def test_a_difference_that_cannot_be_is_refused(accuracy: float, difference: float) -> None:
    with pytest.raises(ValueError, match="accuracy"):
        frames_unpaired(accuracy, difference)
    with pytest.raises(ValueError, match="disagreement"):
        frames_paired(0.1, 0.2)
