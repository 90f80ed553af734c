"""QARTOD tests on one channel, on its peers and over days: a probe's faults, and the honest life of water beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

import pytest

from aquaculture.quality import ChannelQuality, PeerQuality, QualityLimits, default_limits_for, verdict_of
from aquaculture.quality.thresholds import NUMBERS
from contracts.quality import QUALITY_TESTS, QualityFlag, worst
from contracts.quantities import QUANTITIES

START = datetime(2026, 11, 1, tzinfo=timezone.utc)
SUSPECT = QualityFlag.SUSPECT


def after(**time: float) -> datetime:
    return START + timedelta(**time)


def failing(quality: ChannelQuality, values: Iterable[float], *, minutes: float = 1.0) -> list[str | None]:
    return [quality.judge(value, after(minutes=index * minutes)).test for index, value in enumerate(values)]


def breathing(index: int, *, middle: float = 9.0) -> float:
    """A living oxygen signal: it breathes over the day and rustles a little."""
    return round(middle + math.sin(index / 200) + 0.02 * math.sin(index * 1.7), 3)


def test_oxygen_beyond_what_a_probe_can_report_fails_the_gross_range() -> None:
    verdict = ChannelQuality(default_limits_for("do")).judge(55.0, START)
    assert (verdict.flag, verdict.test) == (QualityFlag.FAIL, "gross_range")


def test_not_a_number_fails() -> None:
    assert ChannelQuality(default_limits_for("ph")).judge(float("nan"), START).test == "not_a_number"


def test_what_this_site_has_never_seen_is_suspect_and_not_failed() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, span_low=4, span_high=14))
    assert quality.judge(3.0, START).failed == (("operator_span", SUSPECT),)
    assert quality.judge(15.0, after(minutes=1)).failed == (("operator_span", SUSPECT),)


def test_a_summer_temperature_in_january_is_suspect() -> None:
    quality = ChannelQuality(QualityLimits(-5, 45, months={1: (0.0, 8.0), 7: (10.0, 22.0)}))
    assert quality.judge(17.0, datetime(2026, 1, 9, tzinfo=timezone.utc)).test == "climatology"
    assert quality.judge(17.0, datetime(2026, 7, 9, tzinfo=timezone.utc)).test is None
    assert quality.judge(17.0, datetime(2026, 9, 9, tzinfo=timezone.utc)).test is None  # nothing is said of September


def test_a_jump_is_suspect_and_the_next_normal_value_is_judged_against_it() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, max_change_per_min=2.0))
    assert failing(quality, [8.0, 14.0, 13.5]) == [None, "rate_of_change", None]


def test_the_way_back_from_a_jump_is_not_suspect() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, max_change_per_min=2.0))
    assert failing(quality, [8.0, 14.0, 8.1]) == [None, "rate_of_change", None]


def test_one_wild_value_is_a_spike_and_a_real_jump_is_believed_after_three() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, spike=1.0))
    assert failing(quality, [9, 9.1, 9, 9.1, 9, 4, 9.1]) == [None] * 5 + ["spike", None]
    quality = ChannelQuality(QualityLimits(0, 40, spike=1.0))
    assert failing(quality, [9, 9.1, 9, 9.1, 9, 4, 4.1, 4, 4.1, 4]) == [None] * 5 + ["spike"] * 3 + [None] * 2


def test_a_channel_that_is_noisy_by_nature_is_allowed_its_noise() -> None:
    noisy = [10 + 3 * math.sin(index * 2.1) for index in range(400)]
    assert failing(ChannelQuality(QualityLimits(spike=2.0)), noisy)[100:] == [None] * 300
    assert "spike" in failing(ChannelQuality(QualityLimits(spike=2.0)), [*noisy, 60.0])


def test_a_stuck_oxygen_probe_is_suspect_and_fails_when_fish_would_depend_on_it() -> None:
    quality = ChannelQuality(default_limits_for("do"))
    found = [quality.judge(8.0, after(minutes=m)) for m in range(8 * 60)]
    flags = [verdict.flag for verdict in found]
    assert found[29].test is None
    assert found[30].test == "stuck"
    assert flags[179] is SUSPECT
    assert flags[180] is QualityFlag.FAIL
    assert quality.judge(8.01, after(hours=8)).flag is QualityFlag.GOOD


def test_a_probe_that_falls_to_zero_and_stays_there_is_stuck_until_it_moves() -> None:
    quality = ChannelQuality(default_limits_for("do"))
    falling = [9, 9.1, 9, 9.1, 9, 0, 0, 0, 0, 0, 0.2, 0.3]
    assert failing(quality, falling)[5:] == ["rate_of_change", *["stuck"] * 4, None, None]


def test_few_equal_readings_of_a_slow_sensor_are_not_stuck() -> None:
    quality = ChannelQuality(default_limits_for("do"))
    assert failing(quality, [8.0] * 20, minutes=15) == [None] * 20


def test_a_probe_that_never_moves_is_suspect_after_its_time() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, flat_for_s=1800, flat_tolerance=0.05))
    assert failing(quality, [8.0, 8.04, 8.01, 8.03, 8.02, 8.04, 8.0, 8.02, 9.0], minutes=5) == [
        *[None] * 6,
        "flat_line",
        "flat_line",
        None,
    ]


def test_every_failing_test_is_kept_and_the_worst_names_the_verdict() -> None:
    verdict = verdict_of([("spike", SUSPECT), ("stuck", QualityFlag.FAIL), ("maintenance", SUSPECT)])
    assert (verdict.flag, verdict.test) == (QualityFlag.FAIL, "stuck")
    assert [test for test, _ in verdict.failed] == ["stuck", "maintenance", "spike"]
    assert worst(QualityFlag.GOOD, SUSPECT, QualityFlag.NOT_EVALUATED) is SUSPECT
    assert worst() is QualityFlag.NOT_EVALUATED


def test_a_failed_value_does_not_become_history() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, max_change_per_min=2.0))
    assert failing(quality, [8.0, -900.0, 8.1]) == [None, "gross_range", None]


@pytest.mark.parametrize("jump_s", [-86_400, -30, 3 * 3600, 86_400], ids=["day back", "30 s back", "gap", "day ahead"])
def test_after_a_gap_or_a_clock_that_jumped_nothing_is_compared_with_before(jump_s: float) -> None:
    quality = ChannelQuality(QualityLimits(0, 40, max_change_per_min=1.0, spike=1.0, stuck_s=60, stuck_count=3))
    failing(quality, [8.0] * 20)
    assert "stuck" in quality.judge(8.0, after(minutes=20)).failed[0]
    later = after(minutes=20, seconds=jump_s)
    assert quality.judge(8.0, later).flag is QualityFlag.GOOD
    assert quality.not_evaluated() == ("stuck", "rate_of_change", "spike")
    assert quality.judge(8.0, later + timedelta(seconds=20)).flag is QualityFlag.GOOD


def test_a_restart_goes_on_where_it_stopped() -> None:
    limits = QualityLimits(0, 40, max_change_per_min=1.0, spike=1.0, stuck_s=600, flat_for_s=60, trend_per_day=-1.0)
    before, other = ChannelQuality(limits), ChannelQuality(limits)
    failing(before, [8.0] * 9)
    assert other.recall(json.loads(json.dumps(before.remember())))
    for minute in (9, 10, 11):
        assert other.judge(8.0, after(minutes=minute)) == before.judge(8.0, after(minutes=minute))
    assert other.judge(8.0, after(minutes=12)).test == "stuck"


@pytest.mark.parametrize("memory", [None, 7, [], {}, {"v": 1}, {"v": 99}, {"v": 1, "last": ["x", 1]}])
def test_a_spoiled_memory_is_left_out(memory: object) -> None:
    assert not ChannelQuality(default_limits_for("do")).recall(memory)
    assert not PeerQuality({"a": QualityLimits(), "b": QualityLimits()}).recall(memory)


def saturation_over(days: int, per_day: float) -> list[bool]:
    quality = ChannelQuality(default_limits_for("do_sat"))
    return [
        quality.judge(95 + per_day * hour / 24 + 5 * math.sin(hour / 3.82), after(hours=hour)).test == "fouling"
        for hour in range(days * 24)
    ]


def test_a_film_that_grows_on_the_probe_shows_after_a_week_and_a_steady_probe_never() -> None:
    found = saturation_over(12, -3.0)
    assert not any(found[: 7 * 24])
    assert all(found[8 * 24 :])
    assert not any(saturation_over(30, 0.0))
    assert not any(saturation_over(30, +3.0))


def test_cleaning_the_probe_ends_the_fouling() -> None:
    quality = ChannelQuality(default_limits_for("do_sat"))
    for hour in range(12 * 24):
        verdict = quality.judge(95 - hour / 8, after(hours=hour))
    assert verdict.test == "fouling"
    quality.restart()
    assert quality.judge(95, after(days=12)).flag is QualityFlag.GOOD
    assert "fouling" in quality.not_evaluated()


def pair(minutes: int, difference: float, *, drift_per_day: float = 0.0, third: bool = False) -> dict[str, set[str]]:
    limits = default_limits_for("do")
    names = ["left", "right", "third"] if third else ["left", "right"]
    peers = PeerQuality(dict.fromkeys(names, limits))
    found: dict[str, set[str]] = {name: set() for name in names}
    for minute in range(minutes):
        now = after(minutes=minute)
        for name in names:
            off = difference + drift_per_day * minute / 1440 if name == "right" else 0.0
            found[name] |= {test for test, _ in peers.judge(name, breathing(minute) + off, now)}
    return found


def test_two_probes_that_contradict_each_other_are_both_suspect() -> None:
    assert pair(60, 2.0) == {"left": {"disagreement"}, "right": {"disagreement"}}
    assert pair(60, 0.3) == {"left": set(), "right": set()}


def test_of_three_probes_the_odd_one_out_is_suspect_alone() -> None:
    assert pair(60, 2.0, third=True) == {"left": set(), "right": {"disagreement"}, "third": set()}


def test_a_probe_that_drifts_from_its_pair_is_found_before_it_disagrees() -> None:
    assert pair(108 * 60, 0.0, drift_per_day=0.2) == {"left": {"pair_drift"}, "right": {"pair_drift"}}
    assert pair(5 * 1440, 0.2) == {"left": set(), "right": set()}


def test_a_peer_that_has_gone_silent_says_nothing_about_the_others() -> None:
    limits = default_limits_for("do")
    peers = PeerQuality({"left": limits, "right": limits})
    peers.judge("right", 2.0, START)
    assert [peers.judge("left", 9.0, after(minutes=3 + m)) for m in range(60)] == [()] * 60
    assert "disagreement" in peers.not_evaluated("left")


def test_a_calibration_of_one_of_a_pair_lets_both_learn_anew() -> None:
    limits = default_limits_for("do")
    peers = PeerQuality({"left": limits, "right": limits})
    for minute in range(3 * 1440):
        peers.judge("left", 9.0, after(minutes=minute))
        failed = peers.judge("right", 9.0 + minute / 1440 * 0.4, after(minutes=minute))
    assert failed
    kept = json.loads(json.dumps(peers.remember()))
    again = PeerQuality({"left": limits, "right": limits})
    assert again.recall(kept)
    assert again.judge("right", 10.2, after(days=3)) == failed
    again.restart("right")
    assert again.judge("right", 9.0, after(days=3, minutes=1)) == ()
    assert "pair_drift" in again.not_evaluated("left")


def test_every_threshold_belongs_to_a_known_quantity_and_says_where_it_is_from() -> None:
    for code in QUANTITIES:
        limits = default_limits_for(code)
        assert (limits.low, limits.high) == (QUANTITIES[code].low, QUANTITIES[code].high)
    assert default_limits_for("do").spike == 2.28
    assert default_limits_for("no-such") == QualityLimits()
    assert {"spike", "stuck_s", "trend_per_day", "low"} <= NUMBERS
    assert all(test.meaning and test.remedy and test.source for test in QUALITY_TESTS.values())
