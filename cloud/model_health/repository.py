"""SQL of model health. The API's query is asked for sites that were found in the caller's scope."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from cloud.farms.tables import Site, Unit
from cloud.kit.repository import Repository, Row
from cloud.model_health.tables import ModelHealthRow

_SEEN = text("""
SELECT unit.id AS unit_id, newest.*, hour.*,
       (SELECT max(device.last_seen_at) FROM camera JOIN device ON device.id = camera.device_id
        WHERE camera.unit_id = unit.id) AS box_seen_at
FROM unit
LEFT JOIN LATERAL (
    SELECT observed_at AS newest_at, model_name, model_version, model_sha256 FROM observation
    WHERE unit_id = unit.id AND model_sha256 IS NOT NULL AND observed_at <= :now ORDER BY observed_at DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT coalesce(sum(frames), 0) AS frames, coalesce(sum(frames_dropped), 0) AS dropped, avg(latency_ms) AS latency_ms,
           avg(confidence_mean) AS confidence, avg((quality = 3)::int) AS suspect
    FROM observation WHERE unit_id = unit.id AND observed_at > :hour_ago AND observed_at <= :now
) AS hour ON true
WHERE EXISTS (SELECT FROM camera WHERE camera.unit_id = unit.id)
ORDER BY unit.id
""")

_SILENT_SITES = text("""
SELECT site.slug AS site, max(model_health.newest_at) AS newest_at
FROM model_health JOIN unit ON unit.id = model_health.unit_id JOIN site ON site.id = unit.site_id
GROUP BY site.slug HAVING coalesce(max(model_health.newest_at), '-infinity') < :before ORDER BY site.slug
""")

_IDLE_MODELS = text("""
SELECT model_name AS model, model_version AS version, max(newest_hour) AS newest_hour
FROM drift_series GROUP BY 1, 2
HAVING max(newest_hour) < :before AND max(newest_hour) >= :not_before ORDER BY 1, 2
""")


class HealthWriter(Repository):
    """What the scheduled looks read and write, of every organization."""

    async def seen(self, now: datetime, hour_ago: datetime) -> list[Row]:
        """What is known of every unit with a camera."""
        return await self._all(_SEEN, {"now": now, "hour_ago": hour_ago})

    async def keep(self, rows: Sequence[Row], now: datetime) -> None:
        """Replace what was known; a status that stays keeps its begin. Units without a camera are forgotten."""
        if rows:
            statement = insert(ModelHealthRow)
            new = statement.excluded
            changed: dict[str, Any] = {name: new[name] for name in rows[0] if name not in {"unit_id", "since"}}
            stays = ModelHealthRow.status == new.status
            changed["since"] = case((stays, ModelHealthRow.since), else_=new.since)
            await self._connection.execute(
                statement.on_conflict_do_update(index_elements=["unit_id"], set_=changed), list(rows)
            )
        await self._connection.execute(delete(ModelHealthRow).where(ModelHealthRow.looked_at < now))

    async def silent_sites(self, before: datetime) -> list[Row]:
        """Sites with cameras that nothing was seen of since."""
        return await self._all(_SILENT_SITES, {"before": before})

    async def idle_models(self, before: datetime, not_before: datetime) -> list[Row]:
        """Versions that have produced nothing anywhere since, and did not long before."""
        return await self._all(_IDLE_MODELS, {"before": before, "not_before": not_before})

    async def counts(self, *, rows: int) -> list[Row]:
        """Units by site and status."""
        statement = (
            select(Site.slug.label("site"), ModelHealthRow.status, func.count().label("n"))
            .join(Unit, Unit.id == ModelHealthRow.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .group_by(Site.slug, ModelHealthRow.status)
            .order_by(Site.slug, ModelHealthRow.status)
        )
        return await self._all(statement.limit(rows))


_OF_SITE = text("""
SELECT model_health.*, unit.slug AS unit, unit.name AS unit_name, ARRAY(
    SELECT signal FROM drift_alert WHERE drift_alert.unit_id = model_health.unit_id AND drift_alert.ended_at IS NULL
    AND drift_alert.model_sha256 = model_health.model_sha256 ORDER BY signal
) AS drift
FROM model_health JOIN unit ON unit.id = model_health.unit_id
WHERE unit.site_id = :site_id ORDER BY unit.slug
""")


class HealthRepository(Repository):
    """Model health of a site that the caller may see."""

    async def of_site(self, site_id: int) -> list[Row]:
        """Units by slug, with what drifts."""
        return await self._all(_OF_SITE, {"site_id": site_id})
