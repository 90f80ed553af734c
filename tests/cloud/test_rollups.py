"""Rollups equal a plain aggregation of the readings, row by row, on both engines, whatever came in which order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier, Literal

from cloud.consumers import Ingest, StreamRecord
from cloud.db import migrate
from cloud.db.rollups import DAY, ROLLUPS, Rollup
from cloud.db.session import sqlalchemy_url
from cloud.db.timeseries import READING, engine_of
from cloud.kit.repository import Database, Row
from cloud.telemetry.repository import TelemetryRepository
from cloud.telemetry.rules import resolution_for
from contracts.devices import CLOCK_SYNCED, DeviceEvent, EventBatch
from contracts.envelope import FreeClock
from contracts.errors import RetryableError
from contracts.quality import QualityFlag
from contracts.telemetry import Reading, ReadingBatch
from tests.cloud.messages import NOON, STREAM, clock, envelope, one, reading, readings, record, rows, seconds

EXPECTED = """
SELECT channel_id, date_bin({width}, observed_at, TIMESTAMPTZ '2000-01-03 00:00:00+00') AS bucket, count(*),
       count(*) FILTER (WHERE quality IN (1, 2)), count(*) FILTER (WHERE quality NOT IN (4, 9)),
       sum(value) FILTER (WHERE quality NOT IN (4, 9)), min(value) FILTER (WHERE quality NOT IN (4, 9)),
       max(value) FILTER (WHERE quality NOT IN (4, 9)),
       (array_agg(value ORDER BY observed_at DESC) FILTER (WHERE quality NOT IN (4, 9)))[1],
       max(observed_at) FILTER (WHERE quality NOT IN (4, 9))
FROM reading GROUP BY 1, 2 ORDER BY 1, 2
"""
KEPT = "SELECT channel_id, bucket, n, good, usable, sum, min, max, last, last_at FROM {name} ORDER BY 1, 2"


@pytest.fixture
def ingest(store_url: str, tmp_path: Path) -> Iterator[Ingest]:
    ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    yield ingest
    ingest.close()


@pytest.fixture
def database(store_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(store_url, autocommit=True) as connection:
        yield connection


def kept(database: psycopg.Connection[Any], rollup: Rollup) -> list[tuple[Any, ...]]:
    return database.execute(SQL(KEPT).format(name=Identifier(rollup.name))).fetchall()


def assert_exact(database: psycopg.Connection[Any]) -> None:
    """Values in the tests are multiples of 1/64, so sums of floats are exact in any order."""
    for rollup in ROLLUPS:
        expected = database.execute(SQL(EXPECTED).format(width=Literal(rollup.width))).fetchall()
        assert kept(database, rollup) == expected, rollup.name


def value(number: int) -> float:
    return number / 64


def at(moment: datetime, number: int, *, flag: QualityFlag = QualityFlag.GOOD, channel: str = "tank-1.do") -> Reading:
    return reading(value(number), moment, channel=channel).model_copy(update={"quality": flag})


def some_days(*, days: int = 3) -> list[Reading]:
    """A reading every 17 minutes for days, of two channels, with every flag, the days' borders included."""
    chance = random.Random(7)
    start = NOON - timedelta(days=days)
    moments = [start + timedelta(minutes=17 * step, microseconds=step) for step in range(days * 24 * 60 // 17)]
    moments += [(NOON - timedelta(days=1)).replace(hour=0), (NOON - timedelta(days=1)).replace(hour=0) - seconds(1e-6)]
    return [
        at(moment, chance.randrange(-640, 640), flag=chance.choice(list(QualityFlag)), channel=channel)
        for moment in moments
        for channel in ("tank-1.do", "tank-2.do")
    ]


def messages(items: Sequence[Reading], numbers: Iterator[int], *, size: int = 50) -> list[StreamRecord]:
    return [readings(next(numbers), *items[start : start + size]) for start in range(0, len(items), size)]


def test_rollups_are_exact_whatever_the_order_and_however_often_it_comes(
    database: psycopg.Connection[Any], ingest: Ingest
) -> None:
    items = some_days()
    random.Random(3).shuffle(items)
    batch = messages(items, count(1))
    for start in range(0, len(batch), 3):
        ingest.write(batch[start : start + 3])
    assert_exact(database)
    ingest.write(batch)  # redelivered: the ledger knows them
    again = [readings(1, *items[:80], stream="outbox-0002"), readings(2, at(NOON, 9), stream="outbox-0002")]
    assert ingest.write(again).rows == 1  # the same readings in another stream: only the key can tell
    assert_exact(database)


def test_readings_that_are_moved_to_their_right_time_leave_the_buckets_they_were_in(
    database: psycopg.Connection[Any], ingest: Ingest
) -> None:
    wrong = NOON - timedelta(hours=30)
    own = [at(wrong + seconds(i), i) for i in range(0, 400, 7)]
    others = [at(wrong + seconds(i), -i, channel="tank-2.do") for i in range(0, 400, 7)]
    staying = [at(wrong + seconds(i + 1), 1000 + i) for i in range(0, 200, 7)]
    free = FreeClock(timeline="count-0001")
    counted = envelope(1, ReadingBatch(readings=tuple(own))).model_copy(update={"free_clock": free})
    ingest.write([record(counted), readings(2, *others), readings(3, *staying)])
    assert_exact(database)
    engine_of(database).refresh_changed(database, NOON)
    detail: dict[str, str | int | float | bool | None] = {"timeline": "count-0001", "offset_us": 25 * 3_600_000_000}
    synced = DeviceEvent(name=CLOCK_SYNCED, occurred_at=NOON, detail=detail)
    ingest.write([record(envelope(4, EventBatch(events=(synced,))))])
    engine_of(database).refresh_changed(database, NOON)
    assert_exact(database)


def test_late_readings_enter_what_was_rolled_up_already(database: psycopg.Connection[Any], ingest: Ingest) -> None:
    engine, items = engine_of(database), some_days()
    numbers = count(1)
    ingest.write(messages(items, numbers))
    engine.refresh_changed(database, NOON)
    assert_exact(database)
    late = [at(NOON - timedelta(days=2, seconds=step), step) for step in range(120)]
    ingest.write(messages([*late, at(NOON + seconds(1), 5)], numbers))
    engine.refresh_changed(database, NOON)
    assert_exact(database)
    assert engine.refresh_changed(database, NOON) <= 1  # nothing but the running day


def test_the_newest_readings_are_in_every_rollup_at_once(database: psycopg.Connection[Any], ingest: Ingest) -> None:
    engine, numbers = engine_of(database), count(1)
    ingest.write(messages(some_days(days=1), numbers))
    engine.refresh_changed(database, NOON)
    ingest.write(messages([at(NOON + seconds(step), step) for step in range(70)], numbers))
    assert_exact(database)


def test_a_bucket_of_failed_readings_counts_them_and_has_no_value(
    database: psycopg.Connection[Any], ingest: Ingest
) -> None:
    failed = [at(NOON + seconds(step), 7, flag=QualityFlag.FAIL) for step in range(3)]
    ingest.write([readings(1, *failed)])
    for rollup in ROLLUPS:
        ((_, _, *figures),) = kept(database, rollup)
        assert figures == [3, 0, 0, None, None, None, None, None]
    ingest.write([readings(2, at(NOON + seconds(10), 64, flag=QualityFlag.SUSPECT))])
    for rollup in ROLLUPS:
        ((_, _, *figures),) = kept(database, rollup)
        assert figures == [4, 0, 1, 1.0, 1.0, 1.0, 1.0, NOON + seconds(10)]


def test_poison_beside_readings_leaves_the_rollups_exact(database: psycopg.Connection[Any], ingest: Ingest) -> None:
    good = messages(some_days(days=1), count(1))
    far = readings(999, at(NOON + timedelta(days=30), 1), at(NOON - seconds(5), 2))
    result = ingest.write([*good, far])
    assert result.dead_letters == 1
    assert_exact(database)


def test_refresh_repairs_what_was_changed_by_hand(database: psycopg.Connection[Any], ingest: Ingest) -> None:
    engine = engine_of(database)
    ingest.write(messages(some_days(), count(1)))
    engine.refresh_changed(database, NOON + 2 * DAY.width)
    day = NOON.replace(hour=0) - 2 * DAY.width
    database.execute("DELETE FROM reading WHERE observed_at BETWEEN %s AND %s", (day, day + seconds(7200)))
    engine.refresh(database, day, day + DAY.width)
    assert_exact(database)


def test_readings_of_before_the_rollups_are_rolled_up(store_url: str, ingest: Ingest, tmp_path: Path) -> None:
    ingest.write(messages(some_days(), count(1)))
    ingest.close()
    with psycopg.connect(store_url, autocommit=True) as database:
        engine_of(database).compress(database, READING, NOON - DAY.width)
    migrate.downgrade(store_url, to="0001")
    assert one(store_url, "SELECT count(*) FROM reading") == len(some_days())
    migrate.upgrade(store_url)
    with psycopg.connect(store_url, autocommit=True) as database:
        assert_exact(database)
        engine_of(database).refresh_changed(database, NOON)
        assert_exact(database)
    other = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    other.write([readings(500, at(NOON - timedelta(days=1, seconds=3), 77))])
    other.close()
    with psycopg.connect(store_url, autocommit=True) as database:
        engine_of(database).refresh_changed(database, NOON)
        assert_exact(database)


def test_rollups_outlive_their_readings(store_url: str, database: psycopg.Connection[Any], ingest: Ingest) -> None:
    engine, numbers = engine_of(database), count(1)
    ingest.write(messages(some_days(), numbers))
    engine.refresh_changed(database, NOON)
    before = [kept(database, rollup) for rollup in ROLLUPS]
    assert engine.drop_old(database, READING, NOON) == 3
    assert [kept(database, rollup) for rollup in ROLLUPS] == before
    # A straggler of a dropped day must not make its day forget the others.
    ingest.write([readings(next(numbers), at(NOON - timedelta(days=2, microseconds=77), 1))])
    engine.refresh_changed(database, NOON)
    for rollup, rows_before in zip(ROLLUPS, before, strict=True):
        assert len(kept(database, rollup)) >= len(rows_before)
    total = one(store_url, "SELECT sum(n)::int8 FROM reading_1d")
    assert total >= len(some_days())


def test_a_compressed_day_still_takes_late_readings(database: psycopg.Connection[Any], ingest: Ingest) -> None:
    engine, numbers = engine_of(database), count(1)
    items = some_days()
    ingest.write(messages(items, numbers))
    engine.refresh_changed(database, NOON)
    assert engine.compress(database, READING, NOON) == (3 if engine.name == "timescaledb" else 0)
    assert engine.compress(database, READING, NOON) == 0
    late = [at(NOON - timedelta(days=1, seconds=step), step) for step in range(30)]
    assert ingest.write(messages(late, numbers)).rows == 30
    assert ingest.write([readings(1, *items[:20], stream="outbox-0003")]).rows == 0
    engine.refresh_changed(database, NOON)
    assert_exact(database)


_READINGS = st.lists(
    st.builds(
        at,
        # Few moments around an hour's and a day's border, so that duplicates and shared buckets are common.
        st.integers(-90, 90).map(lambda step: NOON.replace(hour=0) + seconds(step * 20)),
        st.integers(-64, 64),
        flag=st.sampled_from(QualityFlag),
        channel=st.sampled_from(["tank-1.do", "tank-2.do"]),
    ),
    min_size=1,
    max_size=12,
)


@given(batches=st.lists(_READINGS, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_batches_leave_exact_rollups(database_url: str, tmp_path: Path, batches: list[list[Reading]]) -> None:
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("TRUNCATE reading, reading_1m, reading_1h, reading_1d, reading_latest, ingest_stream CASCADE")
        ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
        for number, items in enumerate(batches, start=1):
            ingest.write([readings(number, *items, stream=STREAM)])
        ingest.close()
        assert rows(database_url, "SELECT 1 FROM dead_letter") == []
        assert_exact(database)


def test_columns_are_the_same_on_both_engines(database: psycopg.Connection[Any]) -> None:
    query = (
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    )
    for rollup in ROLLUPS:
        assert database.execute(query, (rollup.name,)).fetchall() == [
            ("channel_id", "integer"),
            ("bucket", "timestamp with time zone"),
            ("n", "integer"),
            ("good", "integer"),
            ("usable", "integer"),
            ("sum", "double precision"),
            ("min", "double precision"),
            ("max", "double precision"),
            ("last", "double precision"),
            ("last_at", "timestamp with time zone"),
        ]


def test_writers_that_share_buckets_and_a_repair_beside_them_leave_exact_rollups(
    database_url: str, tmp_path: Path
) -> None:
    """Two replicas with two streams of one device, and a rebuild of the same day, all at once."""

    def replica(number: int) -> None:
        ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
        for batch in range(20):
            items = [at(NOON - seconds(batch * 40 + step * 2 + number), step) for step in range(20)]
            while True:
                try:
                    ingest.write([readings(batch + 1, *items, stream=f"outbox-000{number}")])
                    break
                except RetryableError:
                    continue
        ingest.close()

    first = Ingest(database_url, storage_dir=tmp_path, clock=clock)
    first.write([readings(1, at(NOON, 1), stream="outbox-0009")])
    first.close()
    day = NOON.replace(hour=0)
    with ThreadPoolExecutor(2) as pool, psycopg.connect(database_url, autocommit=True) as database:
        running = [pool.submit(replica, number) for number in (0, 1)]
        while not all(future.done() for future in running):
            engine_of(database).refresh(database, day, day + DAY.width)
        for future in running:
            future.result()
        assert_exact(database)
        assert one(database_url, "SELECT n FROM reading_1d") == 800


@pytest.mark.parametrize("bucket_s", [60, 300, 3600, 7200, 86400, 7 * 86400])
def test_a_chart_from_a_rollup_shows_what_one_from_the_readings_would(
    store_url: str, database: psycopg.Connection[Any], ingest: Ingest, bucket_s: int
) -> None:
    ingest.write(messages(some_days(), count(1)))
    engine_of(database).refresh_changed(database, NOON)
    channel = one(store_url, "SELECT id FROM channel WHERE name = 'tank-1.do'")
    period = {"start": NOON.replace(hour=0) - timedelta(days=3), "end": NOON.replace(hour=0) + timedelta(days=1)}

    async def both() -> tuple[list[Row], list[Row]]:
        api = Database(sqlalchemy_url(store_url), pool_size=1, statement_timeout_s=60)
        api.start()
        async with api.read() as reader:
            repository = TelemetryRepository(reader)
            of_readings = await repository.series(channel, **period, bucket_s=bucket_s)
            of_rollup = await repository.rolled_up(channel, resolution_for(bucket_s), **period, bucket_s=bucket_s)
        await api.stop()
        return of_readings, of_rollup

    of_readings, of_rollup = asyncio.run(both())
    assert len(of_readings) > 0
    assert of_rollup == of_readings
