"""MQTT topic and payload become a parsed topic and a typed message; what cannot be read is named and refused."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from contracts import envelope
from contracts.topics import UplinkTopic, parse_uplink

if TYPE_CHECKING:
    from contracts.devices import Status

# A farm has few topics and sends millions of messages on them; errors are not cached.
_parse = lru_cache(maxsize=8192)(parse_uplink)


def decode(topic: str, payload: bytes) -> tuple[UplinkTopic, envelope.Envelope | Status]:
    """Read one delivery.

    Raises:
        InvalidMessageError: the topic or the payload can never be understood by this version.
    """
    uplink = _parse(topic)
    return uplink, envelope.decode(payload, uplink.kind)
