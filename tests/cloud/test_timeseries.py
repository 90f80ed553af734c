"""Partitions and chunks: made when needed, moved out of the default, dropped when old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.db.bulk import FLOAT8, INT2, INT4, TIMESTAMPTZ, PgArray, copy_stream, register
from cloud.db.timeseries import DEVICE_HEALTH, EPOCH, READING, MissingRoomError, Room, engine_of
from tests.cloud.messages import NOON, rows

DAY = timedelta(days=1)


@pytest.fixture
def database(store_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(store_url, autocommit=True) as connection:
        yield connection


def insert(database: psycopg.Connection, *moments: datetime) -> None:
    for moment in moments:
        database.execute("INSERT INTO reading VALUES (1, %s, 8.5, 1)", (moment,))


def test_old_days_are_dropped_whole_and_young_ones_stay(database: psycopg.Connection, store_url: str) -> None:
    engine = engine_of(database)
    moments = [NOON - days * DAY for days in range(5)]
    for moment in moments:
        with database.transaction():
            engine.ensure_range(database, READING, moment, moment)
    insert(database, *moments)
    assert engine.health(database, READING).chunks == 5
    assert engine.drop_old(database, READING, NOON - 2 * DAY) == 2
    kept = [at for (at,) in rows(store_url, "SELECT observed_at FROM reading ORDER BY 1 DESC")]
    assert kept == moments[:3]
    health = engine.health(database, READING)
    assert (health.table, health.chunks, health.stray_rows) == ("reading", 3, 0)
    assert health.bytes > 0


def test_rows_that_came_before_their_partition_move_into_it(database: psycopg.Connection, store_url: str) -> None:
    engine = engine_of(database)
    insert(database, NOON, NOON - timedelta(hours=12), NOON + DAY)
    with database.transaction():
        engine.ensure_range(database, READING, NOON, NOON)
    assert engine.health(database, READING).stray_rows in {0, 1}
    assert len(rows(store_url, "SELECT 1 FROM reading")) == 3
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(database, NOON)


def test_making_the_same_room_twice_is_making_it_once(database: psycopg.Connection) -> None:
    engine = engine_of(database)
    for _ in range(2):
        with database.transaction():
            engine.ensure_range(database, READING, NOON - 2 * DAY, NOON)
    if engine.name == "postgresql":
        assert engine.health(database, READING).chunks == 3


def test_room_is_asked_for_once_and_never_for_a_broken_clock(database: psycopg.Connection) -> None:
    room = Room(engine_of(database))
    moments = [NOON, NOON - 3 * DAY, NOON - 5000 * DAY, NOON + 30 * DAY]
    with pytest.raises(MissingRoomError) as missing:
        room.check(READING, moments, NOON)
    assert list(missing.value.starts) == [READING.start_of(NOON - 3 * DAY), READING.start_of(NOON)]
    room.make(database, missing.value)
    room.check(READING, moments, NOON)
    with pytest.raises(MissingRoomError):
        room.check(DEVICE_HEALTH, [NOON], NOON)


def test_numpy_columns_arrive_as_they_left(database: psycopg.Connection, store_url: str) -> None:
    register(database)
    channels = np.array([1, 2, -(2**31)], dtype=np.int32)
    stamps = np.array([1_763_640_000_000_001, 0, -1], dtype=np.int64)
    values = np.array([8.5, -0.0, 1e308])
    flags = np.array([1, 4, 9], dtype=np.int16)
    stream = copy_stream([(channels, INT4), (stamps, TIMESTAMPTZ), (values, FLOAT8), (flags, INT2)])
    with database.cursor() as cursor, cursor.copy("COPY reading FROM STDIN (FORMAT binary)") as copy:
        copy.write(stream)
    arrays = (PgArray(channels, INT4), PgArray(stamps, TIMESTAMPTZ), PgArray(values, FLOAT8), PgArray(flags, INT2))
    query = "SELECT * FROM unnest(%s::int4[], %s::timestamptz[], %s::float8[], %s::int2[]) ORDER BY 2"
    assert database.execute(query, arrays).fetchall() == rows(store_url, "SELECT * FROM reading ORDER BY observed_at")
    (newest,) = rows(store_url, "SELECT observed_at, value, quality FROM reading WHERE channel_id = 1")
    assert (newest[0].microsecond, newest[1], newest[2]) == (1, 8.5, 1)


@given(st.integers(0, 2**32), st.integers(0, 999_999))
def test_chunks_hold_what_falls_in_them(second: int, microsecond: int) -> None:
    moment = EPOCH + timedelta(seconds=second, microseconds=microsecond)
    for table in (READING, DEVICE_HEALTH):
        start = table.start_of(moment)
        assert start <= moment < start + table.chunk
        assert table.start_of(start) == start
