"""QARTOD tests on one channel."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from aquaculture.quality import ChannelQuality, QualityLimits, default_limits_for
from contracts.quality import QualityFlag, worst

START = datetime(2026, 11, 1, tzinfo=timezone.utc)


def test_oxygen_beyond_what_a_probe_can_report_fails_the_gross_range() -> None:
    quality = ChannelQuality(default_limits_for("do"))
    assert quality.judge(55.0, START).flag is QualityFlag.FAIL
    assert quality.judge(55.0, START).test == "gross_range"


def test_a_jump_is_suspect_and_the_next_normal_value_is_judged_against_it() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, max_change_per_min=2.0))
    assert quality.judge(8.0, START).flag is QualityFlag.GOOD
    jump = quality.judge(14.0, START + timedelta(seconds=60))
    assert (jump.flag, jump.test) == (QualityFlag.SUSPECT, "rate_of_change")
    assert quality.judge(13.5, START + timedelta(seconds=120)).flag is QualityFlag.GOOD


def test_a_failed_value_does_not_become_history() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, max_change_per_min=2.0))
    quality.judge(8.0, START)
    quality.judge(-900.0, START + timedelta(seconds=60))
    assert quality.judge(8.1, START + timedelta(seconds=120)).flag is QualityFlag.GOOD


def test_a_probe_that_never_moves_is_suspect_after_its_time() -> None:
    quality = ChannelQuality(QualityLimits(0, 40, flat_for=timedelta(minutes=30), flat_tolerance=0.001))
    flags = [quality.judge(8.0, START + timedelta(minutes=m)).test for m in range(0, 40, 5)]
    assert flags == [None] * 6 + ["flat_line"] * 2


def test_not_a_number_fails() -> None:
    assert ChannelQuality(default_limits_for("ph")).judge(float("nan"), START).test == "not_a_number"


def test_the_worst_flag_decides() -> None:
    assert worst(QualityFlag.GOOD, QualityFlag.SUSPECT, QualityFlag.NOT_EVALUATED) is QualityFlag.SUSPECT
    assert worst() is QualityFlag.NOT_EVALUATED
