"""The store on PostgreSQL and on TimescaleDB: what goes in is there once, whatever happens on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cloud.consumers import Ingest, IngestResult, StreamRecord
from cloud.observations.images import path_of
from contracts.alarms import AlarmChange, AlarmEvent
from contracts.dead_letters import DeadLetter
from contracts.envelope import decode
from contracts.quality import QualityFlag
from contracts.topics import Kind
from contracts.vision import ImageParts, LineFlow
from tests.cloud.messages import (
    BOOT,
    DEVICE,
    JPEG,
    NOON,
    SITE,
    STREAM,
    alarm,
    alarms,
    birth,
    clock,
    counts,
    events,
    evidence,
    health,
    observation,
    observations,
    one,
    reading,
    readings,
    record,
    rows,
    seconds,
    will,
)

RAISED, CLEARED, ACKNOWLEDGED = AlarmChange.RAISED, AlarmChange.CLEARED, AlarmChange.ACKNOWLEDGED


@pytest.fixture
def ingest(store_url: str, tmp_path: Path) -> Iterator[Ingest]:
    ingest = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    yield ingest
    ingest.close()


def marks(result: IngestResult) -> list[tuple[str, int, tuple[tuple[int, int], ...]]]:
    return [(mark.stream, mark.committed, mark.above) for mark in result.watermarks]


def one_of_each_kind() -> list[StreamRecord]:
    return [
        readings(1, reading(8.5), reading(12.0, channel="tank-1.temperature", quantity="temperature", ucum="Cel")),
        observations(2),
        evidence(3),
        alarms(4, alarm(RAISED)),
        events(5, "boot"),
        health(6),
        record(birth()),
    ]


def test_every_kind_of_message_is_stored(store_url: str, ingest: Ingest, tmp_path: Path) -> None:
    result = ingest.write(one_of_each_kind())
    assert (result.messages_new, result.messages_repeated, result.rows, result.dead_letters) == (7, 0, 7, 0)
    assert marks(result) == [(STREAM, 6, ())]
    stored = rows(
        store_url,
        "SELECT s.slug, d.slug, u.slug, c.name, c.ucum, r.observed_at, r.value, r.quality FROM reading r"
        " JOIN channel c ON c.id = r.channel_id JOIN unit u ON u.id = c.unit_id JOIN device d ON d.id = c.device_id"
        " JOIN site s ON s.id = d.site_id ORDER BY c.name",
    )
    assert stored == [
        (SITE, DEVICE, "tank-1", "tank-1.do", "mg/L", NOON, 8.5, 1),
        (SITE, DEVICE, "tank-1", "tank-1.temperature", "Cel", NOON, 12.0, 1),
    ]
    sha256 = hashlib.sha256(JPEG).hexdigest()
    assert one(store_url, "SELECT count_mean, image_sha256, model_name, detections->0->>'label' FROM observation") == (
        3.5,
        sha256,
        "fish-detector",
        "fish",
    )
    assert one(store_url, "SELECT sha256, width, bytes FROM image") == (sha256, 64, len(JPEG))
    assert path_of(tmp_path, sha256).read_bytes() == JPEG
    assert one(store_url, "SELECT definition, cleared_at, limit_value FROM alarm") == ("do.low.critical", None, 4.0)
    assert one(store_url, "SELECT name, message, detail->>'n' FROM device_event") == ("boot", "it happened", "1")
    assert one(store_url, "SELECT body->>'outbox_floor' FROM device_health") == "1"
    assert one(store_url, "SELECT state, boot, agent_version, last_seen_at FROM device") == (
        "online",
        BOOT,
        "0.1.0",
        NOON,
    )
    assert ("tank-1.ph",) in rows(store_url, "SELECT name FROM channel")


def test_a_redelivered_batch_changes_nothing_and_says_so_to_the_device(store_url: str, ingest: Ingest) -> None:
    first = ingest.write(one_of_each_kind())
    before = counts(store_url)
    again = ingest.write(one_of_each_kind())
    assert counts(store_url) == before
    assert (again.messages_repeated, again.rows) == (6, 0)
    assert again.watermarks == first.watermarks
    assert one(store_url, "SELECT messages, repeats, rows FROM ingest_stream") == (6, 6, 7)


def test_a_new_process_knows_what_the_old_one_stored(store_url: str, ingest: Ingest, tmp_path: Path) -> None:
    ingest.write([readings(1), readings(2)])
    other = Ingest(store_url, storage_dir=tmp_path, clock=clock)
    result = other.write([readings(1), readings(2), readings(3)])
    other.close()
    assert (result.messages_new, result.messages_repeated) == (1, 2)
    assert one(store_url, "SELECT count(*) FROM reading") == 3


def test_the_same_message_twice_in_one_batch_counts_once(store_url: str, ingest: Ingest) -> None:
    result = ingest.write([readings(1), readings(1)])
    assert (result.messages_new, result.messages_repeated, result.rows) == (1, 1, 1)


def test_the_watermark_waits_at_a_gap_and_moves_when_it_is_filled(ingest: Ingest) -> None:
    assert marks(ingest.write([readings(1), readings(2), readings(5)])) == [(STREAM, 2, ((5, 5),))]
    assert marks(ingest.write([readings(4), readings(8)])) == [(STREAM, 2, ((4, 5), (8, 8)))]
    assert marks(ingest.write([readings(3)])) == [(STREAM, 5, ((8, 8),))]


def test_the_floor_of_a_heartbeat_closes_the_gap_of_dropped_messages(store_url: str, ingest: Ingest) -> None:
    ingest.write([readings(1), readings(10)])
    assert marks(ingest.write([health(11, floor=10)])) == [(STREAM, 11, ())]
    # A message below the floor that was on its way all the same is still stored.
    late = ingest.write([readings(7)])
    assert (late.messages_new, late.rows) == (1, 1)
    assert one(store_url, "SELECT count(*) FROM reading") == 3


def test_streams_and_devices_are_counted_apart(ingest: Ingest) -> None:
    batch = [
        readings(1),
        readings(1, reading(at=NOON + seconds(50)), stream="outbox-0002"),
        readings(1, device="box-2"),
    ]
    result = ingest.write(batch)
    assert result.messages_new == 3
    assert {(mark.device, mark.stream, mark.committed) for mark in result.watermarks} == {
        (DEVICE, STREAM, 1),
        (DEVICE, "outbox-0002", 1),
        ("box-2", STREAM, 1),
    }


def test_the_latest_value_never_goes_backwards(store_url: str, ingest: Ingest) -> None:
    ingest.write([readings(1, reading(1.0, NOON - seconds(60)))])
    ingest.write([readings(2, reading(2.0, NOON))])
    ingest.write([readings(3, reading(3.0, NOON - seconds(30)), reading(4.0, NOON - seconds(90)))])
    assert one(store_url, "SELECT value, observed_at FROM reading_latest") == (2.0, NOON)
    assert one(store_url, "SELECT count(*) FROM reading") == 4


def test_a_reading_that_another_stream_sent_already_is_not_doubled(store_url: str, ingest: Ingest) -> None:
    """A box that lost its outbox numbers from 1 in a new stream and may repeat readings: the table's key decides."""
    ingest.write([readings(1, reading(1.0), reading(1.5, NOON + seconds(1)))])
    result = ingest.write([readings(1, reading(2.0), reading(2.5, NOON + seconds(2)), stream="outbox-0002")])
    assert result.rows == 1
    assert rows(store_url, "SELECT value FROM reading ORDER BY observed_at") == [(1.0,), (1.5,), (2.5,)]
    # And again in the same process, because the stage is kept.
    result = ingest.write([readings(2, reading(9.0), reading(3.5, NOON + seconds(3)), stream="outbox-0002")])
    assert result.rows == 1


def test_readings_of_one_moment_in_one_batch_count_once(store_url: str, ingest: Ingest) -> None:
    result = ingest.write([readings(1, reading(1.0)), readings(2, reading(2.0))])
    assert result.rows == 1
    assert one(store_url, "SELECT value FROM reading") == 1.0


def test_backfilled_days_are_stored_beside_today(store_url: str, ingest: Ingest) -> None:
    stamps = [NOON - timedelta(days=days, microseconds=1) for days in (0, 1, 30, 300, 500)]
    ingest.write([readings(1, *(reading(float(i), stamp) for i, stamp in enumerate(stamps)))])
    assert [at for (at,) in rows(store_url, "SELECT observed_at FROM reading ORDER BY 1 DESC")] == stamps


def test_stamps_of_a_wrong_clock_are_set_aside_whole_and_the_rest_is_stored(store_url: str, ingest: Ingest) -> None:
    items = (reading(1.0), reading(2.0, NOON + timedelta(hours=1)), reading(3.0, NOON.replace(year=1970)))
    result = ingest.write([readings(1, *items), readings(2)])
    assert (result.rows, result.dead_letters) == (2, 1)
    assert marks(result) == [(STREAM, 2, ())]
    reason, detail, payload = one(store_url, "SELECT reason, detail, payload FROM dead_letter")
    assert (reason, detail[:10]) == ("implausible_time", "2 readings")
    assert payload == readings(1, *items).value
    assert one(store_url, "SELECT max(observed_at) FROM reading_latest") == NOON + seconds(2)


def test_a_channel_that_changes_its_unit_of_measure_is_set_aside(store_url: str, ingest: Ingest) -> None:
    ingest.write([readings(1, reading(8.0))])
    result = ingest.write([readings(2, reading(80.0, NOON + seconds(1), ucum="%"), reading(8.1, NOON + seconds(2)))])
    assert (result.rows, result.dead_letters) == (1, 1)
    assert one(store_url, "SELECT reason FROM dead_letter") == "channel_redefined"
    assert one(store_url, "SELECT ucum FROM channel") == "mg/L"


def test_a_sensor_that_moves_takes_its_channel_along(store_url: str, ingest: Ingest) -> None:
    ingest.write([readings(1, reading(8.0))])
    ingest.write([readings(2, reading(8.1, NOON + seconds(1), unit="tank-2"))])
    slug = "SELECT u.slug FROM channel c JOIN unit u ON u.id = c.unit_id"
    assert rows(store_url, slug) == [("tank-2",)]


def test_poison_in_a_batch_becomes_a_dead_letter_and_the_rest_is_stored(store_url: str, ingest: Ingest) -> None:
    nul = observations(2, observation().model_copy(update={"image_sha256": None, "count_max": 2**40}))
    text = events(4, "boot")
    text = replace(text, value=text.value.replace(b"it happened", b"nul \\u0000 byte"))
    undecodable = replace(readings(6), value=b'{"v":1,"site":"fjord","device":"box-1","stream":"outbox-0001","seq":6}')
    result = ingest.write([readings(1), nul, readings(3), text, evidence(5, sha256="0" * 64), undecodable])
    assert result.dead_letters == 4
    assert marks(result) == [(STREAM, 6, ())]
    assert counts(store_url)["reading"] == 2
    reasons = rows(store_url, "SELECT reason FROM dead_letter ORDER BY reason")
    assert reasons == [("bad_schema",), ("not_storable",), ("not_storable",), ("sha256_mismatch",)]
    assert counts(store_url)["image"] == 0


def test_a_dead_letter_of_the_bridge_is_kept_and_its_message_counts_as_received(store_url: str, ingest: Ingest) -> None:
    poison = readings(2).value.replace(b'"mg/L"', b"{}")
    letter = DeadLetter(
        id="f" * 64,
        received_at=NOON,
        stage="decode",
        reason="bad_schema",
        detail="ucum",
        origin=f"shoal/1/{SITE}/{DEVICE}/readings",
        site=SITE,
        device=DEVICE,
        payload=poison,
    )
    batch = [
        readings(1),
        StreamRecord(letter.model_dump_json().encode(), None, NOON, "error-messages/0/7"),
        readings(3),
    ]
    result = ingest.write(batch)
    assert marks(result) == [(STREAM, 3, ())]
    assert one(store_url, "SELECT id, reason, payload, count FROM dead_letter") == ("f" * 64, "bad_schema", poison, 1)
    ingest.write(batch)
    assert one(store_url, "SELECT count FROM dead_letter") == 1
    ingest.write(
        [
            replace(
                batch[1], value=letter.model_copy(update={"received_at": NOON + seconds(9)}).model_dump_json().encode()
            )
        ]
    )
    assert one(store_url, "SELECT count FROM dead_letter") == 2


def test_a_forged_message_does_not_move_the_ledger_of_another_device(ingest: Ingest) -> None:
    ingest.write([readings(1)])
    letter = DeadLetter(
        id="e" * 64,
        received_at=NOON,
        stage="authorize",
        reason="identity_mismatch",
        detail="",
        origin=f"shoal/1/{SITE}/thief/readings",
        site=SITE,
        device="thief",
        payload=readings(2).value,
    )
    for stage in ("authorize", "decode"):
        forged = letter.model_copy(update={"stage": stage})
        result = ingest.write([StreamRecord(forged.model_dump_json().encode(), None, NOON, "x")])
        assert result.watermarks == ()
    assert marks(ingest.write([readings(2)])) == [(STREAM, 2, ())]


def test_an_unreadable_dead_letter_is_a_dead_letter(store_url: str, ingest: Ingest) -> None:
    result = ingest.write([StreamRecord(b"not json", None, NOON, "error-messages/0/1")])
    assert result.dead_letters == 1
    assert one(store_url, "SELECT reason, payload FROM dead_letter") == ("bad_dead_letter", b"not json")


def test_unknown_devices_are_refused_where_registration_is_closed(store_url: str, tmp_path: Path) -> None:
    strict = Ingest(store_url, storage_dir=tmp_path, auto_register=False, clock=clock)
    result = strict.write([readings(1), record(birth())])
    strict.close()
    assert (result.dead_letters, result.rows, result.watermarks) == (2, 0, ())
    assert counts(store_url)["device"] == 0
    assert {reason for (reason,) in rows(store_url, "SELECT reason FROM dead_letter")} == {"unknown_device"}


def test_an_alarm_ends_the_same_whichever_order_its_changes_arrive_in(store_url: str, ingest: Ingest) -> None:
    raised, cleared = alarm(RAISED), alarm(CLEARED, NOON + seconds(60))
    acknowledged = alarm(ACKNOWLEDGED, NOON + seconds(20))
    ingest.write([alarms(1, raised), alarms(2, acknowledged), alarms(3, cleared)])
    query = (
        "SELECT severity, raised_at, condition_since, cleared_at, acknowledged_at, acknowledged_by, value, message"
        " FROM alarm WHERE id = %s"
    )
    expected = one(store_url, query, [raised.alarm_id])
    assert expected[1:5] == (NOON, NOON - seconds(30), NOON + seconds(60), NOON + seconds(20))
    assert expected[5:] == (f"device:{DEVICE}", 3.9, "do.low.critical raised")
    backwards = [
        a.model_copy(update={"alarm_id": alarm(RAISED, number=2).alarm_id}) for a in (cleared, acknowledged, raised)
    ]
    other = {"definition": "do.low.other"}  # another occurrence must not close this one
    ingest.write([alarms(4 + i, a.model_copy(update=other)) for i, a in enumerate(backwards)])
    found = one(store_url, query, [backwards[0].alarm_id])
    assert (found[1], found[3:5], found[6:]) == (expected[1], expected[3:5], expected[6:])
    assert one(store_url, "SELECT count(*) FROM alarm_change") == 6


def test_what_a_box_shelves_is_shelved_here_and_the_newest_word_holds(store_url: str, ingest: Ingest) -> None:
    until = NOON + seconds(3600)
    on = {"shelved_until": until, "by": "local page (10.0.0.7)", "reason": "grading"}
    shelved = alarm(AlarmChange.SHELVED, NOON + seconds(10)).model_copy(update=on)
    query = "SELECT shelved_until, shelved_by, shelved_because FROM alarm"
    ingest.write([alarms(1, alarm(RAISED), shelved)])
    assert one(store_url, query) == (until, "local page (10.0.0.7)", "grading")
    ingest.write([alarms(2, alarm(AlarmChange.UNSHELVED, NOON + seconds(30)))])
    assert one(store_url, query) == (None, None, None)
    late = shelved.model_copy(update={"occurred_at": NOON + seconds(20)})
    ingest.write([alarms(3, late)])
    assert one(store_url, query) == (None, None, None)
    ingest.write([alarms(4, shelved.model_copy(update={"occurred_at": NOON + seconds(40), "by": None}))])
    assert one(store_url, query) == (until, "device:box-1", "grading")


def test_a_box_that_forgot_its_alarm_leaves_no_second_active_one(store_url: str, ingest: Ingest) -> None:
    ingest.write([alarms(1, alarm(RAISED, number=1))])
    ingest.write([alarms(2, alarm(RAISED, NOON + seconds(100), number=2))])
    open_ids = "SELECT raised_at FROM alarm WHERE cleared_at IS NULL"
    assert rows(store_url, open_ids) == [(NOON + seconds(100),)]
    assert one(store_url, "SELECT actor FROM alarm_change WHERE change = 'cleared'") == "superseded"
    # The other order: an older raise that comes late is closed by the newer one that is known.
    ingest.write([alarms(3, alarm(RAISED, NOON + seconds(50), number=3))])
    assert rows(store_url, open_ids) == [(NOON + seconds(100),)]


def test_two_cameras_of_one_tank_are_dark_at_once(store_url: str, ingest: Ingest) -> None:
    def dark(camera: str, number: int, after_s: float = 0) -> AlarmEvent:
        event = alarm(RAISED, NOON + seconds(after_s), number=number, definition="camera.dark")
        return event.model_copy(update={"channel": f"camera.{camera}", "quantity": None})

    ingest.write([alarms(1, dark("north", 1), dark("south", 2, after_s=5))])
    active = "SELECT subject, raised_at FROM alarm WHERE cleared_at IS NULL ORDER BY subject"
    assert rows(store_url, active) == [("camera.north", NOON), ("camera.south", NOON + seconds(5))]
    # A box that lost its state raises one of them anew: that one alone is superseded.
    ingest.write([alarms(2, dark("north", 3, after_s=60))])
    assert rows(store_url, active) == [("camera.north", NOON + seconds(60)), ("camera.south", NOON + seconds(5))]


def test_an_alarm_before_the_first_reading_of_its_channel_is_superseded_after_it(
    store_url: str, ingest: Ingest
) -> None:
    ingest.write([alarms(1, alarm(RAISED, number=1))])
    ingest.write([readings(2)])
    ingest.write([alarms(3, alarm(RAISED, NOON + seconds(100), number=2))])
    assert rows(store_url, "SELECT raised_at FROM alarm WHERE cleared_at IS NULL") == [(NOON + seconds(100),)]


def test_what_was_told_of_an_observation_is_kept_and_what_was_not_stays_unknown(store_url: str, ingest: Ingest) -> None:
    told = observation(NOON).model_copy(
        update={
            "quality": QualityFlag.SUSPECT,
            "quality_test": "image_clarity",
            "image_quality": 0.2,
            "image_parts": ImageParts(light=1, glare=1, live=1, clarity=0.2, clean=0.9),
            "count_interval": (2.5, 4.5),
            "activity_bl_s": 0.7,
            "tracks": 0,
            "lines": (LineFlow(name="gate", entered=3, left=1, entered_interval=(2, 5), left_interval=(0, 2)),),
            "classes": {"trout": 3.5},
            "health": {"wound": 0.1},
            "embedding_distance": 1.7,
        }
    )
    ingest.write([observations(1, told, observation(NOON + seconds(10)))])
    full, bare = rows(
        store_url,
        "SELECT quality_test, count_low, count_high, activity_bl_s, analysis FROM observation ORDER BY observed_at",
    )
    assert full[:4] == ("image_clarity", 2.5, 4.5, 0.7)
    assert {**full[4], "lines": full[4]["lines"][0]["entered"]} == {
        "image_parts": {"light": 1, "glare": 1, "live": 1, "clarity": 0.2, "clean": 0.9},
        "tracks": 0,
        "lines": 3,
        "classes": {"trout": 3.5},
        "health": {"wound": 0.1},
        "embedding_distance": 1.7,
    }
    assert bare == (None, None, None, None, None)


def test_a_last_will_of_this_boot_takes_the_device_offline_and_one_of_an_older_boot_does_not(
    store_url: str, ingest: Ingest
) -> None:
    state = "SELECT state, boot, state_at, last_seen_at FROM device"
    ingest.write([record(birth(NOON + seconds(1)))])
    ingest.write([record(will(NOON), received_at=NOON + seconds(200))])
    assert one(store_url, state) == ("offline", BOOT, NOON + seconds(200), NOON)
    ingest.write([record(birth(NOON + seconds(300), boot="boot-0002"), received_at=NOON + seconds(300))])
    ingest.write([record(will(NOON + seconds(250)), received_at=NOON + seconds(301))])
    assert one(store_url, state) == ("online", "boot-0002", NOON + seconds(300), NOON + seconds(300))


def test_an_image_is_written_once_and_before_its_row(store_url: str, ingest: Ingest, tmp_path: Path) -> None:
    ingest.write([evidence(1), evidence(2)])
    assert counts(store_url)["image"] == 1
    files = [path for path in (tmp_path / "images").rglob("*") if path.is_file()]
    assert files == [path_of(tmp_path, hashlib.sha256(JPEG).hexdigest())]


def test_an_empty_batch_touches_nothing(ingest: Ingest) -> None:
    assert ingest.write([]) == IngestResult(0, 0, 0, 0, ())


def test_a_message_decoded_in_process_is_not_decoded_again(store_url: str, ingest: Ingest) -> None:
    decoded = decode(readings(1).value, Kind.READINGS)
    ingest.write([replace(readings(1), value=b"never read", message=decoded)])
    assert counts(store_url)["reading"] == 1


def test_a_database_restored_from_a_backup_takes_again_what_it_has_forgotten(store_url: str, ingest: Ingest) -> None:
    batch = [
        readings(1),
        readings(2, reading(7.5, NOON - seconds(30), channel="tank-2.do", unit="tank-2")),
        readings(3),
    ]
    ingest.write(batch)
    assert ingest.write(batch).messages_repeated == 3
    with psycopg.connect(store_url) as database:  # the backup was made after the first message
        database.execute("DELETE FROM reading WHERE observed_at <> %s", (NOON + seconds(1),))
        database.execute("UPDATE ingest_stream SET seen = '{[1,2)}'")
    far = readings(4, reading(1.0, NOON + timedelta(hours=1)))
    result = ingest.write([*batch, far])
    assert (result.messages_new, result.messages_repeated, result.rows, result.dead_letters) == (3, 1, 2, 1)
    assert one(store_url, "SELECT count(*), max(observed_at) FROM reading") == (3, NOON + seconds(3))
