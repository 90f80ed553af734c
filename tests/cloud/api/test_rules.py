"""The API's pure decisions: buckets, freshness, roles, lockout, cursors."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.alarms.rules import worst
from cloud.auth.rules import (
    LOCK_LIMITS,
    LOCK_TIME,
    LOCK_WINDOW,
    Role,
    count_attempt,
    grant_fault,
    key_allows,
    normal_email,
    password_fault,
)
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


def test_password_is_judged_by_length_and_by_what_is_tried_first() -> None:
    assert password_fault("eleven char") is not None
    assert password_fault("twelve chars") is None
    assert password_fault("x" * 129) is not None
    assert password_fault("four plain words") is None
    for tried in ("password123", "P@ssw0rd12345", "1234567890", "aaaaaaaaaaaa", "Qwertyuiop1", "PasswordPassword"):
        assert password_fault(tried) is not None, tried
    assert password_fault("ana.olsen2024", email="Ana.Olsen@farm.example") is not None
    assert password_fault("ana likes oxygen", email="ana@farm.example") is None
    assert normal_email("  Ana@Farm.Example ") == "ana@farm.example"


@pytest.mark.parametrize(
    ("role", "sites", "granted", "granted_sites", "allowed"),
    [
        (Role.FARM_MANAGER, None, Role.OPERATOR, None, True),
        (Role.FARM_MANAGER, None, Role.FARM_MANAGER, (1,), True),
        (Role.FARM_MANAGER, None, Role.FLEET_ADMIN, None, False),
        (Role.OPERATOR, None, Role.VIEWER, None, False),
        (Role.FARM_MANAGER, (1, 2), Role.VIEWER, (2,), True),
        (Role.FARM_MANAGER, (1, 2), Role.VIEWER, (2, 3), False),
        (Role.FARM_MANAGER, (1, 2), Role.VIEWER, None, False),
    ],
)
def test_nobody_grants_what_they_do_not_have(
    role: Role, sites: tuple[int, ...] | None, granted: Role, granted_sites: tuple[int, ...] | None, *, allowed: bool
) -> None:
    assert (grant_fault(role, sites, granted=granted, granted_sites=granted_sites) is None) is allowed


@pytest.mark.parametrize(
    ("scopes", "tags", "method", "allowed"),
    [
        (["telemetry:read"], ["telemetry"], "GET", True),
        (["telemetry:read"], ["alarms"], "GET", False),
        (["telemetry:read"], ["telemetry"], "POST", False),
        (["*:read"], ["alarms"], "GET", True),
        (["husbandry:write"], ["husbandry"], "POST", True),
        (["husbandry:write"], ["husbandry"], "GET", False),
        (["*:read", "*:write"], ["access"], "GET", False),
        (["*:write", "auth:write"], ["auth"], "POST", False),
        ([], [], "GET", False),
    ],
)
def test_a_key_opens_what_its_scopes_name(scopes: list[str], tags: list[str], method: str, *, allowed: bool) -> None:
    assert key_allows(scopes, tags, method) is allowed


def test_worst_severity_wins() -> None:
    assert worst({Severity.WARNING: 3, Severity.MAJOR: 1}) is Severity.MAJOR
    assert worst({Severity.CRITICAL: 0}) is None


def test_a_counter_closes_when_it_is_full_and_opens_after_a_while() -> None:
    limit = LOCK_LIMITS["pair"]
    failures, last_at = 0, NOON
    for _ in range(limit):
        failures, last_at = count_attempt(limit, failures, last_at, NOON)
    assert failures == limit, "the last of them was looked at"
    failures, last_at = count_attempt(limit, failures, last_at, NOON + timedelta(seconds=60))
    assert (failures, last_at) == (limit + 1, NOON), "trying a closed door keeps it closed no longer"
    assert count_attempt(limit, failures, last_at, NOON + LOCK_TIME + timedelta(seconds=1))[0] == 1


def test_old_failures_are_forgotten() -> None:
    assert count_attempt(5, 4, NOON, NOON + LOCK_WINDOW + timedelta(seconds=1))[0] == 1
    assert count_attempt(5, 4, NOON, NOON + LOCK_WINDOW)[0] == 5


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
