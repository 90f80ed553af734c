"""W3C Trace Context on its way through the bridge: from an MQTT 5 user property into the Kafka header of the same name.

The bridge makes no span of its own: what a message took here is the time between its sender's span and the ingest's.
"""

from __future__ import annotations

import re

from contracts.traces import TRACEPARENT

_LENGTH = 55
# [MQTT-3.3.2.3.7] a user property: its identifier, then name and value, each with its length in two bytes.
_PROPERTY = b"\x26" + len(TRACEPARENT).to_bytes(2, "big") + TRACEPARENT.encode() + _LENGTH.to_bytes(2, "big")
_VALID = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def checked(value: bytes) -> bytes | None:
    """The value if it is one of version 00; what is none is left out, since a trace is never worth a message."""
    return value if _VALID.fullmatch(value) else None


def of_properties(block: bytes) -> bytes | None:
    """The ``traceparent`` among the properties of a PUBLISH, as they stand on the wire."""
    found = block.find(_PROPERTY)
    if found < 0:
        return None
    begin = found + len(_PROPERTY)
    return checked(block[begin : begin + _LENGTH])
