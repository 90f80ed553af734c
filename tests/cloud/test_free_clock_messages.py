"""Observations, heartbeats, alarms and events of a box that did not know the time stand where they belong in the end."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from itertools import permutations
from pathlib import Path

import pytest
from pydantic import SecretStr

from cloud.consumers import Ingest, StreamRecord
from cloud.db import migrate
from cloud.db.maintenance import maintain
from cloud.settings import RetentionSettings
from contracts.alarms import AlarmBatch, AlarmChange
from contracts.devices import CLOCK_SYNCED, DeviceEvent, EventBatch
from contracts.envelope import Body, Envelope, FreeClock
from contracts.telemetry import ReadingBatch
from contracts.vision import Evidence, ObservationBatch
from tests.cloud.messages import (
    NOON,
    alarm,
    alarms,
    clock,
    envelope,
    evidence,
    health,
    observation,
    one,
    reading,
    record,
    rows,
    seconds,
)

LONG_AGO = datetime(1970, 1, 1, 0, 2, tzinfo=timezone.utc)
HOUR_AGO = NOON - timedelta(hours=1)
TIMELINE = "count-0001"
OFFSET_US = (HOUR_AGO - LONG_AGO) // timedelta(microseconds=1)


def counted(seq: int, body: Body, *, offset_us: int | None = None) -> StreamRecord:
    """A message of a box that only counts."""
    clock = FreeClock(timeline=TIMELINE, offset_us=offset_us)
    return record(envelope(seq, body).model_copy(update={"free_clock": clock, "time_trusted": False}))


def synced(seq: int, offset_us: int = OFFSET_US) -> StreamRecord:
    event = DeviceEvent(name=CLOCK_SYNCED, occurred_at=NOON, detail={"timeline": TIMELINE, "offset_us": offset_us})
    return record(envelope(seq, EventBatch(events=(event,))))


def story(start: datetime, *, offset_us: int | None = None) -> list[StreamRecord]:
    """What a box sends of its first minute: two of each, ten seconds apart, and one alarm that came and went."""
    bodies: list[Body] = [ObservationBatch(observations=tuple(observation(start + seconds(10 * n)) for n in range(2)))]
    bodies += [heartbeat(start + seconds(10 * n)) for n in range(2)]
    lost = [DeviceEvent(name="camera.lost", occurred_at=start + seconds(10 * n)) for n in range(2)]
    bodies.append(EventBatch(events=tuple(lost)))
    bodies.append(AlarmBatch(alarms=(alarm(AlarmChange.RAISED, start),)))
    bodies.append(AlarmBatch(alarms=(alarm(AlarmChange.CLEARED, start + seconds(10)),)))
    bodies.append(picture(start))
    return [counted(seq, body, offset_us=offset_us) for seq, body in enumerate(bodies, start=1)]


def heartbeat(at: datetime) -> Body:
    message = Envelope.model_validate_json(health(1).value)
    return message.body.model_copy(update={"observed_at": at})


def picture(at: datetime) -> Body:
    body = Envelope.model_validate_json(evidence(1).value).body
    assert isinstance(body, Evidence)
    return body.model_copy(update={"observed_at": at})


def stored(url: str) -> dict[str, list[datetime]]:
    """Every moment that a person can see, by kind."""
    moments = {
        "observation": "SELECT observed_at FROM observation ORDER BY 1",
        "health": "SELECT observed_at FROM device_health ORDER BY 1",
        "event": "SELECT occurred_at FROM device_event WHERE name = 'camera.lost' ORDER BY 1",
        "alarm": "SELECT unnest(ARRAY[condition_since, raised_at, cleared_at]) FROM alarm",
        "change": "SELECT occurred_at FROM alarm_change ORDER BY 1",
        "image": "SELECT observed_at FROM image",
    }
    return {kind: [at for (at,) in rows(url, query)] for kind, query in moments.items()}


def expected(start: datetime) -> dict[str, list[datetime]]:
    two = [start, start + seconds(10)]
    return {
        "observation": two,
        "health": two,
        "event": two,
        "alarm": [start - seconds(30), *two],
        "change": two,
        "image": [start],
    }


@pytest.fixture
def ingest(store_url: str, tmp_path: Path) -> Ingest:
    return Ingest(store_url, storage_dir=tmp_path, clock=clock)


def test_a_box_of_1970_shows_its_alarms_at_once_and_everything_stands_where_it_belongs_later(
    ingest: Ingest, store_url: str
) -> None:
    result = ingest.write(story(LONG_AGO))
    assert (result.dead_letters, result.watermarks[0].committed) == (0, 7), "nothing is set aside, the box may forget"
    seen = stored(store_url)
    assert seen["observation"] == seen["health"] == [], "a count of fish of 1970 is nobody's"
    assert seen["change"] == [NOON, NOON], "an alarm cannot wait: it takes the moment of its receipt"
    assert seen["event"] == [NOON]
    ingest.write([synced(8)])
    assert stored(store_url) == expected(HOUR_AGO)
    assert one(store_url, "SELECT started_at FROM observation ORDER BY 1 LIMIT 1") == HOUR_AGO - seconds(10)
    assert one(store_url, "SELECT count(*) FROM message_free") == 0
    ingest.close()


def test_a_clock_that_is_wrong_by_hours_is_shown_at_once_and_moved_later(ingest: Ingest, store_url: str) -> None:
    start = NOON - timedelta(hours=7)
    ingest.write(story(start))
    assert stored(store_url) == expected(start)
    ingest.write([synced(8, timedelta(hours=6) // timedelta(microseconds=1))])
    assert stored(store_url) == expected(HOUR_AGO)
    ingest.close()


def test_any_order_and_any_repeats_give_the_same_rows(store_url: str, tmp_path: Path) -> None:
    messages = [*story(LONG_AGO)[:4], *story(LONG_AGO, offset_us=OFFSET_US)[4:], synced(8)]
    random.seed(2)
    halves = [messages[:3], messages[3:6], messages[6:]]
    for order in random.sample(list(permutations(halves)), 4):
        ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
        for part in order:
            ingest.write([*part, random.choice(messages)])
        ingest.write(messages)
        assert stored(store_url) == expected(HOUR_AGO), order
        ingest.close()
        migrate.downgrade(store_url)
        migrate.upgrade(store_url)


def test_an_alarm_raised_before_the_time_was_known_and_cleared_after(ingest: Ingest, store_url: str) -> None:
    ingest.write([counted(1, AlarmBatch(alarms=(alarm(AlarmChange.RAISED, LONG_AGO),)))])
    ingest.write([alarms(2, alarm(AlarmChange.CLEARED, NOON - timedelta(minutes=5)))])
    ingest.write([synced(3)])
    raised, cleared = rows(store_url, "SELECT raised_at, cleared_at FROM alarm")[0]
    assert (raised, cleared) == (HOUR_AGO, NOON - timedelta(minutes=5))
    ingest.close()


def test_a_person_who_took_the_alarm_on_stays_the_one(ingest: Ingest, store_url: str) -> None:
    ingest.write([counted(1, AlarmBatch(alarms=(alarm(AlarmChange.RAISED, LONG_AGO),)))])
    rows(store_url, "UPDATE alarm SET acknowledged_at = now(), acknowledged_by = 'eva@farm' RETURNING id")
    ingest.write([synced(2)])
    raised, by = rows(store_url, "SELECT raised_at, acknowledged_by FROM alarm")[0]
    assert (raised, by) == (HOUR_AGO, "eva@farm")
    ingest.close()


def test_an_offset_that_cannot_be_right_moves_nothing_and_loses_nothing(ingest: Ingest, store_url: str) -> None:
    ingest.write(story(LONG_AGO))
    ingest.write([synced(8, OFFSET_US + 10**13)])
    assert stored(store_url)["observation"] == []
    assert one(store_url, "SELECT count(*) FROM message_free") == 7
    assert one(store_url, "SELECT count(*) FROM dead_letter") == 0
    ingest.write([counted(9, heartbeat(LONG_AGO))])
    assert one(store_url, "SELECT reason FROM dead_letter") == "implausible_time", "what comes later is set aside"
    ingest.close()


def test_what_is_shown_stays_when_the_time_is_never_learned_and_what_is_hidden_waits(
    store_url: str, tmp_path: Path
) -> None:
    ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    ingest.write([counted(1, heartbeat(LONG_AGO)), counted(2, heartbeat(NOON - timedelta(hours=7)))])
    ingest.close()
    later = Ingest(store_url, storage_dir=tmp_path, clock=lambda: NOON + timedelta(days=8))
    later.write([counted(3, heartbeat(NOON - timedelta(hours=6)))])
    later.close()
    assert len(stored(store_url)["health"]) == 2
    waiting = rows(store_url, "SELECT shown, envelope->'seq' FROM message_free ORDER BY id")
    assert waiting == [(False, 1)], "a week later nobody will move what is shown"


def test_a_message_that_names_no_timeline_stays_where_it_is(ingest: Ingest, store_url: str) -> None:
    ingest.write([health(1), counted(2, heartbeat(LONG_AGO)), synced(3)])
    assert stored(store_url)["health"] == [HOUR_AGO, NOON]
    ingest.close()


def test_what_waited_in_vain_for_three_months_is_forgotten(ingest: Ingest, store_url: str) -> None:
    wait = ReadingBatch(readings=(reading(8.0, LONG_AGO),))
    ingest.write([counted(1, wait), counted(2, heartbeat(LONG_AGO))])
    ingest.close()
    limits = RetentionSettings(database_url=SecretStr(store_url))
    for days, forgotten in ((89, 0), (91, 2)):
        report = maintain(store_url, limits, NOON + timedelta(days=days))
        assert report is not None
        assert report.forgotten == forgotten
    assert one(store_url, "SELECT (SELECT count(*) FROM reading_free) + (SELECT count(*) FROM message_free)") == 0
