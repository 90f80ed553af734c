"""Protocol Buffers on the wire, the little that Sparkplug needs: varints, fixed numbers and length-delimited fields. Pure.

Source: Protocol Buffers Encoding (protobuf.dev). Ours, because the Sparkplug packages pin old protobuf and paho versions,
and because everything that arrives is checked: a length beyond the message, an endless varint and a group are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAX_VARINT_BYTES = 10
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_U64 = (1 << 64) - 1


class DecodeError(ValueError):
    """The bytes are no message of this kind."""


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Every field as number, wire type and value: an integer, or bytes (four for FIXED32, eight for FIXED64).

    Raises:
        DecodeError: the message is cut short or not a message.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if not number:
            raise DecodeError("field number 0")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, kind, value
            continue
        if kind == BYTES:
            length, at = _varint(data, at)
        elif kind in {FIXED32, FIXED64}:
            length = 4 if kind == FIXED32 else 8
        else:
            raise DecodeError(f"wire type {kind}")
        if at + length > end:
            raise DecodeError("a field is longer than the message")
        yield number, kind, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = 0
    for step, octet in enumerate(data[at : at + MAX_VARINT_BYTES]):
        result |= (octet & 0x7F) << 7 * step
        if not octet & 0x80:
            return result & _U64, at + step + 1
    raise DecodeError("a varint has no end")


def varint_field(number: int, value: int) -> bytes:
    """A field with an unsigned integer of at most 64 bits."""
    return _encoded(number << 3 | VARINT) + _encoded(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """A field with bytes, text or a message."""
    return _encoded(number << 3 | BYTES) + _encoded(len(value)) + value


def float_field(number: int, value: float) -> bytes:
    """A field with a float32."""
    return _encoded(number << 3 | FIXED32) + struct.pack("<f", value)


def double_field(number: int, value: float) -> bytes:
    """A field with a float64."""
    return _encoded(number << 3 | FIXED64) + struct.pack("<d", value)


def _encoded(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:  # noqa: PLR2004  (seven bits to a byte)
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
