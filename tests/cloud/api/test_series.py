"""A channel over time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import httpx
import pytest

from cloud.overview.schemas import SiteLatest
from cloud.telemetry.schemas import Series
from tests.cloud.api import farm as farms


def channel_id_of(client: httpx.Client, name: str) -> int:
    latest = SiteLatest.model_validate_json(client.get("/api/v1/sites/fjord/latest").content)
    return next(each.channel_id for unit in latest.units for each in unit.readings if each.channel == name)


def series_of(client: httpx.Client, name: str, start: datetime, end: datetime, max_points: int) -> Series:
    answer = client.get(
        f"/api/v1/channels/{channel_id_of(client, name)}/series",
        params={"start": start.isoformat(), "end": end.isoformat(), "max_points": max_points},
    )
    assert answer.status_code == 200, answer.text
    return Series.model_validate_json(answer.content)


def test_series_keeps_every_second_when_there_is_room(viewer: httpx.Client, farm: farms.Farm) -> None:
    start = farm.now - timedelta(seconds=599)
    series = series_of(viewer, "tank-1.do", start, farm.now + timedelta(seconds=1), 2000)
    assert series.bucket_s == 1
    assert (series.quantity, series.ucum) == ("do", "mg/L")
    assert len(series.points) == 540
    assert [point.t for point in series.points] == sorted(point.t for point in series.points)
    assert series.points[-1].last == pytest.approx(8.599)


def test_gap_stays_a_gap(viewer: httpx.Client, farm: farms.Farm) -> None:
    start = farm.now - timedelta(seconds=599)
    series = series_of(viewer, "tank-1.do", start, farm.now + timedelta(seconds=1), 2000)
    steps = [later.t - earlier.t for earlier, later in zip(series.points, series.points[1:], strict=False)]
    assert max(steps) == timedelta(seconds=61)
    assert sum(step > timedelta(seconds=1) for step in steps) == 1


def test_wider_buckets_summarise(viewer: httpx.Client, farm: farms.Farm) -> None:
    start = farm.now - timedelta(seconds=599)
    series = series_of(viewer, "tank-1.do", start, farm.now + timedelta(seconds=1), 22)
    assert series.bucket_s == 30
    assert len(series.points) <= 22
    assert sum(point.n for point in series.points) == 540
    full = [point for point in series.points if point.n == point.good == 30]
    assert full
    for point in full:
        assert point.min is not None
        assert point.max is not None
        assert point.mean is not None
        assert point.max - point.min == pytest.approx(0.029)
        assert point.mean == pytest.approx((point.min + point.max) / 2)
        assert point.last == point.max


def test_wide_buckets_come_from_rollups_and_tell_the_same(viewer: httpx.Client, farm: farms.Farm) -> None:
    spans = {"1m": (timedelta(hours=2), 120), "1h": (timedelta(days=3), 80), "1d": (timedelta(days=300), 400)}
    for resolution, (span, points) in spans.items():
        series = series_of(viewer, "tank-1.do", farm.now - span, farm.now + timedelta(seconds=1), points)
        assert series.resolution.value == resolution
        assert sum(point.n for point in series.points) == 540
        assert sum(point.good for point in series.points) == 539
        assert series.good_share == pytest.approx(539 / 540)
        assert series.points[-1].last == pytest.approx(8.599)
        assert min(point.min for point in series.points if point.min is not None) == pytest.approx(8.0)
        means = [(point.mean or 0, point.n - (point.n - point.good)) for point in series.points]
        assert sum(mean * good for mean, good in means) / 539 == pytest.approx(8.3, abs=0.05)


def test_gap_of_a_minute_stays_a_gap_in_the_rollup(viewer: httpx.Client, farm: farms.Farm) -> None:
    series = series_of(viewer, "tank-1.do", farm.now - timedelta(hours=3), farm.now + timedelta(seconds=1), 200)
    assert (series.resolution.value, series.bucket_s) == ("1m", 60)
    raw = series_of(viewer, "tank-1.do", farm.now - timedelta(seconds=599), farm.now + timedelta(seconds=1), 2000)
    minutes = {point.t.replace(second=0) for point in raw.points}
    assert [point.t for point in series.points] == sorted(minutes)


def test_failed_reading_is_counted_and_kept_out_of_the_mean(viewer: httpx.Client, farm: farms.Farm) -> None:
    failed_at = farm.now - timedelta(seconds=599 - 30)
    alone = series_of(viewer, "tank-1.do", failed_at, failed_at + timedelta(milliseconds=500), 2000)
    (point,) = alone.points
    assert (point.n, point.good) == (1, 0)
    assert (point.min, point.max, point.mean, point.last) == (None, None, None, None)
    around = series_of(viewer, "tank-1.do", failed_at - timedelta(seconds=5), failed_at + timedelta(seconds=5), 2)
    assert all(point.min is None or point.min > 7 for point in around.points)


def test_series_without_readings_is_empty(viewer: httpx.Client, farm: farms.Farm) -> None:
    long_ago = farm.now - timedelta(days=300)
    assert series_of(viewer, "tank-1.do", long_ago, long_ago + timedelta(days=1), 500).points == []
    assert series_of(viewer, "tank-2.ph", long_ago, farm.now, 500).points == []


def test_moments_of_any_zone_are_understood(viewer: httpx.Client, farm: farms.Farm) -> None:
    path = f"/api/v1/channels/{channel_id_of(viewer, 'tank-1.do')}/series"
    start, oslo = farm.now - timedelta(minutes=5), timezone(timedelta(hours=2))
    in_utc = {"start": start.isoformat(), "end": farm.now.isoformat()}
    in_oslo = {"start": start.astimezone(oslo).isoformat(), "end": farm.now.astimezone(oslo).isoformat()}
    assert viewer.get(path, params=in_utc).json() == viewer.get(path, params=in_oslo).json()
