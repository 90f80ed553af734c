"""SQL of observations and their images."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, text

from cloud.auth.scope import Scope
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import Repository, Row
from cloud.observations.tables import Image

_COLUMNS = """
    o.camera_id, camera.name AS camera, o.unit_id, o.observed_at, o.started_at, o.frames, o.frames_dropped,
    o.count_mean, o.count_min, o.count_max, o.confidence_mean, o.latency_ms, o.detections,
    o.image_sha256, o.image_observed_at, o.image_quality, o.model_name, o.model_version, o.model_sha256, o.quality,
    o.quality_test, o.count_low, o.count_high, o.activity_bl_s, o.analysis,
    EXISTS (SELECT FROM image WHERE image.sha256 = o.image_sha256) AS has_image
"""

# The bound on observed_at alone is implied by the pair; it is what the index and the partitions understand.
_OF_UNIT = text(f"""
SELECT {_COLUMNS}
FROM observation AS o JOIN camera ON camera.id = o.camera_id
WHERE o.unit_id = :unit_id AND o.observed_at <= :before AND (o.observed_at, o.camera_id) < (:before, :before_camera)
ORDER BY o.observed_at DESC, o.camera_id DESC
LIMIT :rows
""")  # noqa: S608  (the only thing put in is the constant list of columns)

_LATEST = text(f"""
SELECT {_COLUMNS}
FROM unit
CROSS JOIN LATERAL (
    SELECT * FROM observation WHERE unit_id = unit.id ORDER BY observed_at DESC LIMIT 1
) AS o
JOIN camera ON camera.id = o.camera_id
WHERE unit.site_id = :site_id
""")  # noqa: S608

# An observation ends within the hour after its evidence frame; the bound lets the planner skip partitions.
_LATEST_EVIDENCE = text(f"""
SELECT {_COLUMNS}
FROM unit
CROSS JOIN LATERAL (
    SELECT seen.*
    FROM image
    CROSS JOIN LATERAL (
        SELECT * FROM observation
        WHERE camera_id = image.camera_id AND image_sha256 = image.sha256
          AND observed_at >= image.observed_at AND observed_at < image.observed_at + INTERVAL '1 hour'
        ORDER BY observed_at LIMIT 1
    ) AS seen
    WHERE image.unit_id = unit.id
    ORDER BY image.observed_at DESC LIMIT 1
) AS o
JOIN camera ON camera.id = o.camera_id
WHERE unit.site_id = :site_id
""")  # noqa: S608

_EVIDENCE_BY_HOUR = text("""
SELECT * FROM (
    SELECT DISTINCT ON (image.camera_id, date_trunc('hour', image.observed_at))
           image.sha256, camera.name AS camera, image.observed_at
    FROM image JOIN camera ON camera.id = image.camera_id
    WHERE image.unit_id = :unit_id AND image.observed_at >= :start AND image.observed_at < :end
    ORDER BY image.camera_id, date_trunc('hour', image.observed_at), image.observed_at DESC
) AS last_of_hour
ORDER BY observed_at DESC LIMIT :rows
""")


class ObservationRepository(Repository):
    """Observations by unit, and stored images."""

    async def of_unit(self, unit_id: int, *, before: datetime, before_camera: int, rows: int) -> list[Row]:
        """Newest observations of a unit that lie before (moment, camera id)."""
        parameters = {"unit_id": unit_id, "before": before, "before_camera": before_camera, "rows": rows}
        return await self._all(_OF_UNIT, parameters)

    async def latest_of_site(self, site_id: int) -> list[Row]:
        """Newest observation of each unit of a site that has one."""
        return await self._all(_LATEST, {"site_id": site_id})

    async def latest_evidence_of_site(self, site_id: int) -> list[Row]:
        """Newest observation of each unit whose image has arrived."""
        return await self._all(_LATEST_EVIDENCE, {"site_id": site_id})

    async def evidence_by_hour(self, unit_id: int, start: datetime, end: datetime, *, rows: int) -> list[Row]:
        """The last stored image of every camera in every hour, newest first."""
        parameters = {"unit_id": unit_id, "start": start, "end": end, "rows": rows}
        return await self._all(_EVIDENCE_BY_HOUR, parameters)

    async def image(self, sha256: str, *, scope: Scope | None) -> Row | None:
        """A stored image, if a camera of the organization took it; None stands for whoever holds a signed address."""
        statement = select(Image.sha256, Image.media_type, Image.bytes).where(Image.sha256 == sha256)
        if scope is not None:
            statement = (
                statement.join(Unit, Unit.id == Image.unit_id)
                .join(Site, Site.id == Unit.site_id)
                .where(own_sites(scope))
            )
        return await self._one(statement)
