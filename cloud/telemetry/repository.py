"""SQL of readings. Plain PostgreSQL: ``date_bin`` and lateral joins, no engine functions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TextClause, bindparam, select, text

from cloud.auth.scope import Scope
from cloud.devices.tables import Channel
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.queries import Query
from cloud.kit.repository import Repository, Row
from cloud.telemetry.rules import Resolution
from cloud.telemetry.tables import ChannelCalibration, ReadingLatest

# The last value of each bucket is looked up by key afterwards: at most max_points look-ups, no sort of all readings.
_SERIES = text("""
WITH bucket AS (
    SELECT date_bin(make_interval(secs => :bucket_s), observed_at, TIMESTAMPTZ '2000-01-03 00:00:00+00') AS t,
           count(*) AS n,
           min(value) FILTER (WHERE quality NOT IN (4, 9)) AS min,
           max(value) FILTER (WHERE quality NOT IN (4, 9)) AS max,
           avg(value) FILTER (WHERE quality NOT IN (4, 9)) AS mean,
           count(*) FILTER (WHERE quality IN (1, 2)) AS good,
           max(observed_at) FILTER (WHERE quality NOT IN (4, 9)) AS last_at
    FROM reading
    WHERE channel_id = :channel_id AND observed_at >= :start AND observed_at < :end
    GROUP BY 1
)
SELECT bucket.t, bucket.n, bucket.min, bucket.max, bucket.mean, last.value AS last, bucket.good
FROM bucket
LEFT JOIN reading AS last ON last.channel_id = :channel_id AND last.observed_at = bucket.last_at
ORDER BY bucket.t
""")

# Buckets of a rollup that are as wide as its rows, or are made of several.
_ROLLUP_ROWS = """
SELECT bucket AS t, n, min, max, sum / nullif(usable, 0) AS mean, last, good
FROM {name}
WHERE channel_id = :channel_id AND bucket >= :first AND bucket < :end
ORDER BY bucket
"""
_ROLLUP_BUCKETS = """
SELECT date_bin(make_interval(secs => :bucket_s), bucket, TIMESTAMPTZ '2000-01-03 00:00:00+00') AS t,
       sum(n)::int8 AS n, min(min) AS min, max(max) AS max, sum(sum) / nullif(sum(usable), 0) AS mean,
       (array_agg(last ORDER BY last_at DESC) FILTER (WHERE usable > 0))[1] AS last, sum(good)::int8 AS good
FROM {name}
WHERE channel_id = :channel_id AND bucket >= :first AND bucket < :end
GROUP BY 1 ORDER BY 1
"""
_ROLLUPS: dict[Resolution, str] = {each: f"reading_{each.value}" for each in Resolution if each is not Resolution.RAW}
_SERIES_OF: dict[tuple[Resolution, bool], TextClause] = {
    (resolution, whole): text((_ROLLUP_ROWS if whole else _ROLLUP_BUCKETS).format(name=name))
    for resolution, name in _ROLLUPS.items()
    for whole in (True, False)
}

_EXPORT = text("""
SELECT observed_at, value, quality FROM reading
WHERE channel_id = :channel_id AND observed_at >= :start AND observed_at < :end
ORDER BY observed_at LIMIT :rows
""")
_EXPORT_OF: dict[Resolution, TextClause] = {
    resolution: text(f"""
SELECT bucket, n, good, min, max, sum / nullif(usable, 0), last FROM {name}
WHERE channel_id = :channel_id AND bucket >= :start AND bucket < :end
ORDER BY bucket LIMIT :rows
""")  # noqa: S608  (a constant name)
    for resolution, name in _ROLLUPS.items()
}

# Twenty gaps are enough for a median; the three days let the planner skip older partitions.
_PERIODS = text("""
SELECT latest.channel_id,
       CAST(percentile_cont(0.5) WITHIN GROUP (ORDER BY gap.seconds) AS float8) AS period_s
FROM reading_latest AS latest
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM observed_at - lag(observed_at) OVER (ORDER BY observed_at)) AS seconds
    FROM (
        SELECT observed_at FROM reading
        WHERE channel_id = latest.channel_id
          AND observed_at > latest.observed_at - INTERVAL '3 days' AND observed_at <= latest.observed_at
        ORDER BY observed_at DESC LIMIT 21
    ) AS recent
) AS gap
WHERE latest.channel_id IN :channel_ids
GROUP BY latest.channel_id
""").bindparams(bindparam("channel_ids", expanding=True))


_LIMITS = text("""
SELECT device.inventory -> 'limits' AS limits, jsonb_object_agg(channel.name, channel.id) AS channels
FROM device JOIN channel ON channel.device_id = device.id
WHERE device.site_id = :site_id AND jsonb_typeof(device.inventory -> 'limits') = 'array'
GROUP BY device.id
""")
_DAILY_TEMPERATURES = text("""
SELECT channel.unit_id, CAST(day.bucket AT TIME ZONE 'UTC' AS date) AS day, sum(day.sum) / nullif(sum(day.usable), 0) AS mean_c
FROM reading_1d AS day
JOIN channel ON channel.id = day.channel_id
WHERE channel.unit_id IN :unit_ids AND channel.quantity = 'temperature' AND day.bucket >= :start AND day.bucket < :end
GROUP BY 1, 2
HAVING sum(day.usable) > 0
""").bindparams(bindparam("unit_ids", expanding=True))

_MEANS_OF: dict[Resolution, TextClause] = {
    resolution: text(f"""
SELECT channel.id AS channel_id, channel.name AS channel, channel.unit_id, channel.quantity, rolled.bucket,
       rolled.sum / rolled.usable AS mean, rolled.n
FROM {name} AS rolled JOIN channel ON channel.id = rolled.channel_id
WHERE channel.unit_id IN :unit_ids AND rolled.bucket >= :start AND rolled.bucket < :end AND rolled.usable > 0
ORDER BY channel.id, rolled.bucket LIMIT :rows
""").bindparams(bindparam("unit_ids", expanding=True))  # noqa: S608  (a constant name)
    for resolution, name in _ROLLUPS.items()
}
# A minute says how far its readings can be trusted; only minutes that say something else than the one before are news.
_QUALITY_CHANGES = text("""
SELECT channel_id, channel, bucket, state FROM (
    SELECT minute.channel_id, channel.name AS channel, minute.bucket, trust.state,
           lag(trust.state) OVER (PARTITION BY minute.channel_id ORDER BY minute.bucket) AS before
    FROM reading_1m AS minute
    JOIN channel ON channel.id = minute.channel_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN minute.usable = 0 THEN 'failed' WHEN minute.good < minute.n THEN 'doubtful' ELSE 'good' END AS state
    ) AS trust
    WHERE channel.unit_id = :unit_id AND minute.bucket >= :start AND minute.bucket < :end
) AS change
WHERE state <> coalesce(before, 'good')
ORDER BY bucket DESC, channel_id LIMIT :rows
""")
_HEARD = text("""
SELECT channel.id AS channel_id, channel.name AS channel, channel.unit_id, device.registered_at,
       (SELECT count(*) FROM reading_1h WHERE channel_id = channel.id AND bucket >= :start AND bucket < :end) AS hours
FROM channel JOIN device ON device.id = channel.device_id
WHERE channel.unit_id IN :unit_ids AND NOT channel.derived
ORDER BY channel.id
""").bindparams(bindparam("unit_ids", expanding=True))


_LATEST = Query(
    select(
        Channel.id.label("channel_id"),
        Channel.name.label("channel"),
        Channel.unit_id,
        Channel.quantity,
        Channel.ucum,
        Channel.derived,
        ReadingLatest.value,
        ReadingLatest.observed_at,
        ReadingLatest.quality,
        ReadingLatest.test,
        ReadingLatest.also,
        ReadingLatest.calibration,
    )
    .join(Unit, Unit.id == Channel.unit_id)
    .outerjoin(ReadingLatest, ReadingLatest.channel_id == Channel.id)
    .where(Unit.site_id == bindparam("site_id"))
    .order_by(Channel.unit_id, Channel.derived, Channel.id)
)


class TelemetryRepository(Repository):
    """Readings by channel."""

    async def latest_of_site(self, site_id: int) -> list[Row]:
        """Every channel of a site with its newest reading, in one query; silent channels have nulls."""
        return await self._all(_LATEST, {"site_id": site_id})

    async def limits_of_site(self, site_id: int) -> list[Row]:
        """The limits that each box of a site watches, with the keys of its channels by name."""
        return await self._all(_LIMITS, {"site_id": site_id})

    async def periods_s(self, channel_ids: Collection[int]) -> dict[int, float | None]:
        """Median seconds between recent readings of each channel; None when it has fewer than two."""
        rows = await self._all(_PERIODS, {"channel_ids": list(channel_ids)})
        return {row["channel_id"]: row["period_s"] for row in rows}

    async def daily_temperatures(self, unit_ids: Collection[int], start: datetime, end: datetime) -> list[Row]:
        """Mean temperature by unit and UTC day, of all usable readings of all its probes."""
        return await self._all(_DAILY_TEMPERATURES, {"unit_ids": list(unit_ids), "start": start, "end": end})

    async def means(
        self, unit_ids: Collection[int], resolution: Resolution, *, start: datetime, end: datetime, rows: int
    ) -> list[Row]:
        """Means of the rollup's rows of every channel in these units, by channel and time; those that have one."""
        parameters = {"unit_ids": list(unit_ids), "start": start, "end": end, "rows": rows}
        return await self._all(_MEANS_OF[resolution], parameters)

    async def quality_changes(self, unit_id: int, start: datetime, end: datetime, *, rows: int) -> list[Row]:
        """Minutes in which a channel's readings became good, doubtful or failed, newest first."""
        return await self._all(_QUALITY_CHANGES, {"unit_id": unit_id, "start": start, "end": end, "rows": rows})

    async def hours_heard(self, unit_ids: Collection[int], start: datetime, end: datetime) -> list[Row]:
        """In how many hours each measured channel of these units had readings, and since when its device is known."""
        return await self._all(_HEARD, {"unit_ids": list(unit_ids), "start": start, "end": end})

    async def channel(self, channel_id: int, *, scope: Scope) -> Row | None:
        """One channel of the organization."""
        return await self._one(
            select(Channel.id, Channel.quantity, Channel.ucum)
            .join(Unit, Unit.id == Channel.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .where(Channel.id == channel_id, own_sites(scope))
        )

    async def calibrations(self, channel_id: int, *, rows: int) -> list[Row]:
        """The newest changes of a channel's calibration, newest first."""
        return await self._all(
            select(ChannelCalibration.since, ChannelCalibration.calibration)
            .where(ChannelCalibration.channel_id == channel_id)
            .order_by(ChannelCalibration.since.desc())
            .limit(rows)
        )

    async def channels(
        self,
        *,
        scope: Scope,
        site: str | None = None,
        channel_id: int | None = None,
        quantities: Collection[str] = (),
    ) -> list[Row]:
        """Channels of the organization with the names of where they are, by key; all quantities, or some."""
        statement = (
            select(
                Channel.id,
                Channel.name.label("channel"),
                Unit.slug.label("unit"),
                Site.slug.label("site"),
                Channel.quantity,
                Channel.ucum,
            )
            .join(Unit, Unit.id == Channel.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .where(own_sites(scope))
            .order_by(Channel.id)
        )
        if site is not None:
            statement = statement.where(Site.slug == site)
        if channel_id is not None:
            statement = statement.where(Channel.id == channel_id)
        if quantities:
            statement = statement.where(Channel.quantity.in_(quantities))
        return await self._all(statement)

    async def series(self, channel_id: int, *, start: datetime, end: datetime, bucket_s: int) -> list[Row]:
        """Buckets of readings, those that have some, oldest first; ``end`` is not included."""
        return await self._all(_SERIES, {"channel_id": channel_id, "start": start, "end": end, "bucket_s": bucket_s})

    async def rolled_up(
        self, channel_id: int, resolution: Resolution, *, start: datetime, end: datetime, bucket_s: int
    ) -> list[Row]:
        """The same of a rollup; the row that ``start`` falls in is included whole."""
        since = timedelta(seconds=start.timestamp() % resolution.width_s)
        parameters: Row = {"channel_id": channel_id, "first": start - since, "end": end}
        whole = bucket_s == resolution.width_s
        if not whole:
            parameters["bucket_s"] = bucket_s
        return await self._all(_SERIES_OF[resolution, whole], parameters)

    async def export_page(
        self, channel_id: int, resolution: Resolution, *, start: datetime, end: datetime, rows: int
    ) -> list[tuple[Any, ...]]:
        """The oldest ``rows`` rows since ``start``: time and what was measured, as ``exports.COLUMNS`` names it."""
        statement = _EXPORT if resolution is Resolution.RAW else _EXPORT_OF[resolution]
        parameters = {"channel_id": channel_id, "start": start, "end": end, "rows": rows}
        return [tuple(row) for row in await self._connection.execute(statement, parameters)]
