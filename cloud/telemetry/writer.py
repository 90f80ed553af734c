"""Readings into the database: sorted binary COPY built by numpy, then rollups and the latest value of each channel.

The ledger has already decided which messages are new, so the COPY expects no conflict. When there is one after all
(a lost ledger, two streams that carry the same reading) the batch is redone through a stage that skips known keys.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.errors import UniqueViolation

from cloud.db.bulk import FLOAT8, INT2, INT4, TIMESTAMPTZ, PgArray, copy_stream
from cloud.db.rollups import FreshReadings
from cloud.db.timeseries import EPOCH, READING, ROLLUP_TABLES, Room
from cloud.devices.clocks import lock
from cloud.devices.directory import Directory
from cloud.devices.messages import Accepted, DeviceRef, Quarantine, Stored
from cloud.devices.rules import EARLIEST, FUTURE_TOLERANCE
from cloud.telemetry import clocks
from contracts.envelope import FreeClock
from contracts.errors import InvalidMessageError
from contracts.telemetry import Reading, ReadingBatch

log = structlog.get_logger()

_COPY = "COPY reading (channel_id, observed_at, value, quality) FROM STDIN (FORMAT binary)"
_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS reading_stage
    (channel_id int4, observed_at timestamptz, value float8, quality int2) ON COMMIT DELETE ROWS
"""
_COPY_TO_STAGE = "COPY reading_stage (channel_id, observed_at, value, quality) FROM STDIN (FORMAT binary)"
_FROM_STAGE = """
INSERT INTO reading (channel_id, observed_at, value, quality)
SELECT channel_id, observed_at, value, quality FROM reading_stage ORDER BY channel_id, observed_at
ON CONFLICT DO NOTHING
RETURNING channel_id, (extract(epoch FROM observed_at) * 1000000)::int8, value, quality
"""
_LATEST = """
INSERT INTO reading_latest AS latest (channel_id, observed_at, value, quality, received_at)
SELECT * FROM unnest(%s::int4[], %s::timestamptz[], %s::float8[], %s::int2[], %s::timestamptz[])
ON CONFLICT (channel_id) DO UPDATE SET observed_at = excluded.observed_at, value = excluded.value,
    quality = excluded.quality, received_at = excluded.received_at
WHERE latest.observed_at < excluded.observed_at
"""
_KEY = itemgetter("channel", "unit", "quantity", "ucum", "derived")
_OBSERVED_AT, _VALUE, _QUALITY = attrgetter("observed_at"), attrgetter("value"), attrgetter("quality")
_TYPES = (INT4, TIMESTAMPTZ, FLOAT8, INT2)
_DAY_US = 86_400_000_000
_TOLERANCE_US = FUTURE_TOLERANCE // timedelta(microseconds=1)
_EARLIEST_US = (EARLIEST - EPOCH) // timedelta(microseconds=1)


def write(
    database: Connection[Any], directory: Directory, room: Room, messages: Sequence[Accepted], now: datetime
) -> Stored:
    """Store the readings of new messages within the caller's transaction."""
    columns, quarantined = _extract(database, directory, messages)
    if any(message.envelope.free_clock is not None for message in messages):
        columns = _settled(database, messages, columns, now)
    wrong_clock = columns.implausible()
    if wrong_clock.any():
        quarantined += _wrong_clock(columns.message[wrong_clock])
        columns = columns.where(~wrong_clock)
    return Stored(_put(database, room, columns, now), quarantined)


def restamp(database: Connection[Any], room: Room, device: DeviceRef, clock: FreeClock, now: datetime) -> None:
    """Move the readings that waited for this offset to where they belong."""
    held = clocks.release(database, device.id, clock.timeline)
    if held is None:
        return
    shown = held.observed_us >= _EARLIEST_US
    room.engine.taken_out(database, held.channel[shown], held.observed_us[shown])
    columns = _Columns(
        held.channel,
        held.observed_us + (clock.offset_us or 0),
        held.value,
        held.quality,
        held.received_us,
        np.zeros(len(held.channel), dtype=np.int64),
    )
    false = columns.implausible()
    if false.any():  # an offset that cannot be right; they are kept, but nowhere seen
        some = columns.where(false)
        left = clocks.Held(some.channel, some.observed_us, some.value, some.quality, some.received_us)
        clocks.hold(database, device.id, clock.timeline, left, shown=False, now=now)
        columns = columns.where(~false)
    rows = _put(database, room, columns, now)
    clocks.renew_latest(database, np.unique(held.channel), now)
    log.info("readings.restamped", device=device.id, timeline=clock.timeline, offset_us=clock.offset_us, rows=rows)


def _settled(database: Connection[Any], messages: Sequence[Accepted], columns: _Columns, now: datetime) -> _Columns:
    """Stamps of free-running clocks made final where the offset is known; else what cannot be true waits for it.

    What can be true is stored as it came, so that people see it, and remembered, so that it can be moved.
    """
    timelines: dict[tuple[int, str], list[int]] = defaultdict(list)
    for position, message in enumerate(messages):
        clock = message.envelope.free_clock
        if clock is not None:
            timelines[message.device.id, clock.timeline].append(position)
    known = lock(database, timelines)
    waits = np.zeros(len(columns.channel), dtype=np.bool_)
    for (device_id, timeline), positions in sorted(timelines.items()):
        ours = np.isin(columns.message, positions)
        offset_us = known[device_id, timeline]
        if offset_us is not None:
            columns.observed_us[ours] += offset_us
            continue
        hidden = columns.implausible() & ours
        waits |= hidden
        for mask, shown in ((hidden, False), (ours & ~hidden, True)):
            if mask.any():
                some = columns.where(mask)
                held = clocks.Held(some.channel, some.observed_us, some.value, some.quality, some.received_us)
                clocks.hold(database, device_id, timeline, held, shown=shown, now=now)
    return columns.where(~waits)


def _put(database: Connection[Any], room: Room, columns: _Columns, now: datetime) -> int:
    """Store readings whose stamps are final; returns how many are new."""
    columns = columns.in_key_order()
    if not len(columns.channel):
        return 0
    days = [EPOCH + timedelta(days=int(day)) for day in np.unique(columns.observed_us // _DAY_US)]
    for table in (READING, *ROLLUP_TABLES):
        room.check(table, days, now)
    fresh = _copy(database, columns)
    if len(fresh.channel):
        room.engine.roll_up(database, fresh)
    _keep_latest(database, columns)
    return len(fresh.channel)


class _Columns:
    """Readings as columns; ``message`` is the position of the message that each came in."""

    __slots__ = ("channel", "message", "observed_us", "quality", "received_us", "value")

    def __init__(
        self,
        channel: NDArray[np.int32],
        observed_us: NDArray[np.int64],
        value: NDArray[np.float64],
        quality: NDArray[np.int16],
        received_us: NDArray[np.int64],
        message: NDArray[np.int64],
    ) -> None:
        self.channel = channel
        self.observed_us = observed_us
        self.value = value
        self.quality = quality
        self.received_us = received_us
        self.message = message

    def where(self, chosen: NDArray[Any]) -> _Columns:
        """The rows of a mask or of positions."""
        return _Columns(*(getattr(self, name)[chosen] for name in _NAMES))

    def implausible(self) -> NDArray[np.bool_]:
        """Which stamps can only come from a wrong clock (``cloud.devices.rules.is_plausible``, for many)."""
        return (self.observed_us > self.received_us + _TOLERANCE_US) | (self.observed_us < _EARLIEST_US)

    def in_key_order(self) -> _Columns:
        """Sorted by channel and time: the index is then filled from left to right. Of equal keys the first stays."""
        order = np.lexsort((self.observed_us, self.channel))
        ordered = self.where(order)
        repeated = (np.diff(ordered.channel) == 0) & (np.diff(ordered.observed_us) == 0)
        return ordered.where(np.concatenate(([True], ~repeated))) if repeated.any() else ordered

    def readings(self) -> FreshReadings:
        """The columns of the table."""
        return FreshReadings(self.channel, self.observed_us, self.value, self.quality)


_NAMES = ("channel", "observed_us", "value", "quality", "received_us", "message")


def _extract(
    database: Connection[Any], directory: Directory, messages: Sequence[Accepted]
) -> tuple[_Columns, list[Quarantine]]:
    """Take the readings apart. The inner loops run in C because this is where the time goes."""
    channels: list[int] = []
    stamps: list[float] = []
    values: list[float] = []
    flags: list[int] = []
    sizes: list[int] = []
    received: list[float] = []
    quarantined: list[Quarantine] = []
    for position, message in enumerate(messages):
        body = message.envelope.body
        assert isinstance(body, ReadingBatch)  # noqa: S101  (the ingest sorts by kind)
        readings: Sequence[Reading] = body.readings
        known = directory.channels_of(message.device)
        try:
            # vars(): one look-up of the fields for all, instead of one per attribute.
            ids = [known[key] for key in map(_KEY, map(vars, readings))]
        except KeyError:
            ids, readings, refused = _registered(database, directory, message, readings)
            if refused is not None:
                quarantined.append(Quarantine(position, refused.reason, refused.detail))
        channels += ids
        stamps += map(datetime.timestamp, map(_OBSERVED_AT, readings))
        values += map(_VALUE, readings)
        flags += map(_QUALITY, readings)
        sizes.append(len(ids))
        received.append(message.received_at.timestamp())
    message_of = np.repeat(np.arange(len(messages)), sizes)
    columns = _Columns(
        np.array(channels, dtype=np.int32),
        _microseconds(stamps),
        np.array(values, dtype=np.float64),
        np.fromiter(flags, dtype=np.int16, count=len(flags)),  # enum members: half the time of np.array
        _microseconds(received)[message_of],
        message_of,
    )
    return columns, quarantined


def _registered(
    database: Connection[Any], directory: Directory, message: Accepted, readings: Sequence[Reading]
) -> tuple[list[int], list[Reading], InvalidMessageError | None]:
    """The same with channels that are not known yet; readings that contradict their channel are left out."""
    ids: list[int] = []
    kept: list[Reading] = []
    refused: InvalidMessageError | None = None
    for reading in readings:
        key = (reading.channel, reading.unit, reading.quantity, reading.ucum, reading.derived)
        try:
            ids.append(directory.channel(database, message.device, key))
        except InvalidMessageError as error:
            refused = refused or error
        else:
            kept.append(reading)
    return ids, kept, refused


def _microseconds(seconds: list[float]) -> NDArray[np.int64]:
    """Since 1970. A double holds today's seconds to a quarter of a microsecond, so rounding is exact."""
    return np.rint(np.array(seconds, dtype=np.float64) * 1e6).astype(np.int64)


def _wrong_clock(messages: NDArray[np.int64]) -> list[Quarantine]:
    return [
        Quarantine(
            message,
            "implausible_time",
            f"{count} readings with a stamp before 2020 or more than {FUTURE_TOLERANCE} ahead of their receipt",
        )
        for message, count in sorted(Counter(messages.tolist()).items())
    ]


def _copy(database: Connection[Any], columns: _Columns) -> FreshReadings:
    """COPY the rows, or stage them when some are there already; returns those that are new."""
    readings = columns.readings()
    stream = copy_stream(list(zip(readings, _TYPES, strict=True)))
    try:
        with database.transaction():
            _copy_in(database, _COPY, stream)
    except UniqueViolation:
        database.execute(_STAGE)
        database.execute("DELETE FROM reading_stage")
        _copy_in(database, _COPY_TO_STAGE, stream)
        return _in_key_order(database.execute(_FROM_STAGE).fetchall())
    return readings


def _in_key_order(rows: Sequence[tuple[int, int, float, int]]) -> FreshReadings:
    """Rows of the table as columns; the order of RETURNING is nobody's promise."""
    channel, observed_us, value, quality = zip(*sorted(rows), strict=True) if rows else ((), (), (), ())
    return FreshReadings(
        np.array(channel, dtype=np.int32),
        np.array(observed_us, dtype=np.int64),
        np.array(value, dtype=np.float64),
        np.array(quality, dtype=np.int16),
    )


def _copy_in(database: Connection[Any], statement: str, stream: bytes) -> None:
    with database.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(stream)


def _keep_latest(database: Connection[Any], columns: _Columns) -> None:
    """Offer the newest reading of each channel in the batch; the table keeps the newer one."""
    newest = columns.where(np.flatnonzero(np.append(np.diff(columns.channel) != 0, True)))
    database.execute(
        _LATEST,
        (
            PgArray(newest.channel, INT4),
            PgArray(newest.observed_us, TIMESTAMPTZ),
            PgArray(newest.value, FLOAT8),
            PgArray(newest.quality, INT2),
            PgArray(newest.received_us, TIMESTAMPTZ),
        ),
    )
