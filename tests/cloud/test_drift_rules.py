"""Drift of a signal, a mix and errors: decisions about series without a database."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.drift.rules import (
    adwin,
    compare,
    compare_errors,
    compare_mix,
    effective,
    fisher,
    habit_of,
    histograms,
    in_a_row,
    kolmogorov,
    ks_distance,
    ks_probability,
    psi,
)
from cloud.drift.signals import DAY, HOURLY, Comparison, DriftVerdict, Family, Hours, Signal, Tuning

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
TUNING = Tuning()
SD = 0.03


def series(days: int, *, seed: int = 1, memory: float = 0.8, fall: float = 0.0, from_day: int = 10_000) -> Hours:
    """Clarity of a picture: darker at night, each hour like the one before; lower by ``fall`` from a day on."""
    draw = np.random.default_rng(seed)
    value, hours = 0.0, []
    for hour in range(days * 24):
        value = memory * value + np.sqrt(1 - memory**2) * draw.normal()
        habit = 1.5 * np.sin(2 * np.pi * hour / 24)
        lower = fall if hour >= from_day * 24 else 0.0
        hours.append((START + timedelta(hours=hour), float(0.7 + SD * (value + habit - lower))))
    return hours


def day(number: int) -> datetime:
    return START + number * DAY


@pytest.mark.parametrize(
    ("x", "probability"),
    # scipy 1.17.1: stats.kstwobign.sf; 1.3581 and 1.6276 are the 5 % and 1 % points of every table.
    [
        (0.1, 1.0),
        (0.5, 0.9639452436648751),
        (0.8276, 0.49995841),
        (1.3581, 0.04999963),
        (1.6276, 0.01000154),
        (1.9495, 0.00099980198),
    ],
)
def test_kolmogorov_has_its_published_values(x: float, probability: float) -> None:
    assert kolmogorov(x) == pytest.approx(probability, rel=1e-6)


def test_ks_agrees_with_scipy() -> None:
    draw = np.random.default_rng(7)
    one, other = draw.normal(size=200), draw.normal(0.4, 1, size=80)
    distance = ks_distance(one, other)
    assert distance == pytest.approx(0.2775)  # stats.ks_2samp
    assert ks_probability(distance, 200, 80) == pytest.approx(0.000237473, rel=0.4)  # its exact one


def test_psi_of_a_textbook() -> None:
    # By hand: (0.2 - 0.4) ln(0.2 / 0.4) + (0.5 - 0.4) ln(0.5 / 0.4) + (0.3 - 0.2) ln(0.3 / 0.2)
    big = 1e7
    assert psi([0.2 * big, 0.5 * big, 0.3 * big], [0.4 * big, 0.4 * big, 0.2 * big]) == pytest.approx(
        0.2014906, rel=1e-4
    )
    assert psi([5, 0], [5, 0]) == 0.0


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8), st.integers(0, 2**31))
def test_psi_is_never_negative_and_has_no_direction(counts: list[int], seed: int) -> None:
    others = np.random.default_rng(seed).integers(0, 50, len(counts)).astype(float)
    assert psi(counts, others) >= 0.0
    assert psi(counts, others) == pytest.approx(psi(others, counts))


@given(st.integers(0, 2**31), st.sampled_from([0.0, 1e-9, 1.0, 1e6]))
@settings(max_examples=50)
def test_tenths_of_the_reference_hold_every_number(seed: int, spread: float) -> None:
    draw = np.random.default_rng(seed)
    one, other = spread * draw.normal(size=60), spread * draw.normal(size=30)
    first, second = histograms(one, other)
    assert (first.sum(), second.sum(), len(first)) == (60, 30, 10)


def test_adwin_finds_the_change_and_nothing_where_there_is_none() -> None:
    draw = np.random.default_rng(3)
    steady = np.clip(draw.normal(0.5, 0.05, size=400), 0, 1)
    assert adwin(steady, 0.002) is None
    changed = steady.copy()
    changed[300:] -= 0.2
    found = adwin(changed, 0.002)
    assert found is not None
    assert abs(found - 300) <= 3
    assert adwin(changed, 0.002, worth=0.02) is None  # worth eight numbers in all
    assert adwin(steady[:9], 0.002) is None


def test_hours_that_hang_together_are_worth_less() -> None:
    def share(memory: float) -> float:
        hours = series(28, memory=memory)
        return effective(habit_of(hours).residuals(hours), [at for at, _ in hours])

    assert share(0.0) > 0.4
    assert 0.03 < share(0.8) < 0.25  # theory: (1 - 0.8) / (1 + 0.8) = 0.11
    assert share(0.95) < 0.08


def test_a_clear_camera_is_stable_and_a_fouled_one_is_told_within_a_week() -> None:
    assert compare(series(60), day(60)).verdict is DriftVerdict.STABLE
    fouled = series(60, fall=3.0, from_day=45)
    told = [number for number in range(45, 60) if compare(fouled, day(number)).verdict is DriftVerdict.DRIFT]
    assert told[0] <= 52
    newest = compare(fouled, day(59))
    assert newest.shift < -1.0
    assert newest.psi >= TUNING.psi
    assert newest.p < TUNING.alpha


def test_a_night_is_no_drift() -> None:
    """The newest hours are all dark; the raw numbers differ, the habit does not."""
    hours = [one for one in series(60) if one[0] < day(53) or 14 <= one[0].hour < 22]
    assert compare(hours, day(60)).verdict is DriftVerdict.STABLE


@pytest.mark.parametrize("days", [0, 1, 10, 20])
def test_a_new_version_learns_first(days: int) -> None:
    assert compare(series(days), day(days)).verdict is DriftVerdict.LEARNING


def test_a_camera_that_is_away_is_not_judged() -> None:
    assert compare(series(40), day(60)).verdict is DriftVerdict.LEARNING


@pytest.mark.parametrize("value", [1.0, 0.0, float("nan")])
def test_a_signal_that_never_moves_is_no_error(value: float) -> None:
    hours = [(at, value) for at, _ in series(60)]
    assert compare(hours, day(60)).verdict is not DriftVerdict.DRIFT


def test_a_signal_that_never_moved_and_falls_is_drift() -> None:
    hours = [(at, 1.0 if at < day(50) else 0.6) for at, _ in series(60)]
    assert compare(hours, day(60)).verdict is DriftVerdict.DRIFT


def test_one_bad_day_is_not_told() -> None:
    drift, stable = Comparison(DriftVerdict.DRIFT), Comparison(DriftVerdict.STABLE)
    assert not in_a_row([stable, drift])
    assert not in_a_row([drift])
    assert in_a_row([stable, drift, drift])


def mixes(days: int, *, from_day: int = 10_000, seed: int = 2) -> list[tuple[datetime, dict[str, float]]]:
    draw = np.random.default_rng(seed)
    return [
        (day(number), {"salmon": 20 + draw.normal(), "wrasse": (4 if number < from_day else 18) + abs(draw.normal())})
        for number in range(days)
    ]


def test_a_mix_that_changes_is_told_and_one_that_does_not_is_not() -> None:
    assert compare_mix(mixes(50), day(50)).verdict is DriftVerdict.STABLE
    changed = compare_mix(mixes(50, from_day=43), day(50))
    assert changed.verdict is DriftVerdict.DRIFT
    assert changed.psi >= TUNING.psi
    assert compare_mix(mixes(15), day(15)).verdict is DriftVerdict.LEARNING
    assert compare_mix([], day(15)).verdict is DriftVerdict.LEARNING


def test_a_label_that_is_new_counts() -> None:
    days = [(at, {"salmon": 20.0} if at < day(43) else {"salmon": 12.0, "lumpfish": 8.0}) for at, _ in mixes(50)]
    assert compare_mix(days, day(50)).verdict is DriftVerdict.DRIFT


def test_fisher_has_its_published_values() -> None:
    assert fisher(1, 4, 3, 4) == pytest.approx(0.24285714)  # the lady tasting tea
    assert fisher(2, 50, 8, 50) == pytest.approx(0.04582358)  # scipy 1.17.1: stats.fisher_exact


def test_errors_are_told_when_they_are_many_more_and_no_chance() -> None:
    assert compare_errors((5, 100), (15, 60)).verdict is DriftVerdict.DRIFT
    assert compare_errors((5, 100), (4, 60)).verdict is DriftVerdict.STABLE
    assert compare_errors((15, 60), (5, 100)).verdict is DriftVerdict.STABLE  # better
    assert compare_errors((50, 10_000), (100, 10_000)).verdict is DriftVerdict.STABLE  # no chance, and half a point
    assert compare_errors((5, 100), (9, 10)).verdict is DriftVerdict.LEARNING


def test_every_signal_belongs_to_a_family() -> None:
    assert {one.family for one in Signal} == set(Family)
    assert Signal.CLASSES not in HOURLY
