"""Sparkplug B payloads to metrics and back. Pure.

Source: Eclipse Sparkplug Specification 3.0.0, section 6 (payloads), and its sparkplug_b.proto. Signed integers travel as
unsigned ones, so a number is only known together with its datatype, which a DATA message leaves to the birth: the codec keeps
what was on the wire (``raw``), and ``interpret`` makes the value when the datatype is known.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from edge.sensors.drivers.sparkplug.wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    DecodeError,
    bytes_field,
    double_field,
    fields,
    float_field,
    varint_field,
)
from edge.sensors.numbers import shortest_float32

MAX_METRICS = 50_000
"""Metrics in one message; more are refused."""


class DataType(IntEnum):
    """Datatypes of metrics, with the specification's numbers."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTY_SET = 20
    PROPERTY_SET_LIST = 21
    INT8_ARRAY = 22
    INT16_ARRAY = 23
    INT32_ARRAY = 24
    INT64_ARRAY = 25
    UINT8_ARRAY = 26
    UINT16_ARRAY = 27
    UINT32_ARRAY = 28
    UINT64_ARRAY = 29
    FLOAT_ARRAY = 30
    DOUBLE_ARRAY = 31
    BOOLEAN_ARRAY = 32
    STRING_ARRAY = 33
    DATETIME_ARRAY = 34


_BITS = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_INTS = frozenset({1, 2, 3, 5, 6, 7})
"""Datatypes that travel in ``int_value``; the larger ones travel in ``long_value``."""
_OPAQUE = frozenset({7, 8, 9})
"""Members of the oneof that are messages: data set, template, extension."""


@dataclass(frozen=True)
class Opaque:
    """A data set, template or extension: kept as it came, it is no measurement."""

    number: int
    """Field that it was in."""
    data: bytes


Raw: TypeAlias = int | float | bool | str | bytes | Opaque
"""A value as it is on the wire."""


@dataclass(frozen=True)
class Metric:
    """One metric of a payload."""

    name: str | None = None
    """Name; births give it, later messages may leave it out and give the alias."""
    alias: int | None = None
    timestamp_ms: int | None = None
    """When it was measured, in ms since 1970."""
    datatype: int | None = None
    historical: bool = False
    transient: bool = False
    is_null: bool = False
    raw: Raw | None = None
    properties: dict[str, Raw | None] = field(default_factory=dict)
    """Properties with plain values (``engUnit``, ``Quality``)."""


@dataclass(frozen=True)
class Payload:
    """One message."""

    timestamp_ms: int | None = None
    metrics: tuple[Metric, ...] = ()
    seq: int | None = None
    uuid: str | None = None
    body: bytes | None = None


def interpret(raw: Raw, datatype: int) -> Raw:
    """The value of what is on the wire, now that its datatype is known."""
    if isinstance(raw, bool) or not isinstance(raw, int):
        return raw
    if datatype in _BITS:
        bits = _BITS[DataType(datatype)]
        raw &= (1 << bits) - 1
        return raw - (1 << bits) if raw >> (bits - 1) else raw
    return bool(raw) if datatype == DataType.BOOLEAN else raw


def wire_form(value: Raw, datatype: int) -> Raw:
    """The opposite of ``interpret``."""
    if isinstance(value, int) and not isinstance(value, bool) and value < 0:
        return value & ((1 << (64 if datatype == DataType.INT64 else 32)) - 1)
    return value


# -- reading -----------------------------------------------------------------------------------------------------


def decode(data: bytes) -> Payload:
    """A payload.

    Raises:
        DecodeError: it is none.
    """
    timestamp_ms = seq = None
    uuid: str | None = None
    body: bytes | None = None
    metrics: list[Metric] = []
    for number, kind, value in fields(data):
        if (number, kind) == (1, VARINT):
            timestamp_ms = _int(value)
        elif (number, kind) == (2, BYTES):
            if len(metrics) >= MAX_METRICS:
                raise DecodeError(f"more than {MAX_METRICS} metrics")
            metrics.append(_metric(_bytes(value)))
        elif (number, kind) == (3, VARINT):
            seq = _int(value)
        elif (number, kind) == (4, BYTES):
            uuid = _text(value)
        elif (number, kind) == (5, BYTES):
            body = _bytes(value)
    return Payload(timestamp_ms, tuple(metrics), seq, uuid, body)


def _metric(data: bytes) -> Metric:
    name: str | None = None
    alias = timestamp_ms = datatype = None
    flags = {5: False, 6: False, 7: False}
    raw: Raw | None = None
    properties: dict[str, Raw | None] = {}
    for number, kind, value in fields(data):
        if (number, kind) == (1, BYTES):
            name = _text(value)
        elif (number, kind) == (2, VARINT):
            alias = _int(value)
        elif (number, kind) == (3, VARINT):
            timestamp_ms = _int(value)
        elif (number, kind) == (4, VARINT):
            datatype = _int(value)
        elif number in flags and kind == VARINT:
            flags[number] = bool(value)
        elif (number, kind) == (9, BYTES):
            properties = _properties(_bytes(value))
        elif number >= 10:  # noqa: PLR2004  (the first field of the oneof)
            raw = _value(number - 10, kind, value, raw, opaque_as=number)
    return Metric(name, alias, timestamp_ms, datatype, flags[5], flags[6], flags[7], raw, properties)


def _value(member: int, kind: int, value: int | bytes, before: Raw | None, *, opaque_as: int) -> Raw | None:
    """A member of the value's oneof, which metrics and properties have in the same order; an unknown one changes nothing."""
    read = _MEMBERS.get((member, kind))
    if read is not None:
        return read(value)
    return Opaque(opaque_as, _bytes(value)) if kind == BYTES and member in _OPAQUE else before


def _properties(data: bytes) -> dict[str, Raw | None]:
    keys: list[str] = []
    values: list[Raw | None] = []
    for number, kind, value in fields(data):
        if (number, kind) == (1, BYTES):
            keys.append(_text(value))
        elif (number, kind) == (2, BYTES):
            values.append(_property(_bytes(value)))
    return dict(zip(keys, values, strict=False))


def _property(data: bytes) -> Raw | None:
    kind_of, is_null = 0, False
    raw: Raw | None = None
    for number, kind, value in fields(data):
        if (number, kind) == (1, VARINT):
            kind_of = _int(value)
        elif (number, kind) == (2, VARINT):
            is_null = bool(value)
        elif 3 <= number <= 8:  # noqa: PLR2004  (plain members; sets of properties are left out)
            raw = _value(number - 3, kind, value, raw, opaque_as=number)
    return None if is_null or raw is None else interpret(raw, kind_of)


def _int(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: int | bytes) -> str:
    try:
        return _bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("a text is not UTF-8") from None


_MEMBERS: dict[tuple[int, int], Callable[[int | bytes], Raw]] = {
    (0, VARINT): _int,
    (1, VARINT): _int,
    (2, FIXED32): lambda value: shortest_float32(struct.unpack("<f", _bytes(value))[0]),
    (3, FIXED64): lambda value: float(struct.unpack("<d", _bytes(value))[0]),
    (4, VARINT): bool,
    (5, BYTES): _text,
    (6, BYTES): _bytes,
}


# -- writing -----------------------------------------------------------------------------------------------------


def encode(payload: Payload) -> bytes:
    """The bytes of a payload."""
    parts = [] if payload.timestamp_ms is None else [varint_field(1, payload.timestamp_ms)]
    parts += [bytes_field(2, _encode_metric(metric)) for metric in payload.metrics]
    if payload.seq is not None:
        parts.append(varint_field(3, payload.seq))
    if payload.uuid is not None:
        parts.append(bytes_field(4, payload.uuid.encode()))
    if payload.body is not None:
        parts.append(bytes_field(5, payload.body))
    return b"".join(parts)


def _encode_metric(metric: Metric) -> bytes:
    parts = [] if metric.name is None else [bytes_field(1, metric.name.encode())]
    numbers = ((2, metric.alias), (3, metric.timestamp_ms), (4, metric.datatype))
    parts += [varint_field(number, value) for number, value in numbers if value is not None]
    flags = ((5, metric.historical), (6, metric.transient), (7, metric.is_null))
    parts += [varint_field(number, 1) for number, flag in flags if flag]
    if metric.properties:
        keys = b"".join(bytes_field(1, key.encode()) for key in metric.properties)
        values = b"".join(bytes_field(2, _encode_property(value)) for value in metric.properties.values())
        parts.append(bytes_field(9, keys + values))
    if metric.raw is not None:
        parts.append(_encode_value(metric.raw, metric.datatype, first=10))
    return b"".join(parts)


def _encode_property(value: Raw | None) -> bytes:
    datatype = _plain_type(value)
    if value is None:
        return varint_field(1, datatype) + varint_field(2, 1)
    return varint_field(1, datatype) + _encode_value(wire_form(value, datatype), datatype, first=3)


def _plain_type(value: Raw | None) -> DataType:
    if isinstance(value, bool):
        return DataType.BOOLEAN
    if isinstance(value, int):
        return DataType.INT32 if -(1 << 31) <= value < 1 << 31 else DataType.INT64
    return DataType.DOUBLE if isinstance(value, float) else DataType.STRING


def _encode_value(raw: Raw, datatype: int | None, *, first: int) -> bytes:
    """The member of the oneof that the datatype belongs in; without a datatype, the one that holds the value."""
    if isinstance(raw, Opaque):
        return bytes_field(raw.number, raw.data)
    if isinstance(raw, bool):
        return varint_field(first + 4, int(raw))
    if isinstance(raw, int):
        short = datatype in _INTS if datatype is not None else raw < 1 << 32
        return varint_field(first if short else first + 1, raw)
    if isinstance(raw, float):
        return float_field(first + 2, raw) if datatype == DataType.FLOAT else double_field(first + 3, raw)
    if isinstance(raw, str):
        return bytes_field(first + 5, raw.encode())
    return bytes_field(first + 6, raw)
