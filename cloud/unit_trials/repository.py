"""SQL of trials in some units for the API. Every query is within the scope of who asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.rollouts.repository import ReachRepository
from cloud.unit_trials.tables import UnitTrial

SPAN = timedelta(days=7)
"""Of the trial, its newest, and of the time before it: what is compared."""
_BOXES = text("""
SELECT s.slug AS site, d.slug AS device, b.units, b.others, b.state, b.reason, b.active_at, b.ended_at,
       beat.observed_at AS heard_at, beat.body -> 'model' AS model, coalesce(beat.body -> 'unit_models', '{}') AS unit_models
FROM unit_trial_box AS b JOIN device AS d ON d.id = b.device_id JOIN site AS s ON s.id = d.site_id
LEFT JOIN LATERAL (
    SELECT observed_at, body FROM device_health WHERE device_id = b.device_id AND observed_at > :since
    ORDER BY observed_at DESC LIMIT 1
) AS beat ON true
WHERE b.trial_id = :trial AND (CAST(:site AS text) IS NULL OR (s.slug, d.slug) > (CAST(:site AS text), CAST(:device AS text)))
ORDER BY s.slug, d.slug LIMIT :rows
""")
# Boxes with so many cameras that more of their units might be asked for than one assignment can name.
_LARGE = text("""
SELECT s.slug AS site, d.slug AS device, d.inventory FROM device AS d JOIN site AS s ON s.id = d.site_id
WHERE s.organization_id = :organization_id AND (CAST(:sites AS int4[]) IS NULL OR s.id = ANY(CAST(:sites AS int4[])))
AND CASE WHEN jsonb_typeof(d.inventory -> 'cameras') = 'array' THEN jsonb_array_length(d.inventory -> 'cameras') ELSE 0 END > :most
AND (CAST(:groups AS text[]) IS NULL OR d.id IN (
    SELECT m.device_id FROM device_group_member AS m JOIN device_group AS g ON g.id = m.group_id
    WHERE g.organization_id = :organization_id AND g.name = ANY(CAST(:groups AS text[]))))
AND (CAST(:tags AS text[]) IS NULL OR CAST(:tags AS text[]) <@ ARRAY(SELECT tag::text FROM device_tag WHERE device_id = d.id))
ORDER BY s.slug, d.slug
""")
# Whole hours, each with one mean of the units with the release and one of the others of the same box: an hour that lacks either
# tells nothing, so day and night, feeding and a dirty lens weigh on both alike.
_PART = """
part AS (
    SELECT b.device_id, d.site_id, b.active_at, least(b.ended_at, t.ends_at, CAST(:now AS timestamptz)) AS until,
           b.units, b.units || b.others AS everything
    FROM unit_trial_box AS b JOIN unit_trial AS t ON t.id = b.trial_id JOIN device AS d ON d.id = b.device_id
    WHERE b.trial_id = :trial AND b.active_at IS NOT NULL
)
"""
HOURS = text(f"""
WITH {_PART}, seen AS (
    SELECT part.device_id, h.hour, part.units @> to_jsonb(u.slug) AS in_trial, h.hour >= part.active_at AS during,
           sum(h.observations * (h.signals ->> 'count')::float8)
               / nullif(sum(h.observations) FILTER (WHERE h.signals ? 'count'), 0) AS count,
           sum(h.observations * (h.signals ->> 'confidence')::float8)
               / nullif(sum(h.observations) FILTER (WHERE h.signals ? 'confidence'), 0) AS confidence
    FROM part JOIN unit AS u ON u.site_id = part.site_id AND part.everything @> to_jsonb(u.slug)
    JOIN drift_hour AS h ON h.unit_id = u.id
    WHERE (h.hour >= greatest(part.active_at, part.until - CAST(:span AS interval)) AND h.hour < part.until
           AND (h.model_sha256 = :sha256) = (part.units @> to_jsonb(u.slug)))
       OR (h.hour >= part.active_at - CAST(:span AS interval) AND h.hour < date_trunc('hour', part.active_at) AND h.model_sha256 <> :sha256)
    GROUP BY 1, 2, 3, 4
)
SELECT one.device_id, one.during, count(*) AS hours,
       avg(ln(one.count / other.count)) FILTER (WHERE one.count > 0 AND other.count > 0) AS log_ratio,
       avg(one.confidence - other.confidence) AS confidence
FROM seen AS one JOIN seen AS other USING (device_id, hour, during)
WHERE one.in_trial AND NOT other.in_trial
GROUP BY one.device_id, one.during ORDER BY one.device_id, one.during
""")  # noqa: S608  (made of constants)
LABELLED = text(f"""
WITH {_PART}
SELECT part.device_id, part.units @> to_jsonb(sample.unit) AS in_trial, count(*) AS pictures,
       avg(abs(jsonb_array_length(sample.detections) - boxes.number)::float8 / greatest(boxes.number, 1)) AS error
FROM part JOIN device ON device.id = part.device_id
JOIN sample ON sample.site_id = part.site_id AND sample.device = device.slug AND part.everything @> to_jsonb(sample.unit)
     AND sample.captured_at >= part.active_at AND sample.captured_at < part.until
     AND (sample.model_sha256 = :sha256) = (part.units @> to_jsonb(sample.unit))
JOIN label ON label.id = sample.accepted_label_id
CROSS JOIN LATERAL (SELECT jsonb_array_length(coalesce(label.body -> 'boxes', '[]')) AS number) AS boxes
WHERE sample.organization_id = :organization_id AND sample.status = 'accepted'
GROUP BY 1, 2 ORDER BY 1, 2
""")  # noqa: S608


class UnitTrialRepository(ReachRepository):
    """Of one organization. A trial is seen by those who see all of its sites."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection, scope)
        self._own = UnitTrial.organization_id == scope.organization_id
        if scope.site_ids is not None:
            self._own &= UnitTrial.site_ids.contained_by(list(scope.site_ids))

    async def add(self, values: dict[str, Any]) -> None:
        """Ask for a trial."""
        await self._connection.execute(insert(UnitTrial).values(organization_id=self._scope.organization_id, **values))

    async def large_boxes(
        self, *, site_ids: list[int] | None, groups: list[str] | None, tags: list[str] | None, most: int
    ) -> list[Row]:
        """Boxes that a trial is for and that have more cameras than ``most``, with their inventories."""
        wanted = {"sites": site_ids, "groups": groups, "tags": tags, "most": most}
        return await self._all(_LARGE, {**wanted, "organization_id": self._scope.organization_id})

    async def change(self, trial_id: UUID, statuses: tuple[str, ...], **values: Any) -> bool:
        """Change a trial that is still in one of these; whether it was."""
        statement = update(UnitTrial).where(self._own, UnitTrial.id == trial_id, UnitTrial.status.in_(statuses))
        return bool((await self._connection.execute(statement.values(**values))).rowcount)

    async def trial(self, trial_id: UUID) -> Row | None:
        """One trial."""
        return await self._one(select(*UnitTrial.__table__.columns).where(self._own, UnitTrial.id == trial_id))

    async def trials(self, *, before: tuple[datetime, UUID] | None, rows: int) -> list[Row]:
        """Newest first."""
        statement = select(*UnitTrial.__table__.columns).where(self._own)
        if before is not None:
            statement = statement.where(tuple_(UnitTrial.created_at, UnitTrial.id) < before)
        return await self._all(statement.order_by(UnitTrial.created_at.desc(), UnitTrial.id.desc()).limit(rows))

    async def boxes(self, trial_id: UUID, *, since: datetime, after: tuple[str, str] | None, rows: int) -> list[Row]:
        """Boxes by site and name, each with its newest heartbeat."""
        site, device = after or (None, None)
        wanted = {"trial": trial_id, "since": since, "site": site, "device": device, "rows": rows}
        return await self._all(_BOXES, wanted)

    async def hours(self, trial_id: UUID, sha256: str, now: datetime) -> list[Row]:
        """Of each box, during the trial and before it: units with the release against the others, hour by hour."""
        return await self._all(HOURS, {"trial": trial_id, "sha256": sha256, "now": now, "span": SPAN})

    async def labelled(self, trial_id: UUID, sha256: str, now: datetime) -> list[Row]:
        """Of each box and arm: how far the counts are off what people found on the same pictures."""
        own = {"organization_id": self._scope.organization_id}
        return await self._all(LABELLED, {"trial": trial_id, "sha256": sha256, "now": now, **own})
