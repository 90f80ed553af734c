"""The database goes away, in the middle of everything; what was committed stays, what was not comes again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from cloud.consumers import Ingest, IngestResult, StreamRecord
from cloud.db import migrate
from contracts.errors import ConfigurationError, RetryableError
from tests.cloud.messages import NOON, clock, counts, evidence, health, observations, one, reading, readings, seconds
from tests.cloud.postgres import Postgres


def write_until_it_works(
    ingest: Ingest, batch: list[StreamRecord], *, within_s: float = 30
) -> tuple[IngestResult, int]:
    deadline, failures = time.monotonic() + within_s, 0
    while True:
        try:
            return ingest.write(batch), failures
        except RetryableError:
            failures += 1
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.mark.faults
def test_no_committed_row_is_lost_and_none_doubled_when_the_database_is_killed(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.url()
    migrate.upgrade(url)
    ingest = Ingest(url, storage_dir=tmp_path, clock=clock)
    stop, failures, acknowledged = threading.Event(), 0, 0

    def deliver() -> None:
        nonlocal failures, acknowledged
        while not stop.is_set():
            first = acknowledged + 1
            batch = [
                readings(seq, *(reading(float(i), NOON - seconds(seq * 10 + i)) for i in range(10)))
                for seq in range(first, first + 5)
            ]
            result, failed = write_until_it_works(ingest, batch)
            failures += failed
            (mark,) = result.watermarks
            assert mark.committed == first + 4
            acknowledged = mark.committed

    with ThreadPoolExecutor(1) as pool:
        delivering = pool.submit(deliver)
        for _ in range(3):
            before, deadline = acknowledged, time.monotonic() + 30
            while acknowledged < before + 50:
                assert not delivering.done() or delivering.exception() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            postgres.kill()
            time.sleep(0.1)
            postgres.start()
        stop.set()
        delivering.result(timeout=60)
    ingest.close()
    assert failures >= 3
    assert one(url, "SELECT count(*), count(DISTINCT observed_at) FROM reading") == (
        acknowledged * 10,
        acknowledged * 10,
    )
    assert one(url, "SELECT messages, rows FROM ingest_stream") == (acknowledged, acknowledged * 10)
    for rollup in ("reading_1m", "reading_1h", "reading_1d"):
        assert one(url, f"SELECT sum(n), sum(good) FROM {rollup}") == (acknowledged * 10, acknowledged * 10)  # noqa: S608


@pytest.mark.faults
def test_a_connection_that_breaks_between_batches_is_replaced(database_url: str, tmp_path: Path) -> None:
    ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
    ingest.write([readings(1)])
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shoal-ingest'")
    with pytest.raises(RetryableError):
        ingest.write([readings(2)])
    assert ingest.write([readings(2)]).messages_new == 1
    ingest.close()


def test_a_database_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    ingest = Ingest("postgresql://nobody@127.0.0.1:9/none", storage_dir=tmp_path)
    with pytest.raises(RetryableError):
        ingest.write([readings(1)])
    ingest.close()


def test_a_database_without_tables_is_worth_another_try_after_the_migration(
    empty_database_url: str, tmp_path: Path
) -> None:
    ingest = Ingest(empty_database_url, storage_dir=tmp_path, clock=clock)
    with pytest.raises(RetryableError, match="UndefinedTable"):
        ingest.write([readings(1)])
    migrate.upgrade(empty_database_url)
    assert ingest.write([readings(1)]).messages_new == 1
    ingest.close()


@pytest.mark.parametrize("url", ["mysql://x@y/z", "not a url", "postgresql+asyncpg://x@y/z"])
def test_another_kind_of_database_is_refused_by_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SHOAL_DATABASE_URL"):
        Ingest(url, storage_dir=tmp_path)


def test_a_storage_folder_that_cannot_be_written_keeps_the_message(database_url: str, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    ingest = Ingest(database_url, storage_dir=blocked, clock=clock)
    with pytest.raises(RetryableError, match="image"):
        ingest.write([evidence(1), readings(2)])
    assert counts(database_url)["reading"] == 0
    blocked.unlink()
    assert ingest.write([evidence(1), readings(2)]).messages_new == 2
    ingest.close()


def test_a_reader_of_many_tables_and_the_first_rows_of_a_day_do_not_lock_each_other_out(
    database_url: str, tmp_path: Path
) -> None:
    ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM reading")
        writing = pool.submit(ingest.write, [observations(1), health(2), readings(3)])
        time.sleep(0.3)
        for table in ("observation", "device_health", "reading"):
            reader.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
        reader.commit()
        assert writing.result(timeout=30).rows == 3
    ingest.close()


def test_replicas_that_get_the_same_messages_store_them_once(database_url: str, tmp_path: Path) -> None:
    """A rebalance delivers a batch to two replicas at the same moment, with all devices still unknown."""
    batches = [
        [readings(seq, device=f"box-{box}") for box in range(3) for seq in range(start, start + 10)]
        for start in range(1, 100, 10)
    ]

    def replica(_number: int) -> int:
        ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
        new = sum(write_until_it_works(ingest, batch)[0].messages_new for batch in batches)
        ingest.close()
        return new

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(replica, range(3))) == 300
    assert counts(database_url)["reading"] == 300
    assert counts(database_url)["device"] == 3
