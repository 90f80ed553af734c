"""Rollups of readings: one row per channel and minute, hour or day, with the same names and columns on both engines.

On plain PostgreSQL they are tables, and the batch that brings new readings merges them in, in the same transaction. All
that a row holds can be merged (counts, sum, least, most, the last by time), so late and unordered readings are as exact
as fresh ones; readings that were there already never reach the merge. On TimescaleDB they are continuous aggregates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier, Literal

from cloud.db.bulk import FLOAT8, INT4, TIMESTAMPTZ, PgArray

ORIGIN = "2000-01-03 00:00:00+00"
"""Buckets start at multiples of their width since this Monday; days are days of UTC."""
COUNTED_GOOD = (1, 2)
"""Quality flags that no test doubted: good, not evaluated."""
UNUSABLE = (4, 9)
"""Quality flags whose values enter no sum, least, most or last: fail, missing."""


@dataclass(frozen=True)
class Rollup:
    """One level.

    Attributes:
        name: of the table or continuous aggregate.
        width: of its buckets.
        source: what it is computed from.
    """

    name: str
    width: timedelta
    source: str


MINUTE = Rollup("reading_1m", timedelta(minutes=1), "reading")
HOUR = Rollup("reading_1h", timedelta(hours=1), "reading_1m")
DAY = Rollup("reading_1d", timedelta(days=1), "reading_1h")
ROLLUPS = (MINUTE, HOUR, DAY)
"""The finest first: each is computed from the one before."""


@dataclass(frozen=True, eq=False)
class FreshReadings:
    """Readings that are to be rows or have just become some, as columns sorted by channel and time."""

    channel: NDArray[np.int32]
    observed_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]

    @cached_property
    def minutes(self) -> Groups:
        """What they add to the finest rollup; the coarser ones are made of that."""
        usable = ~np.isin(self.quality, UNUSABLE)
        return Groups(
            self.channel,
            self.observed_us,
            np.ones(len(self.channel), dtype=np.int32),
            np.isin(self.quality, COUNTED_GOOD).astype(np.int32),
            usable.astype(np.int32),
            np.where(usable, self.value, 0.0),
            np.where(usable, self.value, np.inf),
            np.where(usable, self.value, -np.inf),
            self.value,
            self.observed_us,
        ).grouped(MINUTE.width)


class Groups(NamedTuple):
    """One element per channel and bucket, sorted by both. Without a usable value the last six say nothing."""

    channel: NDArray[np.int32]
    bucket_us: NDArray[np.int64]
    n: NDArray[np.int32]
    good: NDArray[np.int32]
    usable: NDArray[np.int32]
    sum: NDArray[np.float64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]
    last: NDArray[np.float64]
    last_us: NDArray[np.int64]

    def grouped(self, width: timedelta) -> Groups:
        """The same in wider buckets."""
        width_us = width // timedelta(microseconds=1)
        bucket_us = self.bucket_us // width_us * width_us
        changes = (np.diff(self.channel) != 0) | (np.diff(bucket_us) != 0)
        starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
        # Of a group without any usable value the position is -1; the statement makes nulls of what stands there then.
        last = np.maximum.reduceat(np.where(self.usable > 0, np.arange(len(bucket_us)), -1), starts)
        return Groups(
            self.channel[starts],
            bucket_us[starts],
            np.add.reduceat(self.n, starts),
            np.add.reduceat(self.good, starts),
            np.add.reduceat(self.usable, starts),
            np.add.reduceat(self.sum, starts),
            np.minimum.reduceat(self.min, starts),
            np.maximum.reduceat(self.max, starts),
            self.last[last],
            self.last_us[last],
        )


_TYPES = (INT4, TIMESTAMPTZ, INT4, INT4, INT4, FLOAT8, FLOAT8, FLOAT8, FLOAT8, TIMESTAMPTZ)
_COLUMNS = "channel_id, bucket, n, good, usable, sum, min, max, last, last_at"
COLUMNS_SQL = """
    channel_id int4 NOT NULL, bucket timestamptz NOT NULL,
    n int4 NOT NULL, good int4 NOT NULL, usable int4 NOT NULL,
    sum float8, min float8, max float8, last float8, last_at timestamptz,
    PRIMARY KEY (channel_id, bucket)
"""
"""Readings, those that no quality test doubted, those whose values count; then over these values, null without any."""

_MERGE = f"""
INSERT INTO {{name}} AS kept ({_COLUMNS})
SELECT channel_id, bucket, n, good, usable, CASE WHEN usable > 0 THEN sum END, CASE WHEN usable > 0 THEN min END,
       CASE WHEN usable > 0 THEN max END, CASE WHEN usable > 0 THEN last END, CASE WHEN usable > 0 THEN last_at END
FROM unnest(%s::int4[], %s::timestamptz[], %s::int4[], %s::int4[], %s::int4[], %s::float8[], %s::float8[], %s::float8[],
            %s::float8[], %s::timestamptz[]) AS fresh ({_COLUMNS})
ON CONFLICT (channel_id, bucket) DO UPDATE SET
    n = kept.n + excluded.n,
    good = kept.good + excluded.good,
    usable = kept.usable + excluded.usable,
    sum = coalesce(kept.sum + excluded.sum, kept.sum, excluded.sum),
    min = least(kept.min, excluded.min),
    max = greatest(kept.max, excluded.max),
    last = CASE WHEN kept.last_at IS NULL OR excluded.last_at > kept.last_at THEN excluded.last ELSE kept.last END,
    last_at = greatest(kept.last_at, excluded.last_at)
"""  # noqa: S608  (names of columns only)
_MERGES = {rollup.name: SQL(_MERGE).format(name=Identifier(rollup.name)).as_string() for rollup in ROLLUPS}

_OF_READINGS = """
SELECT channel_id, {bucket} AS bucket,
       count(*)::int4 AS n,
       (count(*) FILTER (WHERE quality IN (1, 2)))::int4 AS good,
       (count(*) FILTER (WHERE quality NOT IN (4, 9)))::int4 AS usable,
       sum(value) FILTER (WHERE quality NOT IN (4, 9)) AS sum,
       min(value) FILTER (WHERE quality NOT IN (4, 9)) AS min,
       max(value) FILTER (WHERE quality NOT IN (4, 9)) AS max,
       {last} AS last,
       max(observed_at) FILTER (WHERE quality NOT IN (4, 9)) AS last_at
FROM reading {where} GROUP BY 1, 2
"""
_OF_ROLLUP = """
SELECT channel_id, {bucket} AS bucket,
       sum(n)::int4 AS n, sum(good)::int4 AS good, sum(usable)::int4 AS usable,
       sum(sum) AS sum, min(min) AS min, max(max) AS max, {last} AS last, max(last_at) AS last_at
FROM {source} {where} GROUP BY 1, 2
"""


def merge(database: Connection[Any], fresh: FreshReadings) -> None:
    """Add readings that are new in the database to all three tables."""
    groups = fresh.minutes
    for rollup in ROLLUPS:
        if rollup is not MINUTE:
            groups = groups.grouped(rollup.width)
        columns: tuple[NDArray[Any], ...] = groups
        database.execute(
            _MERGES[rollup.name], [PgArray(column, oid) for column, oid in zip(columns, _TYPES, strict=True)]
        )


def recount(database: Connection[Any], channel: NDArray[np.int32], observed_us: NDArray[np.int64]) -> None:
    """Make the buckets that these readings were in again from what is left; they are gone from the table already."""
    for rollup in ROLLUPS:
        width_us = rollup.width // timedelta(microseconds=1)
        touched = np.unique(np.stack((channel.astype(np.int64), observed_us // width_us * width_us)), axis=1)
        if not touched.shape[1]:
            return
        buckets = (PgArray(touched[0], INT4), PgArray(touched[1], TIMESTAMPTZ))
        database.execute(
            SQL(
                "DELETE FROM {} AS kept USING unnest(%s::int4[], %s::timestamptz[]) AS touched (id, start)"
                " WHERE kept.channel_id = touched.id AND kept.bucket = touched.start"
            ).format(Identifier(rollup.name)),
            buckets,
        )
        only = SQL(
            "JOIN unnest(%s::int4[], %s::timestamptz[]) AS touched (id, start)"
            " ON channel_id = touched.id AND {time} >= touched.start AND {time} < touched.start + {width}"
        ).format(time=Identifier(_time_of(rollup)), width=Literal(rollup.width))
        database.execute(_insert(rollup, where=only), buckets)


def rebuild(database: Connection[Any], start: datetime, end: datetime) -> None:
    """Make the tables of ``[start, end)``, whole days, again from the readings; writers wait until the transaction ends."""
    names = SQL(", ").join(Identifier(rollup.name) for rollup in ROLLUPS)
    database.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))
    for rollup in ROLLUPS:
        between = SQL("WHERE {time} >= {start} AND {time} < {end}").format(
            time=Identifier(_time_of(rollup)), start=Literal(start), end=Literal(end)
        )
        database.execute(
            SQL("DELETE FROM {} WHERE bucket >= {} AND bucket < {}").format(
                Identifier(rollup.name), Literal(start), Literal(end)
            )
        )
        database.execute(_insert(rollup, where=between))


def _time_of(rollup: Rollup) -> str:
    """Column of the level below that says when."""
    return "observed_at" if rollup is MINUTE else "bucket"


def _insert(rollup: Rollup, *, where: Composed) -> Composed:
    """Fill the level from the one below."""
    bucket = SQL("date_bin({}, {}, TIMESTAMPTZ {})").format(
        Literal(rollup.width), Identifier(_time_of(rollup)), Literal(ORIGIN)
    )
    value, usable = ("value", "WHERE quality NOT IN (4, 9)") if rollup is MINUTE else ("last", "WHERE usable > 0")
    last = SQL("(array_agg({} ORDER BY {} DESC) FILTER ({}))[1]").format(
        Identifier(value), Identifier("observed_at" if rollup is MINUTE else "last_at"), SQL(usable)
    )
    into = SQL("INSERT INTO {} ({}) ").format(Identifier(rollup.name), SQL(_COLUMNS))
    return into + _select(rollup, bucket=bucket, last=last, where=where)


def continuous_aggregate(rollup: Rollup) -> Composed:
    """The statement that makes the level a continuous aggregate, without data yet.

    Real-time aggregation is on: what is not materialized yet is computed from the level below at the time of the query,
    so that the newest buckets are as exact as on plain PostgreSQL.
    """
    bucket = SQL("time_bucket({}, {})").format(Literal(rollup.width), Identifier(_time_of(rollup)))
    last = SQL(
        "last(value, observed_at) FILTER (WHERE quality NOT IN (4, 9))" if rollup is MINUTE else "last(last, last_at)"
    )
    return (
        SQL(
            "CREATE MATERIALIZED VIEW {} WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS "
        ).format(Identifier(rollup.name))
        + _select(rollup, bucket=bucket, last=last, where=SQL(""))
        + SQL(" WITH NO DATA")
    )


def _select(rollup: Rollup, *, bucket: Composed, last: SQL | Composed, where: SQL | Composed) -> Composed:
    if rollup is MINUTE:
        return SQL(_OF_READINGS).format(bucket=bucket, last=last, where=where)
    return SQL(_OF_ROLLUP).format(bucket=bucket, last=last, where=where, source=Identifier(rollup.source))
