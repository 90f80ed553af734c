"""PostgreSQL's binary formats built by numpy: whole COPY streams and array parameters without a Python loop.

The formats are in the manual under COPY ("Binary Format") and in ``array_send``. Numbers only: integers, doubles,
and timestamps as microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
_YEAR_2000_US = 946_684_800_000_000

INT2, INT4, FLOAT8, TIMESTAMPTZ = 21, 23, 701, 1184
_ARRAY_OF = {INT2: 1005, INT4: 1007, FLOAT8: 1022, TIMESTAMPTZ: 1185}
_WIRE = {INT2: ">i2", INT4: ">i4", FLOAT8: ">f8", TIMESTAMPTZ: ">i8"}


class PgArray:
    """One array parameter, sent in binary; ``element`` is the OID of its elements.

    Register it once per connection with ``register``.
    """

    __slots__ = ("data",)

    def __init__(self, values: NDArray[Any], element: int) -> None:
        wire = _wire_values(values, element)
        cells = np.empty(len(wire), dtype=[("length", ">i4"), ("value", _WIRE[element])])
        cells["length"] = wire.dtype.itemsize
        cells["value"] = wire
        head = np.array([1, 0, element, len(wire), 1], dtype=">i4")  # dimensions, no nulls, type, size, lower bound
        self.data = head.tobytes() + cells.tobytes()


def register(connection: Connection[Any]) -> None:
    """Let the connection send ``PgArray`` parameters."""
    connection.adapters.register_dumper(PgArray, _PgArrayDumper)


class _PgArrayDumper(Dumper):
    """Hands over the bytes; the statement's cast names the type."""

    format = Format.BINARY

    def dump(self, obj: PgArray) -> Buffer | None:
        return obj.data


def copy_stream(columns: Sequence[tuple[NDArray[Any], int]]) -> bytes:
    """A whole ``COPY .. FROM STDIN (FORMAT binary)`` stream of columns of equal length, each with its type's OID."""
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for index, (_, oid) in enumerate(columns):
        layout += [(f"length{index}", ">i4"), (f"value{index}", _WIRE[oid])]
    rows = np.empty(len(columns[0][0]), dtype=layout)
    rows["fields"] = len(columns)
    for index, (values, oid) in enumerate(columns):
        wire = _wire_values(values, oid)
        rows[f"length{index}"] = wire.dtype.itemsize
        rows[f"value{index}"] = wire
    return b"".join((_COPY_HEADER, rows.tobytes(), _COPY_TRAILER))


def _wire_values(values: NDArray[Any], oid: int) -> NDArray[Any]:
    shifted = values - _YEAR_2000_US if oid == TIMESTAMPTZ else values
    return shifted.astype(_WIRE[oid], copy=False)
