"""Since when each channel rests on which calibration: one row per change, so that any series can be traced to its probe's record.

Nearly every batch changes nothing and asks nobody: the newest change of each channel is remembered in the directory.
Readings that come late put their change where it belongs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from psycopg import Connection

from cloud.db.bulk import INT4, TIMESTAMPTZ, PgArray
from cloud.devices.directory import Directory
from cloud.telemetry.columns import Run

_NEVER = -(2**63)
_NEWEST = """
SELECT DISTINCT ON (channel_id) channel_id, (extract(epoch FROM since) * 1000000)::int8, calibration
FROM channel_calibration WHERE channel_id = ANY(%s) ORDER BY channel_id, since DESC
"""
_ADD = """
INSERT INTO channel_calibration (channel_id, since, calibration)
SELECT * FROM unnest(%s::int4[], %s::timestamptz[], %s::text[]) ON CONFLICT DO NOTHING
"""
# What begins a calibration that holds already begins nothing; before the first there was none.
_JOIN = """
DELETE FROM channel_calibration AS gone USING (
    SELECT channel_id, since, calibration IS NOT DISTINCT FROM
        lag(calibration) OVER (PARTITION BY channel_id ORDER BY since) AS goes_on
    FROM channel_calibration WHERE channel_id = ANY(%s)
) AS row
WHERE row.goes_on AND gone.channel_id = row.channel_id AND gone.since = row.since
"""


def follow(database: Connection[Any], directory: Directory, runs: Sequence[Run]) -> None:
    """Note where the calibration of a channel changed, within the caller's transaction."""
    known = directory.calibrations
    _look_up(database, directory, {run.channel for run in runs if run.channel not in known})
    changed = {run.channel for run in runs if not _goes_on(known[run.channel], run)}
    if not changed:
        return
    news = [run for run in runs if run.channel in changed]
    keys = PgArray(np.array([run.channel for run in news], dtype=np.int32), INT4)
    moments = PgArray(np.array([run.since_us for run in news], dtype=np.int64), TIMESTAMPTZ)
    database.execute(_ADD, (keys, moments, [run.calibration for run in news]))
    database.execute(_JOIN, (sorted(changed),))
    _look_up(database, directory, changed)


def _goes_on(newest: tuple[int, str | None], run: Run) -> bool:
    since_us, calibration = newest
    return run.since_us >= since_us and run.calibration == calibration


def _look_up(database: Connection[Any], directory: Directory, channels: Collection[int]) -> None:
    if not channels:
        return
    found = {channel: (since_us, name) for channel, since_us, name in database.execute(_NEWEST, (list(channels),))}
    directory.calibrations.update({channel: found.get(channel, (_NEVER, None)) for channel in channels})
    directory.tentative_calibrations.update(channels)
