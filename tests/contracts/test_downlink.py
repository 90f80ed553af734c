"""Everything that was ever put on ``device-downlink`` is still read; what fits no device is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.devices import Watermark
from contracts.downlink import Downlink, decode
from contracts.errors import InvalidMessageError

FILES = sorted((Path(__file__).parent.parent / "golden" / "downlink").glob("v*/*.json"))


def golden(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((FILES[0].parent.parent / "v1" / f"{name}.json").read_bytes())
    return raw


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_shipped_version_still_decodes_and_keeps_its_fields(path: Path) -> None:
    message = decode(path.read_bytes())
    assert isinstance(message, Watermark if path.stem == "watermark" else Downlink)
    again = json.loads(message.model_dump_json(exclude_none=True))
    assert again.items() >= {k: v for k, v in json.loads(path.read_bytes()).items() if k != "body"}.items()
    assert decode(message.model_dump_json().encode()) == message


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "bad_json"),
        (b"[]", "bad_schema"),
        (json.dumps(golden("job") | {"expires_at": None}).encode(), "bad_schema"),
        (json.dumps(golden("desired") | {"expires_at": "2026-06-01T12:00:00Z"}).encode(), "bad_schema"),
        (json.dumps(golden("command") | {"device": "edge-2"}).encode(), "bad_schema"),
        (json.dumps(golden("desired") | {"body": {"type": "gossip"}}).encode(), "bad_schema"),
    ],
)
def test_what_fits_no_device_is_refused_by_name(value: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        decode(value)
    assert caught.value.reason == reason
