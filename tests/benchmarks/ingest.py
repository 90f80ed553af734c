"""Decoded batches to commit (ledger, sorted COPY under the key, rollups, latest), against raw binary COPY of the same rows.

The floor is the fastest way PostgreSQL takes rows from one connection: buffers that were built beforehand, into a table
without any key. Both run on the same server in turn. Redelivery and the way from JSON bytes are reported beside it.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from cloud.consumers import Ingest, IngestResult, StreamRecord
from cloud.consumers.ahead import SWITCH_INTERVAL_S, Ahead
from cloud.db import migrate
from cloud.db.bulk import FLOAT8, INT2, INT4, TIMESTAMPTZ, copy_stream
from contracts.envelope import decode
from contracts.topics import Kind
from tests.benchmarks.harness import paired_rates, result, timed
from tests.cloud.postgres import Postgres

DEVICES = 5
CHANNELS = 100
MESSAGES = 20
"""Per device and batch. A message carries one reading of each channel of its device, so a batch has 10,000 rows."""
ROWS = DEVICES * CHANNELS * MESSAGES
BAR = 0.25
START = datetime(2026, 11, 20, tzinfo=timezone.utc)

_RAW = "CREATE TABLE raw (channel_id int4, observed_at timestamptz, value float8, quality int2)"


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    return measure("ingest", quick=quick, bar=BAR)


def measure(name: str, *, quick: bool, bar: float) -> dict[str, Any]:
    """The writer as it is at the time of the call, against the floor."""
    rounds, batches = (2, 2) if quick else (9, 6)
    server = Postgres(durable=True)
    server.start()
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as the programs do that run the ingest
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _measure(server.url(), Path(folder), name, rounds=rounds, batches=batches, bar=bar)
    finally:
        sys.setswitchinterval(interval_s)
        server.stop()


def _measure(url: str, folder: Path, name: str, *, rounds: int, batches: int, bar: float) -> dict[str, Any]:
    migrate.upgrade(url)
    wire = [_wire(number) for number in range((rounds + 1) * batches)]
    decoded = [[_decoded(record) for record in batch] for batch in wire]
    buffers = [_buffer(number) for number in range(len(wire))]
    ingest = Ingest(url, storage_dir=folder)
    ahead = Ahead(ingest)
    raw = psycopg.connect(url)
    raw.execute(_RAW)
    raw.commit()
    ours_next, floor_next = iter(decoded), iter(buffers)
    gc.collect()
    gc.freeze()  # what was prepared lives on and must not be searched for garbage while others are timed

    def ours() -> float:
        rows = _written(ahead, [next(ours_next) for _ in range(batches)])
        assert rows == batches * ROWS
        return rows

    def floor() -> float:
        for _ in range(batches):
            with raw.cursor() as cursor, cursor.copy("COPY raw FROM STDIN (FORMAT binary)") as copy:
                copy.write(next(floor_next))
            raw.commit()
        return batches * ROWS

    pairs = paired_rates(ours, floor, rounds=rounds)
    redelivered = timed(lambda: len(decoded) * ROWS if _written(ahead, decoded) == 0 else 0)
    unread = [_wire(number) for number in range(len(wire), len(wire) + batches)]
    from_wire = timed(lambda: _written(ahead, unread))
    gc.unfreeze()
    ahead.close()
    ingest.close()
    raw.close()
    new_rate = sorted(pair.ours for pair in pairs)[len(pairs) // 2]
    floor_rate = sorted(pair.floor for pair in pairs)[len(pairs) // 2]
    return result(
        name,
        pairs,
        unit="rows/s",
        bar=bar,
        details={
            "rows_per_transaction": ROWS,
            "readings_per_message": CHANNELS,
            "channels": DEVICES * CHANNELS,
            "redelivered_rows_per_s": round(redelivered.rate),
            "redelivered_times_new": round(redelivered.rate / new_rate, 1),
            "wire_to_commit_rows_per_s": round(from_wire.rate),
            "wire_to_commit_ratio": round(from_wire.rate / floor_rate, 3),
            "wire_to_commit_cpu_us": round(from_wire.cpu_us, 2),
            "server": "PostgreSQL on one disk with fsync and synchronous_commit on",
        },
    )


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


def _stamp(number: int, message: int) -> datetime:
    return START + timedelta(seconds=number * MESSAGES + message)


def _wire(number: int) -> list[StreamRecord]:
    """One batch as bytes, as the bridge would hand it over: the devices' messages interleaved."""
    return [_record(number, message, device) for message in range(MESSAGES) for device in range(DEVICES)]


def _record(number: int, message: int, device: int) -> StreamRecord:
    at = _stamp(number, message)
    stamp = at.isoformat()
    readings = ",".join(
        f'{{"channel":"tank-{channel}.do","unit":"tank-{channel}","quantity":"do","value":{8 + channel / 100},'
        f'"ucum":"mg/L","observed_at":"{stamp}","quality":1}}'
        for channel in range(CHANNELS)
    )
    seq = number * MESSAGES + message + 1
    value = (
        f'{{"v":1,"site":"bench","device":"box-{device}","boot":"boot-0001","stream":"outbox-01","seq":{seq},'
        f'"sent_at":"{stamp}","body":{{"type":"readings","readings":[{readings}]}}}}'
    ).encode()
    return StreamRecord(value, Kind.READINGS, at, f"shoal/1/bench/box-{device}/readings")


def _decoded(record: StreamRecord) -> StreamRecord:
    message = decode(record.value, Kind.READINGS)
    return StreamRecord(record.value, record.kind, record.received_at, record.origin, message)


def _buffer(number: int) -> bytes:
    """The same rows as a COPY stream, in the order of arrival."""
    seconds = (START - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1) + number * MESSAGES
    stamps = np.repeat(np.arange(seconds, seconds + MESSAGES, dtype=np.int64) * 1_000_000, DEVICES * CHANNELS)
    channels = np.tile(np.arange(DEVICES * CHANNELS, dtype=np.int32), MESSAGES)
    values = 8 + (channels % CHANNELS) / 100
    return copy_stream(
        [(channels, INT4), (stamps, TIMESTAMPTZ), (values, FLOAT8), (np.ones(ROWS, dtype=np.int16), INT2)]
    )
