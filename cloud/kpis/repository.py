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


class BusinessRepository(Repository):
    """Figures of every site, whoever owns it: the metrics are for those who run the platform."""

    async def sites(self, moments: dict[str, datetime], *, sites: int) -> list[Row]:
        """Fish, deaths, feed and streams by site; ``moments`` are the parameters of the statement."""
        return await self._all(_SITES, {**moments, "sites": sites})
