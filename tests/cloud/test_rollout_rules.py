"""Waves, gates and what a wave has earned: decisions about a fleet without a fleet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cloud.rollouts.plan import Gate, Metric, Phase, Plan, Wave
from cloud.rollouts.rules import (
    Silence,
    Verdict,
    WaveCount,
    divide,
    judge,
    more_silent_than_chance,
    settled,
    too_many_failed,
    too_many_refused,
    water,
)

CLEAR, TURBID = ("pc", "clear"), ("pc", "turbid")
DISAGREEMENT = Gate(metric=Metric.DISAGREEMENT, at_most=0.15)
PLAN = Plan()


@given(
    sizes=st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=4),
    seed=st.integers(min_value=0, max_value=1000),
)
def test_every_device_is_in_one_wave_and_every_stratum_in_the_canary(sizes: list[int], seed: int) -> None:
    fleet = {f"box-{s}-{n}": (f"stratum-{s}",) for s, size in enumerate(sizes) for n in range(size)}
    placed = divide(fleet, PLAN, seed=seed, heard={})
    assert placed.keys() == fleet.keys()
    share = max(0.01, min(PLAN.min_first / len(fleet), 0.1))
    for stratum, size in enumerate(sizes):
        canary = sum(wave == 0 for device, wave in placed.items() if device.startswith(f"box-{stratum}-"))
        assert min(size, PLAN.min_per_stratum) <= canary <= max(PLAN.min_per_stratum, size * share + 1)
    assert divide(fleet, PLAN, seed=seed, heard={}) == placed


def test_a_canary_is_chosen_among_devices_that_are_there() -> None:
    fleet = {f"box-{n:03d}": CLEAR for n in range(300)}
    there = {f"box-{n:03d}": 60.0 for n in range(0, 300, 10)}
    placed = divide(fleet, PLAN, seed=1, heard=there)
    assert {device for device, wave in placed.items() if wave == 0} <= there.keys()


@pytest.mark.parametrize(("devices", "canary"), [(20, 2), (200, 20), (1_000, 40), (10_000, 100)])
def test_a_canary_is_large_enough_to_show_what_befalls_one_in_five_and_a_small_part_all_the_same(
    devices: int, canary: int
) -> None:
    placed = divide({f"box-{n}": CLEAR for n in range(devices)}, PLAN, seed=1, heard={})
    assert sum(wave == 0 for wave in placed.values()) == canary


def test_turbid_water_fails_a_gate_that_clear_water_passes() -> None:
    found = judge(
        DISAGREEMENT,
        {CLEAR: {"a": 0.05, "b": 0.07, "c": 0.06}, TURBID: {"d": 0.34, "e": 0.36}},
    )
    assert [(finding.stratum, finding.verdict) for finding in found] == [
        (CLEAR, Verdict.PASSED),
        (TURBID, Verdict.FAILED),
    ]


@pytest.mark.parametrize(
    ("ntu", "clarity", "expected"),
    [(35.0, 0.9, "turbid"), (3.0, 0.2, "clear"), (None, 0.4, "turbid"), (None, 0.9, "clear"), (None, None, "")],
)
def test_a_probe_tells_what_a_camera_looks_through_and_pictures_where_there_is_none(
    ntu: float | None, clarity: float | None, expected: str
) -> None:
    assert water(ntu, clarity) == expected


def test_silence_is_judged_in_a_fleet_of_any_size() -> None:
    few = Silence(lost=400, activated=9_600, control_silent=15, control=400)
    assert not more_silent_than_chance(PLAN, few), "as many as of the others"
    assert more_silent_than_chance(PLAN, Silence(lost=700, activated=9_600, control_silent=15, control=400))
    assert not more_silent_than_chance(PLAN, Silence(lost=2, activated=100_000, control_silent=1, control=1_000))


def test_too_few_devices_and_a_mean_near_the_limit_are_inconclusive() -> None:
    (alone,) = judge(DISAGREEMENT.model_copy(update={"min_devices": 3}), {CLEAR: {"a": 0.01, "b": 0.01}})
    assert alone.verdict is Verdict.INCONCLUSIVE
    assert "no reports" in alone.words()
    (near,) = judge(DISAGREEMENT, {CLEAR: {"a": 0.10, "b": 0.14, "c": 0.18}})
    assert near.verdict is Verdict.INCONCLUSIVE


def test_the_spread_of_a_lonely_canary_is_learned_from_the_other_strata() -> None:
    many = {f"box-{n}": 0.10 + 0.02 * (n % 5) for n in range(20)}
    found = {finding.stratum: finding for finding in judge(DISAGREEMENT, {CLEAR: many, TURBID: {"z": 0.16}})}
    assert found[TURBID].verdict is Verdict.INCONCLUSIVE, (
        "one device 0.01 beyond the limit is within the spread of devices"
    )


def test_one_broken_disk_stops_nothing_and_three_of_eight_do() -> None:
    assert not too_many_failed(PLAN, WaveCount(seen=8, ended=1, failed=1))
    assert too_many_failed(PLAN, WaveCount(seen=8, ended=3, failed=3))
    assert not too_many_failed(PLAN, WaveCount(seen=500, ended=40, failed=20))
    assert not too_many_refused(PLAN, WaveCount(seen=100, ended=30, failed=0, refused=30))
    assert too_many_refused(PLAN, WaveCount(seen=100, ended=31, failed=0, refused=31))


def test_a_wave_of_which_nobody_was_seen_is_never_settled() -> None:
    assert not settled(PLAN, WaveCount(seen=0, ended=0, failed=0))
    assert settled(PLAN, WaveCount(seen=10, ended=8, failed=0))


def test_a_storm_that_cuts_the_whole_coast_off_is_no_brick() -> None:
    assert more_silent_than_chance(PLAN, Silence(lost=3, activated=8, control_silent=4, control=280))
    assert not more_silent_than_chance(PLAN, Silence(lost=3, activated=8, control_silent=120, control=280))
    assert not more_silent_than_chance(PLAN, Silence(lost=1, activated=8, control_silent=0, control=280))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"waves": [Wave(name="all", share=0.5, bake_s=0)]}, "must reach everybody"),
        (
            {"waves": [Wave(name="a", share=0.2, bake_s=86_400), Wave(name="b", share=0.2, bake_s=0)]},
            "reaches nobody after a",
        ),
        ({"waves": [Wave(name="a", share=0.1, bake_s=60), Wave(name="b", share=1, bake_s=0)]}, "shorter than lease_s"),
        ({"shadow_s": 0, "gates": [DISAGREEMENT]}, "can never be met with shadow_s 0"),
    ],
)
def test_a_plan_that_protects_nobody_is_refused(broken: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Plan.model_validate(broken)


def test_a_gate_needs_a_limit() -> None:
    with pytest.raises(ValidationError, match="give at_most, at_least or both"):
        Gate(metric=Metric.ERRORS, phase=Phase.LIVE)
