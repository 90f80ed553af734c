"""Messages survive the wire; what cannot be read is refused by name; every version ever shipped still decodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.devices import Status
from contracts.envelope import MAX_MESSAGE_BYTES, Envelope, decode, encode
from contracts.errors import InvalidMessageError, UnsupportedVersionError
from contracts.topics import Kind

GOLDEN = Path(__file__).parent.parent / "golden" / "uplink"
FILES = sorted(GOLDEN.glob("v*/*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_shipped_version_still_decodes(path: Path) -> None:
    kind = Kind(path.stem.split("-")[0])
    message = decode(path.read_bytes(), kind)
    assert isinstance(message, Status if kind is Kind.STATUS else Envelope)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_decoding_and_encoding_again_changes_nothing(path: Path) -> None:
    kind = Kind(path.stem.split("-")[0])
    message = decode(path.read_bytes(), kind)
    assert decode(encode(message), kind) == message
    written, again = json.loads(path.read_bytes()), json.loads(encode(message))
    for key in written:
        if key != "body":
            assert again[key] == written[key], key


def test_there_is_a_golden_file_for_every_kind() -> None:
    assert {Kind(path.stem.split("-")[0]) for path in FILES} == set(Kind)


def golden(kind: Kind) -> dict[str, object]:
    """One shipped message as a dictionary."""
    raw: dict[str, object] = json.loads((GOLDEN / "v1" / f"{kind.value}.json").read_bytes())
    return raw


def test_a_field_from_a_newer_sender_is_kept() -> None:
    raw = golden(Kind.READINGS) | {"weather": "storm"}
    message = decode(json.dumps(raw).encode(), Kind.READINGS)
    assert json.loads(encode(message))["weather"] == "storm"


def test_an_unknown_version_is_refused_by_name_with_the_remedy() -> None:
    raw = golden(Kind.READINGS) | {"v": 7}
    with pytest.raises(UnsupportedVersionError, match=r"envelope has version 7; this program knows 1\. Upgrade"):
        decode(json.dumps(raw).encode(), Kind.READINGS)


def test_an_unknown_version_of_status_is_refused_by_name() -> None:
    raw = golden(Kind.STATUS) | {"v": 2}
    with pytest.raises(UnsupportedVersionError, match="version 2"):
        decode(json.dumps(raw).encode(), Kind.STATUS)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b"[]", "bad_schema"),
        (b"7", "bad_schema"),
        (b"{}", "bad_schema"),
        (b"x" * (MAX_MESSAGE_BYTES + 1), "too_large"),
    ],
)
def test_poison_is_refused_with_a_stable_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        decode(payload, Kind.READINGS)
    assert caught.value.reason == reason


def test_a_body_of_another_kind_than_its_topic_is_refused() -> None:
    payload = (GOLDEN / "v1" / "alarms.json").read_bytes()
    with pytest.raises(InvalidMessageError, match="topic says readings, body is alarms"):
        decode(payload, Kind.READINGS)


def test_a_time_without_zone_is_refused() -> None:
    raw = golden(Kind.READINGS) | {"sent_at": "2026-11-01T12:00:00"}
    with pytest.raises(InvalidMessageError, match="sent_at"):
        decode(json.dumps(raw).encode(), Kind.READINGS)


def test_messages_are_frozen() -> None:
    message = decode((GOLDEN / "v1" / "readings.json").read_bytes(), Kind.READINGS)
    with pytest.raises(ValidationError, match="frozen"):
        message.site = "elsewhere"  # type: ignore[misc]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise_anything_but_invalid_message(payload: bytes) -> None:
    for kind in Kind:
        with pytest.raises(InvalidMessageError):
            decode(payload, kind)
