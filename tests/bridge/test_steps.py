from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.dead_letter import DeadLetterLimit, dead_letter
from bridge.routes import default_routes
from bridge.steps.authorize import authorize
from bridge.steps.decode import decode
from bridge.steps.route import Destination, Router
from contracts.dead_letters import DeadLetter
from contracts.errors import InvalidMessageError
from contracts.topics import KAFKA_TOPIC_OF_KIND, Kind, parse_uplink, uplink
from tests.bridge.farm import NOON, READINGS_TOPIC, envelope, payload


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_kafka_topic_and_its_device_as_key(kind: Kind) -> None:
    destination = Router(default_routes()).route(parse_uplink(uplink("north", "edge-1", kind)), envelope(1))
    assert destination == Destination(KAFKA_TOPIC_OF_KIND[kind].value, b"north/edge-1")


def test_a_good_message_walks_through() -> None:
    topic, message = decode(READINGS_TOPIC, payload(7))
    authorize(topic, message)
    assert message == envelope(7)


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        (READINGS_TOPIC, b"{", "bad_json"),
        (READINGS_TOPIC, b'{"v": 9}', "unknown_version"),
        (READINGS_TOPIC, b'{"v": 1}', "bad_schema"),
        (READINGS_TOPIC, b"x" * 3_000_000, "too_large"),
        ("shoal/1/north/edge-1/health", payload(1), "kind_mismatch"),
        ("shoal/2/north/edge-1/readings", payload(1), "bad_topic"),
        ("shoal/1/north/edge-1/gossip", payload(1), "bad_topic"),
        ("shoal/1/NORTH/edge-1/readings", payload(1), "bad_topic"),
    ],
)
def test_poison_is_refused_by_name(topic: str, value: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        decode(topic, value)
    assert caught.value.reason == reason


@pytest.mark.parametrize(("site", "device"), [("south", "edge-1"), ("north", "edge-2")])
def test_a_device_cannot_speak_for_another(site: str, device: str) -> None:
    topic, message = decode(READINGS_TOPIC, payload(1, site=site, device=device))
    with pytest.raises(InvalidMessageError) as caught:
        authorize(topic, message)
    assert caught.value.reason == "identity_mismatch"
    assert f"{site}/{device}" in caught.value.detail


def test_a_dead_letter_keeps_the_payload_whole_with_reason_and_origin() -> None:
    error = InvalidMessageError("bad_json", "expected value at line 1")
    routed = dead_letter(READINGS_TOPIC, b"\xff\x00{", NOON, stage="decode", error=error, max_bytes=1000)
    letter = DeadLetter.model_validate_json(routed.value)
    assert (letter.payload, letter.reason, letter.stage, letter.origin) == (
        b"\xff\x00{",
        "bad_json",
        "decode",
        READINGS_TOPIC,
    )
    assert (letter.site, letter.device, routed.key, routed.topic) == (
        "north",
        "edge-1",
        b"north/edge-1",
        "error-messages",
    )


def test_the_same_poison_twice_is_one_letter() -> None:
    error = InvalidMessageError("bad_json", "")
    later = NOON + timedelta(minutes=1)
    letters = [
        dead_letter(READINGS_TOPIC, value, moment, stage="decode", error=error, max_bytes=1000).message
        for value, moment in [(b"{", NOON), (b"{", later), (b"[", NOON)]
    ]
    ids = [letter.id for letter in letters if isinstance(letter, DeadLetter)]
    assert ids[0] == ids[1] != ids[2]


def test_a_huge_payload_is_cut_and_the_letter_says_so() -> None:
    error = InvalidMessageError("too_large", "5000000 bytes")
    routed = dead_letter("not/ours", b"x" * 5_000_000, NOON, stage="decode", error=error, max_bytes=1000)
    assert isinstance(routed.message, DeadLetter)
    assert len(routed.message.payload) == 1000
    assert "cut to the first 1000" in routed.message.detail
    assert (routed.message.site, routed.key) == (None, b"not/ours")


def test_dead_letters_pass_in_a_burst_and_then_at_their_rate() -> None:
    limit = DeadLetterLimit(rate_per_s=2.0, burst=10)
    assert limit.spend(0, 0.0) == 0.0
    assert limit.spend(10, 0.0) == 0.0
    assert limit.spend(4, 0.0) == 2.0  # four letters in debt at two a second
    assert limit.spend(1, 2.0) == 0.5
    assert limit.spend(1, 1000.0) == 0.0
    assert limit.spend(10, 1000.0) == 0.5  # a long rest never saves up more than the burst
