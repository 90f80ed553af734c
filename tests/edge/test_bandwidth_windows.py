"""The night is cheap: rates by time of day in the farm's own time, over midnight and the change to summer time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from edge.outbox.budget import BURST_S, Budget
from edge.outbox.rules import Priority
from edge.outbox.settings import BandwidthWindow, OutboxSettings
from edge.outbox.timetable import rate_at

NIGHT = BandwidthWindow.model_validate({"begins": "22:00", "ends": "05:30", "max_bytes_per_s": 20_000})
NOON = BandwidthWindow.model_validate({"begins": "12:00", "ends": "13:00"})
USUAL, OSLO = 1_000, "Europe/Oslo"
MIDNIGHT = datetime(2026, 11, 21, tzinfo=timezone.utc)


def rate(now: datetime, *windows: BandwidthWindow, trusted: bool = True) -> int | None:
    return rate_at(windows or (NIGHT, NOON), USUAL, now, zone=OSLO, trusted=trusted)


@pytest.mark.parametrize(
    ("hour", "minute", "expected"),
    [(20, 59, USUAL), (21, 0, 20_000), (0, 0, 20_000), (4, 29, 20_000), (4, 30, USUAL), (11, 0, None), (12, 0, USUAL)],
)
def test_the_rate_of_an_hour_in_utc_is_that_of_the_farms_own_time(hour: int, minute: int, expected: int | None) -> None:
    assert rate(MIDNIGHT.replace(hour=hour, minute=minute)) == expected


def test_a_window_moves_with_summer_time() -> None:
    evening = datetime(2026, 7, 1, 20, 0, tzinfo=timezone.utc)  # 22:00 in Oslo
    assert (rate(evening), rate(evening.replace(month=11))) == (20_000, USUAL)


def test_of_two_windows_the_later_in_the_list_holds() -> None:
    narrow = BandwidthWindow.model_validate({"begins": "00:00", "ends": "01:00", "max_bytes_per_s": 100})
    at = datetime(2026, 11, 20, 23, 30, tzinfo=timezone.utc)
    assert (rate(at, NIGHT, narrow), rate(at, narrow, NIGHT)) == (100, 20_000)


def test_a_box_that_does_not_know_the_time_sends_no_faster_than_at_any() -> None:
    assert rate(datetime(1970, 1, 1, 23, tzinfo=timezone.utc), trusted=False) == USUAL


def test_a_day_of_backlog_goes_at_night_and_alarms_never_wait() -> None:
    now_s = 0.0
    budget = Budget(
        USUAL, evidence_share=0.5, now_s=now_s, rate_now=lambda: rate(MIDNIGHT + timedelta(seconds=now_s), NIGHT)
    )
    sent = {"day": 0, "night": 0}
    while now_s < 86_400:
        part = "night" if rate(MIDNIGHT + timedelta(seconds=now_s), NIGHT) == 20_000 else "day"
        while budget.allows(Priority.TELEMETRY, now_s):
            budget.spend(Priority.TELEMETRY, 20_000, now_s)
            sent[part] += 20_000
        assert budget.allows(Priority.ALARM, now_s)
        now_s += 2
    night_s = 7.5 * 3600
    assert sent["night"] == pytest.approx(night_s * 20_000, rel=0.01)
    assert sent["day"] == pytest.approx((86_400 - night_s) * USUAL, rel=0.05)


def test_a_bound_begins_without_a_burst_that_the_free_hour_had_saved() -> None:
    rates: list[int | None] = [None]
    budget = Budget(None, evidence_share=0.5, now_s=0, rate_now=lambda: rates[-1])
    assert budget.allows(Priority.EVIDENCE, 100)
    rates.append(USUAL)
    budget.allows(Priority.TELEMETRY, 3600)
    sent = 0
    while budget.allows(Priority.TELEMETRY, 3601):
        budget.spend(Priority.TELEMETRY, 100, 3601)
        sent += 100
    assert sent <= USUAL
    assert sent < USUAL * BURST_S


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"windows": [{"begins": 1320, "ends": "05:30"}]}, "in quotes"),
        ({"windows": [{"begins": "22:00", "ends": "22:00"}]}, "another time than it begins"),
        ({"windows": [{"begins": "22:00+01:00", "ends": "05:30"}]}, "without an offset"),
        ({"windows": [{"begins": "22:00", "ends": "05:30", "max_bytes_per_s": 5}]}, "greater than or equal to 100"),
        ({"timezone": "Oslo"}, "IANA name"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_remedy(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        OutboxSettings.model_validate(settings)
