"""Decoded batches to commit (ledger, sorted COPY under the key, rollups, latest), against raw binary COPY of the same rows.

The floor is the fastest way PostgreSQL takes rows from one connection: buffers that were built beforehand, into a table
without any key, in transactions of the same size. Both run on the same server in turn. Redelivery, smaller transactions and
the way from JSON bytes are reported beside it. `ingest_bare` and `ingest_wide` measure parts of the same.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.sql import SQL, Identifier

from cloud.consumers import Ingest, IngestResult, StreamRecord
from cloud.consumers.ahead import SWITCH_INTERVAL_S, Ahead
from cloud.db import migrate
from cloud.db.bulk import FLOAT8, INT2, INT4, TIMESTAMPTZ, copy_stream
from contracts.envelope import decode
from contracts.topics import Kind
from tests.benchmarks.harness import Pair, Timing, result, timed
from tests.cloud.postgres import Postgres

BAR = 0.25
BATCHES = 4
"""Per measured call, so that preparing ahead has something to be ahead of."""
START = datetime(2026, 11, 20, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Shape:
    """What a batch is made of: from each device in turn a message with one reading of each of its channels.

    Attributes:
        devices: that send.
        channels: of each.
        messages: of each device in a batch, one per second.
    """

    devices: int = 5
    channels: int = 100
    messages: int = 100

    @property
    def rows(self) -> int:
        """Readings in a batch."""
        return self.devices * self.channels * self.messages


FULL = Shape()
"""50,000 readings: what the consumers and the box put into one transaction when they are behind."""
SMALL = Shape(messages=20)

_RAW = "CREATE TABLE raw (channel_id int4, observed_at timestamptz, value float8, quality int2)"
_KEYED = "CREATE TABLE keyed (LIKE raw, PRIMARY KEY (channel_id, observed_at))"


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    return measure("ingest", quick=quick, bar=BAR)


def measure(name: str, *, quick: bool, bar: float, shape: Shape = FULL, tables: str = "") -> dict[str, Any]:
    """The writer as it is at the time of the call, against the floor.

    Args:
        name: of the benchmark.
        quick: one round of small batches.
        bar: to be reported.
        shape: of the batches.
        tables: SQL that makes what the writer needs beyond the schema.
    """
    server = Postgres(durable=True)
    server.start()
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as the programs do that run the ingest
    try:
        with tempfile.TemporaryDirectory() as folder:
            migrate.upgrade(server.url())
            with psycopg.connect(server.url()) as raw:
                raw.execute(_RAW)
                raw.execute(_KEYED)
                raw.execute(tables)
                raw.commit()
                bench = _Bench(server.url(), Path(folder), raw)
                rounds = 1 if quick else 9
                chosen = replace(shape, messages=SMALL.messages) if quick else shape
                outcome = _measured(bench, name, chosen, rounds=rounds, bar=bar)
                bench.close()
                return outcome
    finally:
        sys.setswitchinterval(interval_s)
        server.stop()


def _measured(bench: _Bench, name: str, shape: Shape, *, rounds: int, bar: float) -> dict[str, Any]:
    pairs = bench.rounds(shape, rounds)
    small = bench.rounds(SMALL, rounds) if shape is FULL else []
    wires = [bench.wire(shape) for _ in range(min(rounds, 3))]
    new_rate = statistics.median(pair.ours for pair in pairs)
    floor_rate = statistics.median(pair.floor for pair in pairs)
    wire_rate = statistics.median(wire.rate for wire in wires)
    redelivered = bench.redelivered(shape)
    return result(
        name,
        pairs,
        unit="rows/s",
        bar=bar,
        details={
            "rows_per_transaction": shape.rows,
            "readings_per_message": shape.channels,
            "channels": shape.devices * shape.channels,
            "keyed_copy_ratio": round(_ratio(bench.keyed(shape, rounds)), 3),
            **({"ratio_in_10000_rows": round(_ratio(small), 3)} if small else {}),
            "redelivered_rows_per_s": round(redelivered.rate),
            "redelivered_times_new": round(redelivered.rate / new_rate, 1),
            "wire_to_commit_rows_per_s": round(wire_rate),
            "wire_to_commit_ratio": round(wire_rate / floor_rate, 3),
            "wire_to_commit_cpu_us": round(statistics.median(wire.cpu_us for wire in wires), 2),
            "server": "PostgreSQL on one disk with fsync and synchronous_commit on",
        },
    )


def _ratio(pairs: Sequence[Pair]) -> float:
    return statistics.median(pair.ours / pair.floor for pair in pairs)


class _Bench:
    """The writer and the floor on one server. What they are given is made just before, and untimed."""

    def __init__(self, url: str, folder: Path, raw: psycopg.Connection[Any]) -> None:
        self._ingest = Ingest(url, storage_dir=folder)
        self._ahead = Ahead(self._ingest)
        self._raw = raw
        self._next = 0
        self._last: list[list[StreamRecord]] = []

    def close(self) -> None:
        self._ahead.close()
        self._ingest.close()

    def rounds(self, shape: Shape, rounds: int) -> list[Pair]:
        """Ours and the floor in turn, after one unmeasured round."""
        pairs = []
        for _ in range(rounds + 1):
            firsts = self._firsts(shape)
            self._last = [[_decoded(record) for record in _wire(shape, first)] for first in firsts]
            buffers = [_buffer(shape, first) for first in firsts]
            ours = self._ours(shape)
            floor = timed(lambda buffers=buffers: self._floor(shape, buffers))  # type: ignore[misc]
            details = {"ours_cpu_us": round(ours.cpu_us, 2), "floor_cpu_us": round(floor.cpu_us, 2)}
            pairs.append(Pair(ours=ours.rate, floor=floor.rate, details=details))
        return pairs[1:]

    def keyed(self, shape: Shape, rounds: int) -> list[Pair]:
        """The floor with the store's key, sorted by it, in the place of ours: what the index alone costs."""
        pairs = []
        for _ in range(rounds + 1):
            firsts = self._firsts(shape)
            ordered = [_buffer(shape, first, ordered=True) for first in firsts]
            buffers = [_buffer(shape, first) for first in firsts]
            keyed = timed(lambda ordered=ordered: self._floor(shape, ordered, table="keyed"))  # type: ignore[misc]
            floor = timed(lambda buffers=buffers: self._floor(shape, buffers))  # type: ignore[misc]
            pairs.append(Pair(ours=keyed.rate, floor=floor.rate, details={}))
        return pairs[1:]

    def wire(self, shape: Shape) -> Timing:
        """From bytes."""
        batches = [_wire(shape, first) for first in self._firsts(shape)]
        return self._timed(lambda: _written(self._ahead, batches), rows=BATCHES * shape.rows)

    def redelivered(self, shape: Shape) -> Timing:
        """What the last round stored comes once more."""
        batches = self._last = [[_decoded(one) for one in _wire(shape, first)] for first in self._firsts(shape)]
        assert _written(self._ahead, batches) == BATCHES * shape.rows

        def again() -> float:
            assert _written(self._ahead, batches) == 0
            return BATCHES * shape.rows

        return self._timed(again, rows=BATCHES * shape.rows)

    def _firsts(self, shape: Shape) -> list[int]:
        """First second of each batch of a round; every second is used once."""
        firsts = [self._next + number * shape.messages for number in range(BATCHES)]
        self._next += BATCHES * shape.messages
        return firsts

    def _ours(self, shape: Shape) -> Timing:
        return self._timed(lambda: _written(self._ahead, self._last), rows=BATCHES * shape.rows)

    def _timed(self, work: Any, *, rows: int) -> Timing:
        gc.collect()
        gc.freeze()  # what was prepared must not be searched for garbage while it is timed
        timing = timed(work)
        gc.unfreeze()
        assert timing.units == rows
        return timing

    def _floor(self, shape: Shape, buffers: Sequence[bytes], *, table: str = "raw") -> float:
        statement = SQL("COPY {} FROM STDIN (FORMAT binary)").format(Identifier(table))
        for buffer in buffers:
            with self._raw.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(buffer)
            self._raw.commit()
        return len(buffers) * shape.rows


def _written(ahead: Ahead, batches: Sequence[Sequence[StreamRecord]]) -> int:
    """Store batches, each prepared while the one before is being stored; returns the new rows after the last commit."""
    rows = 0

    def count(outcome: IngestResult | BaseException) -> None:
        nonlocal rows
        if isinstance(outcome, BaseException):
            raise outcome
        rows += outcome.rows

    for batch in batches:
        ahead.write(batch, count)
    ahead.wait()
    return rows


def _wire(shape: Shape, first: int) -> list[StreamRecord]:
    """One batch as bytes, as the bridge would hand it over: the devices' messages interleaved."""
    return list(_records(shape, first))


def _records(shape: Shape, first: int) -> Iterator[StreamRecord]:
    for second in range(first, first + shape.messages):
        at = START + timedelta(seconds=second)
        stamp = at.isoformat()
        readings = ",".join(
            f'{{"channel":"tank-{channel}.do","unit":"tank-{channel}","quantity":"do","value":{8 + channel / 100},'
            f'"ucum":"mg/L","observed_at":"{stamp}","quality":1}}'
            for channel in range(shape.channels)
        )
        for device in range(shape.devices):
            value = (
                f'{{"v":1,"site":"bench","device":"box-{device}","boot":"boot-0001","stream":"outbox-01",'
                f'"seq":{second + 1},"sent_at":"{stamp}","body":{{"type":"readings","readings":[{readings}]}}}}'
            ).encode()
            yield StreamRecord(value, Kind.READINGS, at, f"shoal/1/bench/box-{device}/readings")


def _decoded(record: StreamRecord) -> StreamRecord:
    message = decode(record.value, Kind.READINGS)
    return StreamRecord(record.value, record.kind, record.received_at, record.origin, message)


def _buffer(shape: Shape, first: int, *, ordered: bool = False) -> bytes:
    """The same rows as a COPY stream, in the order of arrival or of the key."""
    start = (START - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1) + first
    width = shape.devices * shape.channels
    stamps = np.repeat(np.arange(start, start + shape.messages, dtype=np.int64) * 1_000_000, width)
    channels = np.tile(np.arange(width, dtype=np.int32), shape.messages)
    if ordered:
        order = np.lexsort((stamps, channels))
        stamps, channels = stamps[order], channels[order]
    values = 8 + (channels % shape.channels) / 100
    flags = np.ones(shape.rows, dtype=np.int16)
    return copy_stream([(channels, INT4), (stamps, TIMESTAMPTZ), (values, FLOAT8), (flags, INT2)])
