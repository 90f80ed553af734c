"""SQL of readings. Plain PostgreSQL: ``date_bin`` and lateral joins, no engine functions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, select, text

from cloud.devices.tables import Channel
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import Repository, Row
from cloud.telemetry.tables import ReadingLatest

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


class TelemetryRepository(Repository):
    """Readings by channel."""

    async def latest_of_site(self, site_id: int) -> list[Row]:
        """Every channel of a site with its newest reading, in one query; silent channels have nulls."""
        return await self._all(
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
            )
            .join(Unit, Unit.id == Channel.unit_id)
            .outerjoin(ReadingLatest, ReadingLatest.channel_id == Channel.id)
            .where(Unit.site_id == site_id)
            .order_by(Channel.unit_id, Channel.derived, Channel.id)
        )

    async def periods_s(self, channel_ids: Collection[int]) -> dict[int, float | None]:
        """Median seconds between recent readings of each channel; None when it has fewer than two."""
        rows = await self._all(_PERIODS, {"channel_ids": list(channel_ids)})
        return {row["channel_id"]: row["period_s"] for row in rows}

    async def channel(self, channel_id: int, *, organization_id: int) -> Row | None:
        """One channel of the organization."""
        return await self._one(
            select(Channel.id, Channel.quantity, Channel.ucum)
            .join(Unit, Unit.id == Channel.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .where(Channel.id == channel_id, Site.organization_id == organization_id)
        )

    async def series(self, channel_id: int, *, start: datetime, end: datetime, bucket_s: int) -> list[Row]:
        """Buckets that have readings, oldest first; ``end`` is not included."""
        return await self._all(_SERIES, {"channel_id": channel_id, "start": start, "end": end, "bucket_s": bucket_s})
