"""SQL of trials: predictions beside what people said of the same pictures. Every query names the scope that asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text

from cloud.auth.scope import Scope
from cloud.kit.repository import ReadConnection, Repository, Row

# The newest answer of each version to each picture whose label was accepted. A classification is right when its label is among
# those of the picture; a detection when it found as many as there are.
_ANSWERS = """
answer AS (
    SELECT DISTINCT ON (prediction.image_sha256, prediction.model_sha256, prediction.unit_id)
           prediction.image_sha256, prediction.unit_id, prediction.model_version AS version, prediction.arm,
           CASE prediction.task
               WHEN 'classification' THEN coalesce(jsonb_exists(label.body -> 'classes', prediction.label), false)
               ELSE prediction.found = jsonb_array_length(coalesce(label.body -> 'boxes', '[]'))
           END AS is_right
    FROM prediction
    JOIN sample ON sample.sha256 = prediction.image_sha256 AND sample.organization_id = prediction.organization_id
    JOIN label ON label.id = sample.accepted_label_id
    WHERE prediction.organization_id = :organization_id AND prediction.model_name = :model
      AND prediction.task IN ('classification', 'detection') AND sample.status = 'accepted'
      AND prediction.created_at >= :start AND prediction.created_at < :end
      AND (CAST(:sites AS int[]) IS NULL OR prediction.unit_id IN (SELECT id FROM unit WHERE site_id = ANY(CAST(:sites AS int[]))))
    ORDER BY prediction.image_sha256, prediction.model_sha256, prediction.unit_id, prediction.created_at DESC
)
"""
_BY_UNIT = text(f"""
WITH {_ANSWERS}
SELECT arm, version, unit_id, count(*) FILTER (WHERE is_right) AS right, count(*) AS looked_at
FROM answer WHERE unit_id IS NOT NULL AND arm IN ('active', 'candidate')
GROUP BY arm, version, unit_id ORDER BY arm, version, unit_id
""")  # noqa: S608  (made of constants)
_PAIRS = text(f"""
WITH {_ANSWERS}, one AS (
    SELECT image_sha256, version, bool_and(is_right) AS is_right FROM answer
    WHERE version IN (:active, :candidate) GROUP BY image_sha256, version
)
SELECT count(*) FILTER (WHERE a.is_right AND c.is_right) AS both,
       count(*) FILTER (WHERE a.is_right AND NOT c.is_right) AS only_active,
       count(*) FILTER (WHERE NOT a.is_right AND c.is_right) AS only_candidate,
       count(*) FILTER (WHERE NOT a.is_right AND NOT c.is_right) AS neither
FROM one AS a JOIN one AS c USING (image_sha256)
WHERE a.version = :active AND c.version = :candidate
""")  # noqa: S608


class ExperimentRepository(Repository):
    """Trials of one organization."""

    def __init__(self, connection: ReadConnection, scope: Scope) -> None:
        super().__init__(connection)
        sites = None if scope.site_ids is None else list(scope.site_ids)
        self._own: dict[str, Any] = {"organization_id": scope.organization_id, "sites": sites}

    async def by_unit(self, model: str, start: datetime, end: datetime) -> list[Row]:
        """Answers that people looked at, by arm, version and unit."""
        return await self._all(_BY_UNIT, {**self._own, "model": model, "start": start, "end": end})

    async def pairs(self, model: str, active: str, candidate: str, start: datetime, end: datetime) -> Row:
        """The four counts of pictures that both versions answered and people looked at."""
        wanted = {"model": model, "active": active, "candidate": candidate, "start": start, "end": end}
        row = await self._one(_PAIRS, {**self._own, **wanted})
        assert row is not None  # noqa: S101  (an aggregate always answers with one row)
        return row
