"""Readings as files that are made while they are sent: page by page from the database, CSV or Parquet.

Each page is a query of its own, continued behind the last key, on a connection that goes back to the pool at once: a
download over a slow line holds neither a connection nor a snapshot, and memory is bounded by one page (CSV) or one row
group (Parquet), whatever the length.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from anyio import CapacityLimiter, to_thread

from cloud.errors import NotInstalledError
from cloud.kit.repository import Database, Row
from cloud.telemetry.repository import TelemetryRepository
from cloud.telemetry.rules import Resolution

if TYPE_CHECKING:
    import pyarrow as pa

PAGE_ROWS = 10_000
ROW_GROUP_ROWS = 50_000
"""Rows of one Parquet row group: large enough for its dictionaries to pay, small enough for the memory of an API."""
MAX_AT_ONCE = 2
"""Pages that are read and written at the same time in one process, so that exports leave charts their turn."""

_NAMES = ("site", "unit", "channel", "quantity", "ucum")
_MEASURED = ("value", "quality")
_ROLLED_UP = ("n", "good", "min", "max", "mean", "last")


class Format(str, Enum):
    """Of a file."""

    CSV = "csv"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """For the answer's header."""
        return "text/csv; charset=utf-8" if self is Format.CSV else "application/vnd.apache.parquet"


def columns(resolution: Resolution) -> tuple[str, ...]:
    """Names of a file's columns; the time is the reading's, or its bucket's start."""
    return ("time", *_NAMES, *(_MEASURED if resolution is Resolution.RAW else _ROLLED_UP))


class Encoder(Protocol):
    """Makes a file of pages."""

    def page(self, channel: Row, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """What can be sent after these rows of one channel; may be nothing yet."""

    def end(self) -> bytes:
        """The rest."""


def encoder(kind: Format, resolution: Resolution) -> Encoder:
    """A fresh encoder.

    Raises:
        NotInstalledError: Parquet was asked for and pyarrow is not there.
    """
    return CsvEncoder(resolution) if kind is Format.CSV else ParquetEncoder(resolution)


async def stream(
    database: Database,
    channels: Sequence[Row],
    resolution: Resolution,
    made_by: Encoder,
    *,
    start: datetime,
    end: datetime,
    limiter: CapacityLimiter,
) -> AsyncIterator[bytes]:
    """The file in pieces: one channel after the other, each by time."""
    for channel in channels:
        async for piece in pages(database, channel, resolution, made_by, start=start, end=end, limiter=limiter):
            yield piece
    yield await to_thread.run_sync(made_by.end)


async def pages(
    database: Database,
    channel: Row,
    resolution: Resolution,
    made_by: Encoder,
    *,
    start: datetime,
    end: datetime,
    limiter: CapacityLimiter,
    on_page: Callable[[datetime], None] = lambda _until: None,
) -> AsyncIterator[bytes]:
    """One channel of a file in pieces; ``on_page`` hears until when it has been read."""
    after = start
    while True:
        async with limiter:
            async with database.read() as reader:
                rows = await TelemetryRepository(reader).export_page(
                    channel["id"], resolution, start=after, end=end, rows=PAGE_ROWS
                )
            piece = await to_thread.run_sync(made_by.page, channel, rows)  # other requests go on meanwhile
        if rows:
            on_page(rows[-1][0])
        if piece:
            yield piece
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1][0] + timedelta(microseconds=1)


class CsvEncoder:
    """RFC 4180 with a header line; times in UTC with a Z."""

    def __init__(self, resolution: Resolution) -> None:
        self._head: tuple[str, ...] | None = columns(resolution)

    def page(self, channel: Row, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """The lines of these rows."""
        text = io.StringIO()
        lines = csv.writer(text)
        self._write_head(lines)
        names = tuple(channel[name] for name in _NAMES)
        lines.writerows((_stamp(time), *names, *values) for time, *values in rows)
        return text.getvalue().encode()

    def end(self) -> bytes:
        """Nothing, or the header of an empty file."""
        text = io.StringIO()
        self._write_head(csv.writer(text))
        return text.getvalue().encode()

    def _write_head(self, lines: Any) -> None:
        if self._head is not None:
            lines.writerow(self._head)
            self._head = None


class ParquetEncoder:
    """One row group per ``ROW_GROUP_ROWS`` rows, names as dictionaries, zstd.

    pyarrow is loaded by the first export that needs it: an API that never makes one does not carry its memory.
    """

    def __init__(self, resolution: Resolution) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError as error:
            raise NotInstalledError("Parquet needs pyarrow on the server; CSV works without it") from error
        self._arrow = pa
        numbers = {"value": pa.float64(), "quality": pa.int16(), "n": pa.int32(), "good": pa.int32()}
        words = pa.dictionary(pa.int32(), pa.string())
        types = {"time": pa.timestamp("us", tz="UTC"), **dict.fromkeys(_NAMES, words), **numbers}
        self._schema = pa.schema([(name, types.get(name, pa.float64())) for name in columns(resolution)])
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def page(self, channel: Row, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """A row group when there are rows enough for one."""
        if rows:
            self._waiting.append(self._batch(channel, rows))
            self._rows += len(rows)
        if self._rows >= ROW_GROUP_ROWS:
            self._write_group()
        return self._sink.take()

    def end(self) -> bytes:
        """The last row group and the footer."""
        if self._waiting:
            self._write_group()
        self._writer.close()
        return self._sink.take()

    def _batch(self, channel: Row, rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
        arrow = self._arrow
        time, *values = zip(*rows, strict=True)
        measured = iter(values)
        arrays = []
        for field in self._schema:
            if field.name == "time":
                arrays.append(arrow.array(time, field.type))
            elif field.name in _NAMES:
                index = arrow.repeat(arrow.scalar(0, arrow.int32()), len(rows))
                arrays.append(arrow.DictionaryArray.from_arrays(index, arrow.array([channel[field.name]])))
            else:
                arrays.append(arrow.array(next(measured), field.type))
        return arrow.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _write_group(self) -> None:
        table = self._arrow.Table.from_batches(self._waiting, self._schema).unify_dictionaries()
        self._writer.write_table(table, row_group_size=self._rows)
        self._waiting, self._rows = [], 0


class _Sink(io.RawIOBase):
    """A file that only grows, and whose bytes are taken away as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
