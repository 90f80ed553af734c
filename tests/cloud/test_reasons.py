"""Why the newest reading is flagged, and which calibration every reading of a channel rests on, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cloud.consumers import Ingest, StreamRecord
from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from tests.cloud.messages import NOON, clock, one, reading, readings, rows, seconds

LATEST = "SELECT quality, test, also, calibration FROM reading_latest"
CHANGES = "SELECT since, calibration FROM channel_calibration ORDER BY since"


@pytest.fixture
def ingest(store_url: str, tmp_path: Path) -> Iterator[Ingest]:
    ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    yield ingest
    ingest.close()


def moment(second: float) -> datetime:
    """Before now, so that the store believes it."""
    return NOON + seconds(second - 1000)


def told(second: float, calibration: str | None = None, **more: Any) -> Reading:
    return reading(8.0, moment(second)).model_copy(update={"calibration": calibration, **more})


def message(seq: int, *items: tuple[float, str | None]) -> StreamRecord:
    return readings(seq, *(told(second, calibration) for second, calibration in items))


def test_the_newest_reading_says_why_it_is_flagged_and_never_goes_backwards(store_url: str, ingest: Ingest) -> None:
    suspect = {"quality": QualityFlag.SUSPECT, "test": "spike", "also": {"fouling": QualityFlag.SUSPECT}}
    ingest.write([readings(1, told(1), told(2, "b", **suspect), told(0, "a"))])
    assert one(store_url, LATEST) == (3, "spike", {"fouling": 3}, "b")
    ingest.write([readings(2, told(1.5, "late"))])
    assert one(store_url, LATEST) == (3, "spike", {"fouling": 3}, "b")
    ingest.write([readings(3, told(3, "b"))])
    assert one(store_url, LATEST) == (1, None, None, "b"), "a good reading takes the reason away"


def test_a_calibration_is_a_row_when_it_changes_and_none_while_it_holds(store_url: str, ingest: Ingest) -> None:
    ingest.write([message(1, (0, None), (1, None))])
    assert rows(store_url, CHANGES) == []
    ingest.write([message(2, (2, None), (3, "a"), (4, "a"), (5, "b"))])
    ingest.write([message(3, (6, "b")), message(4, (7, "b"), (8, None))])
    ingest.write([message(5, (9, None))])
    assert rows(store_url, CHANGES) == [(moment(3), "a"), (moment(5), "b"), (moment(8), None)]


def test_changes_end_where_they_belong_whichever_order_the_readings_come_in(store_url: str, ingest: Ingest) -> None:
    expected = [(moment(1), "a"), (moment(4), "b")]
    parts = [((0, None), (1, "a")), ((2, "a"), (3, "a")), ((4, "b"), (5, "b")), ((6, "b"),)]
    for seq, index in enumerate((3, 2, 1, 0), start=1):
        ingest.write([message(seq, *parts[index])])
    assert rows(store_url, CHANGES) == expected


def test_a_new_process_knows_the_calibrations_that_the_old_one_stored(
    store_url: str, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.write([message(1, (1, "a"))])
    ingest.close()
    ingest.write([message(2, (2, "a"))])
    ingest.write([message(3, (3, "b"))])
    assert rows(store_url, CHANGES) == [(moment(1), "a"), (moment(3), "b")]


def test_what_rolls_back_is_noted_again(store_url: str, ingest: Ingest) -> None:
    ingest.write([message(1, (1, "a"))])
    unstorable = readings(3, told(3, "c\x00"))
    assert ingest.write([message(2, (2, "b")), unstorable]).dead_letters == 1
    assert rows(store_url, CHANGES) == [(moment(1), "a"), (moment(2), "b")]
    assert one(store_url, LATEST)[3] == "b"
