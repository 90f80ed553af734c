"""The API's pure decisions: buckets, freshness, roles, lockout, cursors."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.alarms.rules import worst
from cloud.auth.rules import Role, normal_email, password_fault
from cloud.auth.state import CAPACITY, LIMITS, LOCK, WINDOW, Lockouts
from cloud.errors import InvalidCursorError
from cloud.kit.ids import (
    decode_cursor,
    decode_moment_cursor,
    encode_cursor,
    observation_id,
    parse_observation_id,
)
from cloud.telemetry.rules import (
    BUCKETS_S,
    Kept,
    Resolution,
    bucket_width_s,
    is_stale,
    range_fault,
    resolution_for,
    stale_after_s,
)
from contracts.alarms import Severity

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
MOMENTS = st.integers(0, 7_000_000_000_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))


@pytest.mark.parametrize(
    ("span", "max_points", "width_s"),
    [
        (timedelta(minutes=10), 2000, 1),
        (timedelta(hours=1), 500, 10),
        (timedelta(hours=24), 500, 300),
        (timedelta(days=30), 500, 7200),
        (timedelta(days=366), 2, 366 * 86400),
    ],
)
def test_bucket_is_the_narrowest_that_people_can_read(span: timedelta, max_points: int, width_s: int) -> None:
    assert bucket_width_s(NOON, NOON + span, max_points) >= width_s
    if width_s in BUCKETS_S:
        assert bucket_width_s(NOON, NOON + span, max_points) == width_s


@settings(deadline=None)  # a busy machine is no fault
@given(MOMENTS, st.integers(1, 366 * 86400), st.integers(2, 2000))
def test_buckets_never_exceed_what_was_asked_for(start: datetime, span_s: int, max_points: int) -> None:
    width_s = bucket_width_s(start, start + timedelta(seconds=span_s), max_points)
    # The worst case starts one microsecond before the end of a bucket.
    assert span_s / width_s + 1 <= max_points


KEPT = Kept(raw=90, minute=730)


@pytest.mark.parametrize(
    ("age_days", "span", "resolution", "bucket_s"),
    [
        (1, timedelta(minutes=10), Resolution.RAW, 2),
        (1, timedelta(hours=24), Resolution.MINUTE, 300),
        (30, timedelta(days=30), Resolution.HOUR, 7200),
        (400, timedelta(days=366), Resolution.DAY, 86400),
        (91, timedelta(minutes=10), Resolution.MINUTE, 60),
        (731, timedelta(minutes=10), Resolution.HOUR, 3600),
        (5000, timedelta(days=1), Resolution.HOUR, 3600),
    ],
)
def test_a_series_reads_the_least_that_is_still_there(
    age_days: int, span: timedelta, resolution: Resolution, bucket_s: int
) -> None:
    start = NOON - timedelta(days=age_days)
    width_s = bucket_width_s(start, start + span, 500, at_least_s=KEPT.finest(start, NOON).width_s)
    assert (resolution_for(width_s), width_s) == (resolution, bucket_s)


def test_every_bucket_of_the_ladder_is_made_of_whole_rows() -> None:
    for width_s in BUCKETS_S:
        row_s = resolution_for(width_s).width_s
        assert row_s == 0 or width_s % row_s == 0
    assert Kept(raw=1, minute=2, hour=3, day=None).finest(NOON - timedelta(days=9), NOON) is Resolution.DAY


def test_range_must_be_forward_and_within_a_year() -> None:
    assert range_fault(NOON, NOON) is not None
    assert range_fault(NOON, NOON - timedelta(seconds=1)) is not None
    assert range_fault(NOON, NOON + timedelta(days=367)) is not None
    assert range_fault(NOON, NOON + timedelta(days=30)) is None


@pytest.mark.parametrize(
    ("age_s", "period_s", "stale"),
    [
        (None, None, True),
        (59.0, 1.0, False),
        (61.0, 1.0, True),
        (61.0, None, True),
        (1700.0, 600.0, False),
        (1801.0, 600.0, True),
    ],
)
def test_value_is_stale_after_three_periods_and_never_before_a_minute(
    age_s: float | None, period_s: float | None, stale: bool
) -> None:
    assert is_stale(age_s, period_s) is stale
    assert stale_after_s(period_s) >= 60.0


def test_roles_include_the_ones_before() -> None:
    assert Role.PLATFORM_ADMIN.reaches(Role.VIEWER)
    assert Role.OPERATOR.reaches(Role.OPERATOR)
    assert not Role.VIEWER.reaches(Role.OPERATOR)
    assert not Role.FARM_MANAGER.reaches(Role.FLEET_ADMIN)


def test_password_is_judged_by_length_alone() -> None:
    assert password_fault("short") is not None
    assert password_fault("x" * 129) is not None
    assert password_fault("four plain words") is None
    assert normal_email("  Ana@Farm.Example ") == "ana@farm.example"


def test_worst_severity_wins() -> None:
    assert worst({Severity.WARNING: 3, Severity.MAJOR: 1}) is Severity.MAJOR
    assert worst({Severity.CRITICAL: 0}) is None


def test_typing_errors_lock_one_account_at_one_address() -> None:
    lockouts = Lockouts()
    for _ in range(LIMITS["pair"]):
        assert lockouts.retry_after_s("ana", "here", NOON) is None
        lockouts.failed("ana", "here", NOON)
    assert lockouts.retry_after_s("ana", "here", NOON) == 301
    assert lockouts.retry_after_s("ana", "elsewhere", NOON) is None
    assert lockouts.retry_after_s("ben", "here", NOON) is None
    assert lockouts.retry_after_s("ana", "here", NOON + LOCK) is None


def test_success_forgets_typing_errors() -> None:
    lockouts = Lockouts()
    for _ in range(LIMITS["pair"] - 1):
        lockouts.failed("ana", "here", NOON)
    lockouts.succeeded("ana", "here")
    lockouts.failed("ana", "here", NOON)
    assert lockouts.retry_after_s("ana", "here", NOON) is None


def test_after_a_lock_the_counting_starts_anew() -> None:
    lockouts = Lockouts()
    for _ in range(LIMITS["pair"]):
        lockouts.failed("ana", "here", NOON)
    later = NOON + LOCK + timedelta(seconds=1)
    lockouts.failed("ana", "here", later)
    assert lockouts.retry_after_s("ana", "here", later) is None


def test_old_failures_are_forgotten() -> None:
    lockouts = Lockouts()
    for step in range(LIMITS["pair"] * 2):
        lockouts.failed("ana", "here", NOON + step * (WINDOW + timedelta(seconds=1)))
    assert lockouts.retry_after_s("ana", "here", NOON + 100 * WINDOW) is None


def test_one_address_trying_many_accounts_is_locked_out() -> None:
    lockouts = Lockouts()
    for number in range(LIMITS["address"]):
        lockouts.failed(f"user-{number}", "here", NOON)
    assert lockouts.retry_after_s("somebody-else", "here", NOON) is not None
    assert lockouts.retry_after_s("user-1", "elsewhere", NOON) is None


def test_many_addresses_trying_one_account_are_locked_out() -> None:
    lockouts = Lockouts()
    for number in range(LIMITS["account"]):
        lockouts.failed("ana", f"address-{number}", NOON)
    assert lockouts.retry_after_s("ana", "yet another", NOON) is not None


def test_memory_of_failures_is_bounded() -> None:
    lockouts = Lockouts()
    for number in range(CAPACITY):
        lockouts.failed(f"user-{number}", f"address-{number}", NOON)
    assert len(lockouts._counters) == CAPACITY


@settings(deadline=None)
@given(st.integers(0, 2**31 - 1), MOMENTS)
def test_observation_id_reads_back(camera_id: int, moment: datetime) -> None:
    assert parse_observation_id(observation_id(camera_id, moment)) == (camera_id, moment)


@pytest.mark.parametrize("text", ["", "1", "1-", "-5", "1-99999999999999999", "a-1", "1-1 ", "٣-٣"])
def test_other_texts_are_no_observation_ids(text: str) -> None:
    parsed = parse_observation_id(text)
    assert parsed is None or parsed[1].year < 10_000


@settings(deadline=None)
@given(st.lists(st.text().filter(str.isprintable), min_size=1, max_size=3))
def test_cursor_reads_back(keys: list[str]) -> None:
    cursor = encode_cursor(*keys)
    if len(cursor) <= 512:
        assert decode_cursor(cursor, len(keys)) == tuple(keys)


@settings(deadline=None)
@given(st.text(max_size=100))
def test_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        decode_cursor(cursor, 7)


@pytest.mark.parametrize(
    "cursor",
    [
        encode_cursor("not a moment", "key"),
        encode_cursor("2026-01-01T00:00:00", "naive"),
        encode_cursor("2026-01-01T00:00:00+00:00"),
        encode_cursor("2026-01-01T00:00:00+00:00", "nul\0"),
        encode_cursor("2026-01-01T00:00:00+00:00", "x" * 600),
    ],
)
def test_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        decode_moment_cursor(cursor)
