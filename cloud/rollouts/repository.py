"""SQL of rollouts for the API. Every query is within the scope of who asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Double, String, case, cast, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.devices.tables import Camera, Device, DeviceEventRow, DeviceGroup
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.rollouts.tables import DeviceShadow, RolloutDevice, RolloutEntry, RolloutOrder, RolloutRow
from contracts.deployments import DEPLOYMENT_EVENT, TRIAL_EVENT

_COUNTS = text("""
SELECT date_bin(:width, o.observed_at, TIMESTAMPTZ '2000-01-03 00:00:00+00') AS at, device.slug AS device,
       max(o.observed_at) AS last_at, count(*) AS observations, avg(o.count_mean) AS mean
FROM observation AS o JOIN camera ON camera.id = o.camera_id JOIN device ON device.id = camera.device_id
WHERE o.unit_id = :unit_id AND o.observed_at >= :start AND o.observed_at < :end AND o.count_mean IS NOT NULL
GROUP BY 1, 2, o.model_sha256
ORDER BY 1, 2, 3
""")


_SAID = text("""
SELECT wanted.id AS device_id, said.occurred_at, said.received_at, said.detail, coalesce(rollout.kind, 'model') AS kind
FROM unnest(CAST(:devices AS int4[])) AS wanted(id)
CROSS JOIN LATERAL (
    SELECT occurred_at, received_at, detail FROM device_event
    WHERE device_id = wanted.id AND name = :event ORDER BY occurred_at DESC LIMIT :most
) AS said
LEFT JOIN rollout ON rollout.id::text = regexp_replace(said.detail ->> 'deployment', '-back$', '')
ORDER BY wanted.id, said.occurred_at DESC
""")
_RUNS = text("""
SELECT wanted.id AS device_id, beat.observed_at, beat.body -> 'model' AS model, beat.body ->> 'config_sha256' AS config,
       beat.body ->> 'agent_sha256' AS agent
FROM unnest(CAST(:devices AS int4[])) AS wanted(id)
CROSS JOIN LATERAL (
    SELECT observed_at, body FROM device_health
    WHERE device_id = wanted.id AND observed_at > :since ORDER BY observed_at DESC LIMIT 1
) AS beat
""")
# Where a trial in some units began to look at this one, and where it gave it back; one that ended before it began changed nothing.
_TRIAL_CHANGES = text("""
SELECT said.occurred_at AS at, device.slug AS device, said.detail ->> 'state' AS state,
       said.detail ->> 'running_sha256' AS sha256, trial.model, trial.version, CAST(NULL AS uuid) AS rollout_id,
       coalesce(said.detail ->> 'reason', '') AS reason, false AS back,
       CAST(said.detail ->> 'shadow_count_ratio' AS float8) AS shadow_count_ratio
FROM unit JOIN (SELECT DISTINCT device_id, unit_id FROM camera) AS camera ON camera.unit_id = unit.id
JOIN device ON device.id = camera.device_id JOIN device_event AS said ON said.device_id = device.id
LEFT JOIN unit_trial AS trial ON trial.id::text = said.detail ->> 'deployment'
WHERE unit.id = :unit_id AND said.name = :event AND said.occurred_at >= :start AND said.occurred_at < :end
  AND unit.slug = ANY(string_to_array(said.detail ->> 'units', ' '))
  AND (said.detail ->> 'state' IN ('probation', 'rolled_back')
       OR (said.detail ->> 'state' = 'withdrawn' AND jsonb_exists(said.detail, 'swap_gap_ms')))
ORDER BY said.occurred_at DESC, said.id DESC LIMIT :rows
""")


class ReachRepository(Repository):
    """Sites and groups of one organization, for what is asked for by them."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope

    async def sites(self, slugs: list[str] | None) -> dict[str, int]:
        """Sites within the scope by slug; all of them for None."""
        statement = select(Site.slug, Site.id).where(Site.organization_id == self._scope.organization_id)
        if slugs is not None:
            statement = statement.where(Site.slug.in_(slugs))
        if self._scope.site_ids is not None:
            statement = statement.where(Site.id.in_(self._scope.site_ids))
        return {row["slug"]: row["id"] for row in await self._all(statement)}

    async def site_slugs(self, ids: list[int]) -> list[str]:
        """Slugs of sites."""
        return [row["slug"] for row in await self._all(select(Site.slug).where(Site.id.in_(ids)).order_by(Site.slug))]

    async def groups(self, names: list[str]) -> set[str]:
        """Those of these groups that there are."""
        group = DeviceGroup
        statement = select(group.name).where(
            group.organization_id == self._scope.organization_id, group.name.in_(names)
        )
        return {row["name"] for row in await self._all(statement)} if names else set()


class RolloutRepository(ReachRepository):
    """Of one organization. A rollout is seen by those who see all of its sites."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection, scope)
        self._own = RolloutRow.organization_id == scope.organization_id
        if scope.site_ids is not None:
            self._own &= RolloutRow.site_ids.contained_by(list(scope.site_ids))

    async def approve(self, rollout_id: UUID, by: str, now: datetime) -> bool:
        """Let a proposed rollout begin; whether it was still proposed."""
        row = RolloutRow
        statement = (
            update(row)
            .where(self._own, row.id == rollout_id, row.status == "proposed", row.created_by != by)
            .values(status="asked", approved_by=by, approved_at=now)
        )
        return bool((await self._connection.execute(statement)).rowcount)

    async def withdraw(self, rollout_id: UUID, now: datetime) -> None:
        """End a rollout that has not begun."""
        row = RolloutRow
        statement = update(row).where(self._own, row.id == rollout_id, row.status == "proposed")
        await self._connection.execute(statement.values(status="canceled", ended_at=now))

    async def note(self, rollout_id: UUID, words: str, now: datetime) -> None:
        """Add to the decision log what a person did."""
        await self._connection.execute(insert(RolloutEntry).values(rollout_id=rollout_id, at=now, words=words))
        await self._connection.execute(
            update(RolloutRow).where(self._own, RolloutRow.id == rollout_id).values(reason=words)
        )

    async def add(self, values: dict[str, Any]) -> None:
        """Ask for a rollout."""
        await self._connection.execute(insert(RolloutRow).values(organization_id=self._scope.organization_id, **values))

    async def rollouts(self, *, before: tuple[datetime, UUID] | None, rows: int) -> list[Row]:
        """Newest first."""
        row = RolloutRow
        statement = select(
            row.id, row.name, row.kind, row.model, row.version, row.back_to, row.status, row.reason, row.created_at,
            row.created_by, row.approved_at, row.approved_by, row.began_at, row.ended_at,
        ).where(self._own)  # fmt: skip
        if before is not None:
            statement = statement.where(tuple_(row.created_at, row.id) < before)
        return await self._all(statement.order_by(row.created_at.desc(), row.id.desc()).limit(rows))

    async def rollout(self, rollout_id: UUID) -> Row | None:
        """One rollout with its plan and state."""
        return await self._one(select(*RolloutRow.__table__.columns).where(self._own, RolloutRow.id == rollout_id))

    async def steps(self, rollout_id: UUID) -> list[Row]:
        """How many devices of each wave are in each step."""
        row = RolloutDevice
        statement = select(row.wave, row.step, func.count().label("devices")).where(row.rollout_id == rollout_id)
        return await self._all(statement.group_by(row.wave, row.step))

    async def devices(self, rollout_id: UUID, *, after: tuple[str, str] | None, rows: int) -> list[Row]:
        """Devices by site and name."""
        row = RolloutDevice
        statement = (
            select(
                Site.slug.label("site"), Device.slug.label("device"), row.wave, row.step, row.reason, row.active_at,
                row.ended_at, row.state["numbers"].label("numbers"),
            )
            .join(Device, Device.id == row.device_id)
            .join(Site, Site.id == Device.site_id)
            .where(row.rollout_id == rollout_id)
        )  # fmt: skip
        if after is not None:
            statement = statement.where(tuple_(Site.slug, Device.slug) > after)
        return await self._all(statement.order_by(Site.slug, Device.slug).limit(rows))

    async def fleet(self, *, site_id: int | None, after: tuple[str, str] | None, rows: int) -> list[Row]:
        """Devices of the scope, by site and name."""
        statement = (
            select(
                Device.id, Site.slug.label("site"), Device.slug.label("device"), Device.last_seen_at, Device.agent_version,
                Device.status_sent_at,
            )
            .join(Site, Site.id == Device.site_id)
            .where(own_sites(self._scope))
        )  # fmt: skip
        if site_id is not None:
            statement = statement.where(Device.site_id == site_id)
        if after is not None:
            statement = statement.where(tuple_(Site.slug, Device.slug) > after)
        return await self._all(statement.order_by(Site.slug, Device.slug).limit(rows))

    async def told(self, device_ids: list[int]) -> list[Row]:
        """What these devices should run, by shadow."""
        row = DeviceShadow
        sent = (row.sent_version >= row.version).label("sent")
        statement = select(row.device_id, row.shadow, row.desired, row.changed_at, sent)
        return await self._all(statement.where(row.device_id.in_(device_ids)))

    async def said(self, device_ids: list[int], *, most: int) -> list[Row]:
        """The newest status reports of each of these devices, newest first, with the kind of what they speak of."""
        return await self._all(_SAID, {"devices": device_ids, "event": DEPLOYMENT_EVENT, "most": most})

    async def runs(self, device_ids: list[int], since: datetime) -> list[Row]:
        """The newest heartbeat of each of these devices since then."""
        return await self._all(_RUNS, {"devices": device_ids, "since": since})

    async def model_changes(self, unit_id: int, start: datetime, end: datetime, *, rows: int) -> list[Row]:
        """When devices with a camera at a unit said that another model runs, newest first."""
        event, rollout = DeviceEventRow, RolloutRow
        state, deployment = event.detail["state"].astext, event.detail["deployment"].astext
        back = deployment.like("%-back")
        version = case((back, rollout.back_to), else_=rollout.version)
        ratio = cast(RolloutDevice.state["numbers"]["shadow.count_ratio"][0].astext, Double)
        there = select(Camera.device_id).where(Camera.unit_id == unit_id)
        statement = (
            select(
                event.occurred_at.label("at"), Device.slug.label("device"), state.label("state"),
                event.detail["running_sha256"].astext.label("sha256"), rollout.model, version.label("version"),
                rollout.id.label("rollout_id"), func.coalesce(event.detail["reason"].astext, "").label("reason"),
                back.label("back"), ratio.label("shadow_count_ratio"),
            )
            .join(Device, Device.id == event.device_id)
            .join(Site, Site.id == Device.site_id)
            .outerjoin(rollout, cast(rollout.id, String) == func.replace(deployment, "-back", ""))
            .outerjoin(
                RolloutDevice, (RolloutDevice.rollout_id == rollout.id) & (RolloutDevice.device_id == event.device_id)
            )
            .where(own_sites(self._scope), event.device_id.in_(there), event.name == DEPLOYMENT_EVENT)
            .where(event.occurred_at >= start, event.occurred_at < end, state.in_(("probation", "rolled_back")))
            .where(or_(rollout.id.is_(None), rollout.kind == "model"))
            .order_by(event.occurred_at.desc(), event.id.desc())
            .limit(rows)
        )  # fmt: skip
        return await self._all(statement)

    async def trial_changes(self, unit_id: int, start: datetime, end: datetime, *, rows: int) -> list[Row]:
        """The same of trials in some units, this one among them."""
        span = {"unit_id": unit_id, "start": start, "end": end}
        return await self._all(_TRIAL_CHANGES, {**span, "event": TRIAL_EVENT, "rows": rows})

    async def counts(self, unit_id: int, start: datetime, end: datetime, *, width: timedelta) -> list[Row]:
        """Mean count by bucket, box and model, in order of time."""
        return await self._all(_COUNTS, {"unit_id": unit_id, "start": start, "end": end, "width": width})

    async def decisions(self, rollout_id: UUID, *, before: int | None, rows: int) -> list[Row]:
        """The decision log, newest first."""
        row = RolloutEntry
        statement = select(row.id, row.at, row.words).where(row.rollout_id == rollout_id)
        if before is not None:
            statement = statement.where(row.id < before)
        return await self._all(statement.order_by(row.id.desc()).limit(rows))

    async def order(self, values: dict[str, Any]) -> None:
        """Leave an order for the controller."""
        statement = insert(RolloutOrder).values(organization_id=self._scope.organization_id, **values)
        await self._connection.execute(statement)
