"""Batches that are made ready beside the one before: what was expected of the database is checked when their turn comes."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cloud.consumers import Ingest, IngestResult, StreamRecord
from cloud.consumers.ahead import Ahead
from cloud.consumers.prepare import Prepared
from contracts.errors import RetryableError
from tests.cloud.messages import NOON, clock, one, reading, readings, rows, seconds

ROWS_BY_CHANNEL = "SELECT c.name, count(*) FROM reading r JOIN channel c ON c.id = r.channel_id GROUP BY 1 ORDER BY 1"


@pytest.fixture
def ingest(store_url: str, tmp_path: Path) -> Iterator[Ingest]:
    ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    yield ingest
    ingest.close()


def test_a_batch_prepared_before_its_channels_are_known_is_stored_whole(store_url: str, ingest: Ingest) -> None:
    first, second = ingest.prepare([readings(1)]), ingest.prepare([readings(2)])
    assert first.readings.expected is None
    assert (ingest.store(first).rows, ingest.store(second).rows) == (1, 1)
    third = ingest.prepare([readings(3)])
    assert third.readings.expected is not None
    assert ingest.store(third).rows == 1
    assert rows(store_url, ROWS_BY_CHANNEL) == [("tank-1.do", 3)]


def test_what_was_prepared_can_be_stored_as_often_as_it_takes(store_url: str, ingest: Ingest) -> None:
    ingest.write([readings(1)])
    prepared = ingest.prepare([readings(2), readings(3)])
    assert [ingest.store(prepared).rows for _ in range(3)] == [2, 0, 0]
    assert one(store_url, "SELECT messages, repeats FROM ingest_stream") == (3, 4)


def test_a_message_that_came_with_the_batch_before_is_left_out_of_what_was_made_ready(
    store_url: str, ingest: Ingest
) -> None:
    ingest.write([readings(1)])
    early, late = ingest.prepare([readings(2), readings(3)]), ingest.prepare([readings(3), readings(4)])
    assert late.readings.expected is not None
    assert (ingest.store(early).rows, ingest.store(late).rows) == (2, 1)
    assert one(store_url, "SELECT count(*) FROM reading") == 4
    assert one(store_url, "SELECT n FROM reading_1d") == 4


def test_channels_that_were_registered_anew_meanwhile_get_their_own_readings(store_url: str, ingest: Ingest) -> None:
    """A database restored behind a running ingest gives other ids; nothing may be stored under the old ones."""
    ingest.write([readings(1), readings(2, reading(7.5, channel="tank-2.do", unit="tank-2"))])
    prepared = ingest.prepare(
        [readings(3), readings(4, reading(7.0, NOON - seconds(9), channel="tank-2.do", unit="tank-2"))]
    )
    with psycopg.connect(store_url) as database:
        database.execute("DELETE FROM reading_latest")
        database.execute("DELETE FROM channel")
    ingest.close()  # it notices by its connection
    ingest.write([readings(5, reading(6.0, NOON - seconds(20), channel="tank-2.do", unit="tank-2"))])
    assert ingest.store(prepared).rows == 2
    assert rows(store_url, ROWS_BY_CHANNEL) == [("tank-1.do", 1), ("tank-2.do", 2)]


def test_poison_in_a_prepared_batch_is_found_and_the_rest_is_stored(store_url: str, ingest: Ingest) -> None:
    ingest.write([readings(1)])
    bad = readings(3, reading(20.0, NOON - seconds(1), quantity="temperature", ucum="Cel"))
    result = ingest.store(
        ingest.prepare([readings(2), bad, readings(4), StreamRecord(b"{", readings(1).kind, NOON, "x")])
    )
    assert (result.messages_new, result.rows, result.dead_letters) == (3, 2, 2)
    assert rows(store_url, "SELECT reason FROM dead_letter ORDER BY 1") == [("bad_json",), ("channel_redefined",)]


class SlowStore:
    """A store whose transactions last until the test lets them end."""

    def __init__(self, ingest: Ingest) -> None:
        self.prepared = 0
        self.stored = 0
        self.most_in_memory = 0
        self.fails = 0
        self.may_end = threading.Semaphore(0)
        self._ingest = ingest

    def prepare(self, records: Sequence[StreamRecord]) -> Prepared:
        prepared = self._ingest.prepare(records)
        self.prepared += 1
        self.most_in_memory = max(self.most_in_memory, self.prepared - self.stored)
        return prepared

    def store(self, prepared: Prepared) -> IngestResult:
        assert self.may_end.acquire(timeout=20)
        if self.fails:
            self.fails -= 1
            self.stored += 1
            raise RetryableError("the database is away")
        result = self._ingest.store(prepared)
        self.stored += 1
        return result


def test_batches_are_stored_in_their_order_and_two_at_most_are_in_memory(database_url: str, tmp_path: Path) -> None:
    ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
    store, told = SlowStore(ingest), list[tuple[int, ...] | str]()
    ahead = Ahead(store)

    def done(outcome: IngestResult | BaseException) -> None:
        told.append(str(outcome) if isinstance(outcome, BaseException) else (outcome.watermarks[0].committed,))

    ahead.write([readings(1)], done)
    assert told == [], "the transaction has not ended"

    def write_more() -> None:
        for seq in (2, 3, 4):
            ahead.write([readings(seq)], done)

    writing = threading.Thread(target=write_more)
    writing.start()
    for _ in range(4):
        store.may_end.release()
    writing.join(20)
    ahead.wait()
    assert told == [(1,), (2,), (3,), (4,)]
    assert store.most_in_memory == 2
    store.fails = 1
    for seq in (5, 6):
        store.may_end.release()
        ahead.write([readings(seq)], done)
    ahead.wait()
    assert told[4:] == ["the database is away", (4,)], "the next was stored, and its gap is seen"
    ahead.close()
    ahead.close()
    ingest.close()


def test_a_batch_takes_little_more_memory_than_its_payloads(tmp_path: Path) -> None:
    """Decoded readings are a kilobyte each; what is kept of them are columns and the rows for the database."""
    ingest = Ingest("postgresql://nobody@127.0.0.1:9/none", storage_dir=tmp_path, clock=clock)
    batch = [
        readings(seq, *(reading(float(n), NOON - timedelta(seconds=seq * 20 + n)) for n in range(20)))
        for seq in range(1, 501)
    ]
    payload = sum(len(item.value) for item in batch)
    tracemalloc.start()
    preparing = ingest.preparing()
    preparing.add(batch)
    prepared = preparing.prepared()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(prepared.readings.columns.channel) == 10_000
    assert kept < 10_000 * 120 + 500 * 1_500
    assert peak < kept + 4_000 * 400
    assert peak < 2 * payload
