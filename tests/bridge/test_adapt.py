"""Foreign JSON becomes readings of ours; the same message twice has the same number, and no number is used twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bridge.adapters import load_mappings
from bridge.errors import NumbersUnavailableError
from bridge.numbers import Numbers
from bridge.settings import BridgeSettings, load_settings
from bridge.steps.adapt import Adapted, adapt, find, mapping_of, number
from bridge.uplink import Uplink
from bridge.walk import Walk
from contracts.dead_letters import DeadLetter
from contracts.envelope import Envelope, decode
from contracts.errors import ConfigurationError, InvalidMessageError
from contracts.telemetry import ReadingBatch
from contracts.topics import Kind
from tests.bridge.farm import NOON, Farm, eventually
from tests.bridge.memory_sink import MemorySink

RECORDED = Path(__file__).parent / "recorded"
MAPPINGS = load_mappings(RECORDED / "mapping.yaml")
HATCHERY = (RECORDED / "hatchery.json").read_bytes()
TOPIC = "hatchery/tank-3/probe"


def adapted(topic: str, payload: bytes, received_at: datetime = NOON) -> Adapted:
    mapping = mapping_of(MAPPINGS, topic)
    assert mapping is not None
    return adapt(mapping, topic, payload, received_at)


def test_a_probe_with_its_own_names_units_and_clock_is_understood() -> None:
    message = adapted(TOPIC, HATCHERY)
    assert (message.uplink.site, message.uplink.device) == ("north", "probes-tank-3")
    assert [(r.channel, r.unit, r.ucum, round(r.value, 3)) for r in message.body.readings] == [
        ("tank-3.do", "tank-3", "mg/L", 8.41),
        ("tank-3.temperature", "tank-3", "Cel", 14.0),
        ("tank-3.ph", "tank-3", "[pH]", 7.31),
    ]
    assert {r.observed_at for r in message.body.readings} == {NOON + timedelta(milliseconds=500)}


def test_array_places_and_local_times_are_understood() -> None:
    message = adapted("zigbee2mqtt/tank-1/node-7", (RECORDED / "zigbee.json").read_bytes())
    assert [(r.channel, r.value) for r in message.body.readings] == [
        ("node-7.temperature", 12.9),
        ("node-7.pressure", 1014.2),
    ]
    assert message.body.readings[0].observed_at == NOON


def test_a_bare_number_is_the_whole_document() -> None:
    assert adapted("plain/tank-1/level", b"123.5").body.readings[0].value == 123.5


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        (TOPIC, b"{", "bad_json"),
        (TOPIC, b'{"ts": 1}', "no_reading"),
        (TOPIC, b'{"o2": 8.4}', "bad_time"),
        (TOPIC, b'{"o2": 8.4, "ts": true}', "bad_time"),
        (TOPIC, b'{"o2": 8.4, "ts": 1e300}', "bad_time"),
        (TOPIC, b'{"o2": "high", "ts": 1780315200500}', "bad_value"),
        (TOPIC, b'{"o2": true, "ts": 1780315200500}', "bad_value"),
        (TOPIC, b'{"o2": NaN, "ts": 1780315200500}', "bad_json"),
        ("zigbee2mqtt/tank-1/n", b'{"values": [1], "last_seen": "2026-06-01T12:00:00"}', "bad_time"),
        ("hatchery/Tank 3/probe", HATCHERY, "bad_topic"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(topic: str, payload: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        adapted(topic, payload)
    assert caught.value.reason == reason


def test_pointers_follow_their_standard() -> None:
    assert find({"a/b": {"~": [1, {"": 2}]}}, "/a~1b/~0/1/") == 2


def test_the_same_message_has_the_same_identity_and_another_moment_another() -> None:
    later = NOON + timedelta(hours=1)
    assert adapted(TOPIC, HATCHERY).identity == adapted(TOPIC, HATCHERY, later).identity
    assert adapted(TOPIC, HATCHERY.replace(b"500,", b"501,")).identity != adapted(TOPIC, HATCHERY).identity
    assert adapted("hatchery/tank-4/probe", HATCHERY).identity != adapted(TOPIC, HATCHERY).identity


def test_without_a_moment_of_its_own_every_receipt_is_a_measurement() -> None:
    first, second = (adapted("plain/t/level", b"1", NOON + timedelta(seconds=s)) for s in (0, 1))
    assert first.identity != second.identity


@pytest.fixture
def numbers(tmp_path: Path) -> Iterator[Numbers]:
    numbers = Numbers(tmp_path / "numbers.db", remembered=3)
    yield numbers
    numbers.close()
    numbers.close()


def test_each_source_counts_from_one_and_a_repeat_keeps_its_number(numbers: Numbers) -> None:
    given = [numbers.number(source, bytes([name])) for source, name in (("a", 1), ("a", 2), ("b", 1), ("a", 1))]
    assert given == [1, 2, 1, 1]


def test_numbers_outlive_a_restart_and_what_was_not_committed_is_given_again(tmp_path: Path, numbers: Numbers) -> None:
    numbers.number("a", b"1")
    numbers.commit()
    numbers.number("a", b"2")
    numbers.close()
    again = Numbers(tmp_path / "numbers.db")
    assert again.counter == numbers.counter
    assert [again.number("a", name) for name in (b"3", b"1", b"2")] == [2, 1, 3]
    again.close()


def test_only_the_newest_are_remembered(numbers: Numbers) -> None:
    for name in range(10):
        numbers.number("a", bytes([name]))
    assert [numbers.number("a", bytes([name])) for name in (9, 8, 7)] == [10, 9, 8]
    assert numbers.number("a", bytes([0])) == 11


def test_a_lost_file_starts_a_new_stream_instead_of_using_numbers_twice(tmp_path: Path) -> None:
    message = adapted(TOPIC, HATCHERY)
    streams = set()
    for name in ("one.db", "two.db"):
        file = Numbers(tmp_path / name)
        streams.add(number(message, counter=file.counter, seq=1, boot="boot-0001").stream)
        file.close()
    assert len(streams) == 2


def test_a_full_disk_waits_and_is_not_the_messages_fault(tmp_path: Path, numbers: Numbers) -> None:
    other = sqlite3.connect(tmp_path / "numbers.db", isolation_level=None)
    numbers._database.execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(NumbersUnavailableError):
        numbers.number("a", b"1")
    other.execute("ROLLBACK")
    other.close()
    assert numbers.number("a", b"1") == 1


def settings(tmp_path: Path, **overrides: object) -> BridgeSettings:
    return load_settings(None, adapter_file=RECORDED / "mapping.yaml", state_dir=tmp_path, **overrides)


def test_an_adapted_message_is_one_of_ours_from_then_on(tmp_path: Path) -> None:
    walk = Walk(settings(tmp_path))
    routed = walk.one(TOPIC, HATCHERY, NOON)
    assert isinstance(routed.message, Envelope)
    assert (routed.topic, routed.key) == ("sensor-data", b"north/probes-tank-3")
    assert decode(routed.value, Kind.READINGS) == routed.message
    again = walk.one(TOPIC, HATCHERY, NOON + timedelta(seconds=9))
    assert isinstance(again.message, Envelope)
    assert (again.message.stream, again.message.seq) == (routed.message.stream, 1)
    refused = walk.one(TOPIC, b"{", NOON)
    assert isinstance(refused.message, DeadLetter)
    assert (refused.message.origin, refused.message.reason) == (TOPIC, "bad_json")
    walk.close()


@pytest.mark.parametrize(
    ("mapping", "field", "told"),
    [
        ({"filter": "a/+/b", "device": "{2}"}, "adapter_file.mappings.0", "none of the 1 levels"),
        ({"filter": "shoal/+/x"}, "adapter_file.mappings.0.filter", "topics of shoal"),
        ({"filter": "#"}, "adapter_file.mappings.0.filter", "name the first level"),
        ({"filter": "a/b+"}, "adapter_file.mappings.0.filter", "whole levels"),
        ({"filter": "a/#/b"}, "adapter_file.mappings.0.filter", "last level"),
        ({"time": "ts"}, "adapter_file.mappings.0.time", "such as /ts"),
        ({"readings": [{"quantity": "oxygen"}]}, "adapter_file.mappings.0.readings.0.quantity", "none of do"),
        ({"readings": [{"scale": 0}]}, "adapter_file.mappings.0.readings.0.scale", "the same"),
        ({"clock": "x"}, "adapter_file.mappings.0.clock", "Extra inputs"),
    ],
)
def test_a_bad_mapping_stops_the_start_with_its_place_and_remedy(
    tmp_path: Path, mapping: dict[str, object], field: str, told: str
) -> None:
    reading = {"pointer": "/v", "channel": "c", "unit": "u", "quantity": "do"}
    whole: dict[str, object] = {"filter": "a/+/b", "site": "s", "device": "d", "readings": [{}], **mapping}
    whole["readings"] = [{**reading, **part} for part in whole["readings"]]  # type: ignore[attr-defined]
    path = tmp_path / "mapping.yaml"
    path.write_text(json.dumps({"mappings": [whole]}))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, adapter_file=path, state_dir=tmp_path)
    assert caught.value.field == field
    assert told in str(caught.value)


def test_overlapping_mappings_and_a_missing_state_folder_are_named(tmp_path: Path) -> None:
    text = (RECORDED / "mapping.yaml").read_text()
    path = tmp_path / "mapping.yaml"
    path.write_text(text.replace("zigbee2mqtt/+/+", "hatchery/+/+"))
    with pytest.raises(ConfigurationError, match=r"overlaps hatchery/\+/probe"):
        load_settings(None, adapter_file=path, state_dir=tmp_path)
    with pytest.raises(ConfigurationError, match="needs a state_dir"):
        load_settings(None, adapter_file=path)
    with pytest.raises(ConfigurationError, match="Write the path of a YAML"):
        load_settings(None, adapter_file=tmp_path / "none.yaml", state_dir=tmp_path)


@pytest.mark.integration
def test_a_foreign_device_on_the_same_broker_reaches_the_store_once_whatever_comes_twice(
    tmp_path: Path, settings_for: Callable[..., BridgeSettings], sink: MemorySink, farm: Farm
) -> None:
    options = {"adapter_file": RECORDED / "mapping.yaml", "state_dir": tmp_path}
    values = [json.dumps({"ts": 1780315200000 + 1000 * n, "o2": 8.0}).encode() for n in range(100)]
    for _ in range(2):  # the second time stands for a redelivery to the next process
        uplink = Uplink(settings_for(**options), sink)
        uplink.start()
        eventually(lambda uplink=uplink: uplink.state().source.subscribed, "subscribed")  # type: ignore[misc]
        farm.send(TOPIC, values)
        eventually(lambda uplink=uplink: uplink.state().tally.acked == 100, "acknowledged")  # type: ignore[misc]
        uplink.stop()
    messages = [each.message for each in sink.stored if isinstance(each.message, Envelope)]
    assert sink.sequences() == [*range(1, 101)] * 2
    assert len({message.stream for message in messages}) == 1
    moments = {m.seq: m.body.readings[0].observed_at for m in messages if isinstance(m.body, ReadingBatch)}
    assert moments[1] == datetime.fromtimestamp(1780315200, timezone.utc)
