"""SQL of readings that were stamped by a clock which did not know the time (decision 0009, ``cloud.devices.clocks``)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from cloud.db.bulk import INT4, TIMESTAMPTZ, PgArray
from cloud.db.timeseries import EPOCH
from cloud.devices.clocks import SHOWN_FOR

_HOLD = """
INSERT INTO reading_free (device_id, timeline, received_at, shown, channel_id, observed_us, value, quality)
VALUES (%s, %s, %s, %s, %s::int4[], %s::int8[], %s::float8[], %s::int2[])
"""
_EXPIRE = "DELETE FROM reading_free WHERE device_id = %s AND timeline = %s AND shown AND received_at < %s"
_RELEASE = """
DELETE FROM reading_free WHERE device_id = %s AND timeline = %s
RETURNING received_at, shown, channel_id, observed_us, value, quality
"""
_HIDE = """
DELETE FROM {} AS stored USING unnest(%s::int4[], %s::timestamptz[]) AS gone (channel_id, observed_at)
WHERE stored.channel_id = gone.channel_id AND stored.observed_at = gone.observed_at
"""
_HIDE_READING, _HIDE_LATEST = _HIDE.format("reading"), _HIDE.format("reading_latest")
_RENEW = """
INSERT INTO reading_latest (channel_id, observed_at, value, quality, received_at)
SELECT newest.channel_id, newest.observed_at, newest.value, newest.quality, %s
FROM unnest(%s::int4[]) AS wanted (id) CROSS JOIN LATERAL
    (SELECT * FROM reading WHERE channel_id = wanted.id ORDER BY observed_at DESC LIMIT 1) AS newest
ON CONFLICT DO NOTHING
"""


class Held(NamedTuple):
    """Readings as columns."""

    channel: NDArray[np.int32]
    observed_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]
    received_us: NDArray[np.int64]


def hold(database: Connection[Any], device_id: int, timeline: str, held: Held, *, shown: bool, now: datetime) -> None:
    """Keep readings until the offset is known."""
    received_at = EPOCH + timedelta(microseconds=int(held.received_us.max()))
    columns = [column.tolist() for column in held[:4]]
    database.execute(_HOLD, (device_id, timeline, received_at, shown, *columns))
    if shown:
        database.execute(_EXPIRE, (device_id, timeline, now - SHOWN_FOR))


def release(database: Connection[Any], device_id: int, timeline: str) -> Held | None:
    """Take the readings of a timeline out, also out of where they were shown; None when there are none."""
    parts = []
    for received_at, shown, *columns in database.execute(_RELEASE, (device_id, timeline)).fetchall():
        channel, observed_us, value, quality = (
            np.array(column, dtype=kind) for column, kind in zip(columns, _KINDS, strict=True)
        )
        received_us = np.full(len(channel), (received_at - EPOCH) // timedelta(microseconds=1), dtype=np.int64)
        parts.append(Held(channel, observed_us, value, quality, received_us))
        if shown:
            keys = (PgArray(channel, INT4), PgArray(observed_us, TIMESTAMPTZ))
            database.execute(_HIDE_READING, keys)
            database.execute(_HIDE_LATEST, keys)
    return Held(*(np.concatenate(column) for column in zip(*parts, strict=True))) if parts else None


def renew_latest(database: Connection[Any], channels: NDArray[np.int32], now: datetime) -> None:
    """Give channels whose latest reading was taken out the one that is the latest now."""
    database.execute(_RENEW, (now, PgArray(channels, INT4)))


_KINDS = (np.int32, np.int64, np.float64, np.int16)
