"""SQL of figures over all sites, for Prometheus."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from cloud.kit.repository import Repository, Row

# Transfers stay within their site; what left in a time and is not here any more was exposed to dying here.
_SITES = text("""
SELECT site.slug AS site, stock.fish, stock.dead, stock.gone, stock.feed_kg, stream.heard, stream.due
FROM site
CROSS JOIN LATERAL (
    SELECT coalesce(sum(CASE WHEN kind IN ('stocking', 'adjustment') THEN (body->>'count')::int
                             WHEN kind IN ('mortality', 'cull', 'escape', 'harvest') THEN -(body->>'count')::int END), 0) AS fish,
           coalesce(sum((body->>'count')::int) FILTER (WHERE kind = 'mortality' AND occurred_at >= :month), 0) AS dead,
           coalesce(sum((body->>'count')::int) FILTER (
               WHERE kind IN ('mortality', 'cull', 'escape', 'harvest') AND occurred_at >= :month), 0) AS gone,
           coalesce(sum((body->>'amount_kg')::float8) FILTER (WHERE kind = 'feeding' AND occurred_at >= :day), 0) AS feed_kg
    FROM diary_record WHERE site_id = site.id AND struck_at IS NULL AND occurred_at <= :now
) AS stock
CROSS JOIN LATERAL (
    SELECT coalesce(sum(hour.heard), 0) AS heard, 24 * count(*) AS due
    FROM channel
    JOIN device ON device.id = channel.device_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS heard FROM reading_1h
        WHERE channel_id = channel.id AND bucket >= :first_hour AND bucket < :last_hour
    ) AS hour
    WHERE device.site_id = site.id AND NOT channel.derived AND device.registered_at <= :first_hour
) AS stream
ORDER BY site.id LIMIT :sites
""")


_CHANNELS = text("""
SELECT site.slug AS site, state.name AS state, count(*) AS channels
FROM channel
JOIN unit ON unit.id = channel.unit_id
JOIN site ON site.id = unit.site_id
LEFT JOIN reading_latest AS latest ON latest.channel_id = channel.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN latest.channel_id IS NULL THEN 'never' WHEN latest.observed_at < :fresh THEN 'silent'
                WHEN latest.quality = 1 THEN 'good' WHEN latest.quality = 3 THEN 'suspect'
                WHEN latest.quality IN (4, 9) THEN 'failed' ELSE 'unjudged' END AS name
) AS state
WHERE NOT channel.derived AND site.id IN (SELECT id FROM site ORDER BY id LIMIT :sites)
GROUP BY 1, 2
""")


class BusinessRepository(Repository):
    """Figures of every site, whoever owns it: the metrics are for those who run the platform."""

    async def sites(self, moments: dict[str, datetime], *, sites: int) -> list[Row]:
        """Fish, deaths, feed and streams by site; ``moments`` are the parameters of the statement."""
        return await self._all(_SITES, {**moments, "sites": sites})

    async def channels(self, fresh: datetime, *, sites: int) -> list[Row]:
        """Measured channels by site and what their newest value is worth; older than ``fresh`` is silent."""
        return await self._all(_CHANNELS, {"fresh": fresh, "sites": sites})
