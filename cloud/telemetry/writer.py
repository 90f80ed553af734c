"""Readings into the database: sorted binary COPY built by numpy, then rollups and the latest value of each channel.

The ledger has already decided which messages are new, so the COPY expects no conflict. When there is one after all
(a lost ledger, two streams that carry the same reading) the batch is redone through a stage that skips known keys.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.errors import UniqueViolation

from cloud.db.rollups import FreshReadings
from cloud.db.timeseries import EPOCH, READING, ROLLUP_TABLES, Room
from cloud.devices.clocks import lock
from cloud.devices.directory import Directory
from cloud.devices.messages import DeviceRef, Quarantine, Stored
from cloud.devices.rules import EARLIEST, FUTURE_TOLERANCE
from cloud.telemetry import calibrations, clocks
from cloud.telemetry.columns import Columns, Definition, Extracted, Reason, Rows
from contracts.envelope import FreeClock
from contracts.errors import InvalidMessageError

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
INSERT INTO reading_latest AS latest (channel_id, observed_at, value, quality, received_at, test, also, calibration)
SELECT channel_id, observed_at, value, quality, received_at, test, also::jsonb, calibration
FROM unnest(%s::int4[], %s::timestamptz[], %s::float8[], %s::int2[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
    AS newest (channel_id, observed_at, value, quality, received_at, test, also, calibration)
ON CONFLICT (channel_id) DO UPDATE SET observed_at = excluded.observed_at, value = excluded.value,
    quality = excluded.quality, received_at = excluded.received_at, test = excluded.test, also = excluded.also,
    calibration = excluded.calibration
WHERE latest.observed_at < excluded.observed_at
"""
_EARLIEST_US = (EARLIEST - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message of readings that the ledger has not seen before.

    Attributes:
        position: of the message in the batch, as ``Columns.message`` has it.
    """

    position: int
    device: DeviceRef
    free_clock: FreeClock | None = None


def write(
    database: Connection[Any],
    directory: Directory,
    room: Room,
    extracted: Extracted,
    messages: Sequence[Incoming],
    now: datetime,
) -> Stored:
    """Store the readings of new messages within the caller's transaction."""
    columns = _chosen(extracted, messages)
    ids, refused = _identified(database, directory, columns, extracted.definitions)
    expected = extracted.expected
    if expected is not None and columns is extracted.columns and np.array_equal(ids, expected.ids):
        calibrations.follow(database, directory, expected.rows.runs)
        return Stored(_put(database, room, expected.rows, now))
    quarantined = _contradictions(columns, refused)
    known = ids[columns.channel]
    columns = columns.with_channel(known).where(known >= 0)
    if any(message.free_clock is not None for message in messages):
        columns = _settled(database, messages, columns, now)
    wrong_clock = columns.implausible()
    if wrong_clock.any():
        quarantined += _wrong_clock(columns.message[wrong_clock])
        columns = columns.where(~wrong_clock)
    rows = Rows(columns, extracted.reasons)
    calibrations.follow(database, directory, rows.runs)
    return Stored(_put(database, room, rows, now), quarantined)


def restamp(database: Connection[Any], room: Room, device: DeviceRef, clock: FreeClock, now: datetime) -> None:
    """Move the readings that waited for this offset to where they belong."""
    held = clocks.release(database, device.id, clock.timeline)
    if held is None:
        return
    shown = held.observed_us >= _EARLIEST_US
    room.engine.taken_out(database, held.channel[shown], held.observed_us[shown])
    columns = Columns(
        held.channel,
        held.observed_us + (clock.offset_us or 0),
        held.value,
        held.quality,
        held.received_us,
        np.zeros(len(held.channel), dtype=np.int64),
        np.full(len(held.channel), ~0, dtype=np.int32),
    )
    false = columns.implausible()
    if false.any():  # an offset that cannot be right; they are kept, but nowhere seen
        some = columns.where(false)
        left = clocks.Held(some.channel, some.observed_us, some.value, some.quality, some.received_us)
        clocks.hold(database, device.id, clock.timeline, left, shown=False, now=now)
        columns = columns.where(~false)
    rows = _put(database, room, Rows(columns, [Reason()]), now)
    clocks.renew_latest(database, np.unique(held.channel), now)
    log.info("readings.restamped", device=device.id, timeline=clock.timeline, offset_us=clock.offset_us, rows=rows)


def _settled(database: Connection[Any], messages: Sequence[Incoming], columns: Columns, now: datetime) -> Columns:
    """Stamps of free-running clocks made final where the offset is known; else what cannot be true waits for it.

    What can be true is stored as it came, so that people see it, and remembered, so that it can be moved.
    """
    timelines: dict[tuple[int, str], list[int]] = defaultdict(list)
    for position, message in enumerate(messages):
        clock = message.free_clock
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
        columns.reason[ours] = ~columns.reason[ours]
        hidden = columns.implausible() & ours
        waits |= hidden
        for mask, shown in ((hidden, False), (ours & ~hidden, True)):
            if mask.any():
                some = columns.where(mask)
                held = clocks.Held(some.channel, some.observed_us, some.value, some.quality, some.received_us)
                clocks.hold(database, device_id, timeline, held, shown=shown, now=now)
    return columns.where(~waits)


def _put(database: Connection[Any], room: Room, rows: Rows, now: datetime) -> int:
    """Store readings whose stamps are final; returns how many are new."""
    if not len(rows.columns.channel):
        return 0
    for table in (READING, *ROLLUP_TABLES):
        room.check(table, rows.days, now)
    fresh = _copy(database, rows)
    if len(fresh.channel):
        room.engine.roll_up(database, fresh)
    database.execute(_LATEST, rows.newest)
    return len(fresh.channel)


def _chosen(extracted: Extracted, messages: Sequence[Incoming]) -> Columns:
    """The rows of these messages; ``message`` becomes the position among them where not all are chosen."""
    columns = extracted.columns
    place = np.full(int(columns.message.max(initial=-1)) + 1, -1, dtype=np.int64)
    place[[message.position for message in messages]] = np.arange(len(messages))
    places = place[columns.message]
    if np.array_equal(places, columns.message):
        return columns
    ours = places >= 0
    chosen = columns.where(ours)
    chosen.message = places[ours]
    return chosen


def _identified(
    database: Connection[Any], directory: Directory, columns: Columns, definitions: Sequence[Definition]
) -> tuple[NDArray[np.int32], dict[int, InvalidMessageError]]:
    """Id of each code that is used, -1 of others; and why codes were refused, whose readings contradict their channel."""
    ids = np.full(len(definitions), -1, dtype=np.int32)
    refused: dict[int, InvalidMessageError] = {}
    for code in np.flatnonzero(np.bincount(columns.channel, minlength=len(definitions))).tolist():
        try:
            ids[code] = _channel(database, directory, definitions[code])
        except InvalidMessageError as error:  # noqa: PERF203  (each channel is refused by itself)
            refused[code] = error
    _keep_last_meaning(database, directory, columns, definitions)
    return ids, refused


def _contradictions(columns: Columns, refused: Mapping[int, InvalidMessageError]) -> list[Quarantine]:
    """One for each message that has readings of refused channels."""
    found: dict[int, Quarantine] = {}
    for code, why in refused.items():
        for message in np.unique(columns.message[columns.channel == code]).tolist():
            found.setdefault(message, Quarantine(message, why.reason, why.detail))
    return [found[message] for message in sorted(found)]


def _channel(database: Connection[Any], directory: Directory, definition: Definition) -> int:
    device = directory.device(definition.site, definition.device)
    channel = directory.channels_of(device).get(definition.key)
    return directory.channel(database, device, definition.key) if channel is None else channel


def _keep_last_meaning(
    database: Connection[Any], directory: Directory, columns: Columns, definitions: Sequence[Definition]
) -> None:
    """A channel that moved between units within the batch stays where its last reading says that it is."""
    meanings: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for code in np.flatnonzero(np.bincount(columns.channel)).tolist():
        definition = definitions[code]
        meanings[definition.site, definition.device, definition.key[0]].append(code)
    for codes in meanings.values():
        if len(codes) > 1:
            for code in sorted(codes, key=lambda code: int(np.flatnonzero(columns.channel == code)[-1])):
                with suppress(InvalidMessageError):  # its messages have been told
                    _channel(database, directory, definitions[code])


def _wrong_clock(messages: NDArray[np.int64]) -> list[Quarantine]:
    return [
        Quarantine(
            message,
            "implausible_time",
            f"{count} readings with a stamp before 2020 or more than {FUTURE_TOLERANCE} ahead of their receipt",
        )
        for message, count in sorted(Counter(messages.tolist()).items())
    ]


def _copy(database: Connection[Any], rows: Rows) -> FreshReadings:
    """COPY the rows, or stage them when some are there already; returns those that are new."""
    try:
        with database.transaction():
            _copy_in(database, _COPY, rows.stream)
    except UniqueViolation:
        database.execute(_STAGE)
        database.execute("DELETE FROM reading_stage")
        _copy_in(database, _COPY_TO_STAGE, rows.stream)
        return _in_key_order(database.execute(_FROM_STAGE).fetchall())
    return rows.readings


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
