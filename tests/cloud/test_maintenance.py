"""The upkeep of the store: what it rolls up, compresses and drops, alone and beside others."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from cloud.consumers import Ingest
from cloud.db.maintenance import _LOCK, Maintainer, maintain
from cloud.settings import RetentionSettings, load_retention_settings
from contracts.errors import ConfigurationError
from shoal.cli import app
from tests.cloud.messages import NOON, clock, health, one, reading, readings, rows

DAY = timedelta(days=1)


def retention(url: str, **changes: Any) -> RetentionSettings:
    return RetentionSettings(database_url=SecretStr(url), **changes)


@pytest.fixture
def old_store(store_url: str, tmp_path: Path) -> str:
    """A reading per day for twenty days up to today, and two heartbeats."""
    ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    ingest.write([readings(day + 1, reading(float(day), NOON - day * DAY)) for day in range(20)])
    ingest.write([health(21), health(22, at=NOON - 19 * DAY)])
    ingest.close()
    return store_url


def days_in(url: str, table: str) -> int:
    column = "observed_at" if table in {"reading", "device_health"} else "bucket"
    query = f"SELECT count(DISTINCT date_bin('1 day', {column}, '2000-01-03 00:00+00')) FROM {table}"  # noqa: S608
    found: int = one(url, query)
    return found


def test_a_round_drops_what_is_too_old_and_keeps_its_rollups(old_store: str) -> None:
    limits = retention(old_store, retention_raw_days=5, retention_health_days=7, compress_after_days=3)
    report = maintain(old_store, limits, NOON)
    assert report is not None
    assert report.dropped >= 14
    assert days_in(old_store, "reading") == 6  # five whole days and the one that is running
    assert days_in(old_store, "device_health") == 1
    assert [days_in(old_store, f"reading_{width}") for width in ("1m", "1h", "1d")] == [20, 20, 20]
    timescale = one(old_store, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1
    assert report.refreshed_days == (20 if timescale else 0)
    assert (report.compressed > 0) == timescale
    again = maintain(old_store, limits, NOON)
    assert again is not None
    assert (again.compressed, again.dropped, again.refreshed_days <= 1) == (0, 0, True)
    tables = ("reading", "observation", "device_health", "reading_1m", "reading_1h", "reading_1d")
    assert [(each.table, each.stray_rows) for each in again.health] == [(name, 0) for name in tables]


def test_nothing_is_dropped_where_everything_is_kept(old_store: str) -> None:
    everything = {f"retention_{name}_days": None for name in ("raw", "1m", "1h", "1d", "health")}
    report = maintain(old_store, retention(old_store, compress_after_days=None, **everything), NOON + 4000 * DAY)
    assert report is not None
    assert (report.dropped, report.compressed) == (0, 0)
    assert days_in(old_store, "reading") == 20


def test_one_process_at_a_time_maintains(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        assert maintain(database_url, retention(database_url), NOON) is None
    deadline = time.monotonic() + 5
    while maintain(database_url, retention(database_url), NOON) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_command_does_one_round_and_tells_sizes(old_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_RETENTION_RAW_DAYS", "5")
    done = CliRunner().invoke(app, ["cloud", "maintain", "--database-url", old_store])
    assert done.exit_code == 0, done.output
    first, *tables = done.output.splitlines()
    assert re.fullmatch(r"days rolled up again: \d+, chunks compressed: \d+, chunks dropped: \d+", first)
    assert [line.split()[0] for line in tables] == [
        *("reading", "observation", "device_health", "reading_1m", "reading_1h", "reading_1d")
    ]


def test_a_reader_who_takes_long_only_delays_the_drop(database_url: str, tmp_path: Path) -> None:
    ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
    ingest.write([readings(1, reading(1.0, NOON - 19 * DAY))])
    ingest.close()
    with psycopg.connect(database_url) as chart:
        chart.execute("SELECT * FROM reading")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            maintain(database_url, retention(database_url, retention_raw_days=5), NOON)
    assert maintain(database_url, retention(database_url, retention_raw_days=5), NOON) is not None
    assert rows(database_url, "SELECT 1 FROM reading") == []


def test_the_maintainer_goes_on_after_a_round_that_failed(database_url: str) -> None:
    moments = iter([NOON])
    asked: list[datetime] = []

    def ticking() -> datetime:
        asked.append(NOON)
        return next(moments, NOON)

    maintainer = Maintainer(database_url, retention(database_url, maintain_every_s=1), clock=ticking)
    away = Maintainer("postgresql://nobody@127.0.0.1:9/none", retention(database_url, maintain_every_s=1))
    for each in (maintainer, away):
        each.start()
    deadline = time.monotonic() + 20
    while len(asked) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    for each in (maintainer, away):
        each.stop()
        each.stop()
    assert len(asked) >= 3


def test_a_finer_level_may_not_outlive_a_coarser_one(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://shoal:hush@127.0.0.1/shoal"
    assert load_retention_settings(database_url=url).retention_1m_days == 730
    with pytest.raises(ConfigurationError) as refused:
        load_retention_settings(database_url=url, retention_raw_days=None)
    assert "retention_1m_days" in refused.value.remedy
    assert "hush" not in str(refused.value)
    monkeypatch.setenv("SHOAL_RETENTION_1M_DAYS", "30")
    monkeypatch.setenv("SHOAL_RETENTION_RAW_DAYS", "30")
    assert load_retention_settings(database_url=url).retention_1m_days == 30
