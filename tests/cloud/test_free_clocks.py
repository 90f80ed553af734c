"""Readings of a box that did not know the time: held or shown, and moved by one offset in whatever order things arrive."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from itertools import permutations
from pathlib import Path

import pytest

from cloud.consumers import Ingest, StreamRecord
from cloud.db import migrate
from contracts.devices import CLOCK_SYNCED, DeviceEvent, EventBatch
from contracts.envelope import FreeClock
from contracts.telemetry import ReadingBatch
from tests.cloud.messages import NOON, clock, counts, envelope, one, reading, readings, record, rows, seconds

LONG_AGO = datetime(1970, 1, 1, 0, 2, tzinfo=timezone.utc)
TIMELINE = "count-0001"
OFFSET_US = (NOON - timedelta(hours=1) - LONG_AGO) // timedelta(microseconds=1)


def counted(seq: int, *, start: datetime = LONG_AGO, offset_us: int | None = None, count: int = 3) -> StreamRecord:
    """Readings stamped by the count of a box, one second apart."""
    body = ReadingBatch(readings=tuple(reading(float(seq), start + seconds(seq * 10 + i)) for i in range(count)))
    free = FreeClock(timeline=TIMELINE, offset_us=offset_us)
    return record(envelope(seq, body).model_copy(update={"free_clock": free, "time_trusted": False}))


def synced(seq: int, offset_us: int = OFFSET_US) -> StreamRecord:
    event = DeviceEvent(name=CLOCK_SYNCED, occurred_at=NOON, detail={"timeline": TIMELINE, "offset_us": offset_us})
    return record(envelope(seq, EventBatch(events=(event,))))


def stamps(url: str) -> list[datetime]:
    return [at for (at,) in rows(url, "SELECT observed_at FROM reading ORDER BY observed_at")]


def expected(*seqs: int) -> list[datetime]:
    return [NOON - timedelta(hours=1) + seconds(seq * 10 + i) for seq in sorted(seqs) for i in range(3)]


@pytest.fixture
def ingest(store_url: str, tmp_path: Path) -> Ingest:
    return Ingest(store_url, storage_dir=tmp_path, clock=clock)


def test_readings_of_1970_wait_and_stand_where_they_belong_when_the_time_is_known(
    ingest: Ingest, store_url: str
) -> None:
    result = ingest.write([counted(1), counted(2)])
    assert result.watermarks[0].committed == 2, "the box may forget them"
    assert result.dead_letters == 0
    assert stamps(store_url) == []
    ingest.write([synced(3)])
    assert stamps(store_url) == expected(1, 2)
    assert one(store_url, "SELECT observed_at FROM reading_latest") == expected(2)[-1]
    assert one(store_url, "SELECT count(*) FROM reading_free") == 0
    ingest.close()


def test_any_order_and_any_repeats_give_the_same_rows(store_url: str, tmp_path: Path) -> None:
    messages = [counted(1), counted(2, offset_us=OFFSET_US), synced(3), readings(4)]
    random.seed(1)
    for number, order in enumerate(random.sample(list(permutations(messages)), 8)):
        ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
        for message in order:
            ingest.write([message, random.choice(messages)])
        ingest.write(list(order))
        assert stamps(store_url) == [*expected(1, 2), NOON + seconds(4)], number
        assert counts(store_url)["dead_letter"] == 0
        ingest.close()
        migrate.downgrade(store_url)
        migrate.upgrade(store_url)


def test_a_clock_that_is_wrong_by_hours_is_shown_at_once_and_moved_later(ingest: Ingest, store_url: str) -> None:
    start = NOON - timedelta(hours=7)
    ingest.write([readings(9), counted(1, start=start), counted(2, start=start)])
    assert len(stamps(store_url)) == 7
    assert one(store_url, "SELECT observed_at FROM reading_latest") == NOON + seconds(9)
    ingest.write([synced(3, timedelta(hours=6) // timedelta(microseconds=1))])
    assert stamps(store_url) == [*expected(1, 2), NOON + seconds(9)]
    ingest.close()


def test_a_clock_that_was_ahead_gives_the_latest_value_back(ingest: Ingest, store_url: str) -> None:
    start = NOON + timedelta(seconds=200)
    ingest.write([counted(1, start=start)])
    assert one(store_url, "SELECT observed_at FROM reading_latest") == start + seconds(12)
    ingest.write([synced(2, -3_800_000_000)])
    assert stamps(store_url) == expected(1)
    assert one(store_url, "SELECT observed_at FROM reading_latest") == expected(1)[-1]
    ingest.close()


def test_an_offset_into_the_future_shows_nothing_and_loses_nothing(ingest: Ingest, store_url: str) -> None:
    ingest.write([counted(1)])
    ingest.write([synced(2, OFFSET_US + 10**13)])
    assert stamps(store_url) == []
    assert one(store_url, "SELECT sum(cardinality(value)) FROM reading_free") == 3
    ingest.close()


def test_the_first_offset_holds(ingest: Ingest, store_url: str) -> None:
    ingest.write([counted(1), synced(2)])
    ingest.write([synced(3, OFFSET_US + 5_000_000), counted(4)])
    assert stamps(store_url) == expected(1, 4)
    ingest.close()


def test_shown_readings_stay_where_they_are_when_the_time_is_never_learned(store_url: str, tmp_path: Path) -> None:
    start = NOON - timedelta(hours=7)
    ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    ingest.write([counted(1, start=start)])
    ingest.close()
    later = Ingest(store_url, storage_dir=tmp_path, clock=lambda: NOON + timedelta(days=8))
    later.write([counted(2, start=start)])
    later.close()
    assert len(stamps(store_url)) == 6
    assert one(store_url, "SELECT count(*) FROM reading_free") == 0, "a week later nobody will move them"


def test_an_old_agent_without_a_timeline_is_set_aside_as_before(ingest: Ingest, store_url: str) -> None:
    ingest.write([readings(1, reading(8.0, LONG_AGO))])
    assert one(store_url, "SELECT reason FROM dead_letter") == "implausible_time"
    ingest.close()
