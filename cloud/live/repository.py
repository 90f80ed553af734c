"""SQL of the live interface: what the store changed since the last look, for all watchers of a process at once.

A row's ``xmin`` is the transaction that wrote it, and the oldest transaction that was still running at the last look is
a mark below which nothing can appear any more. So rows at or above the mark are all that may be new, whatever the order
of commits; what was there already is found twice and told once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, select, text

from cloud.auth.scope import Scope
from cloud.devices.tables import Device
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row

_MARK = text("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS xid) AS text) AS mark")
_READINGS = text("""
SELECT latest.channel_id, channel.unit_id, unit.site_id, latest.value, latest.observed_at, latest.quality, latest.test,
       latest.also
FROM reading_latest AS latest
JOIN channel ON channel.id = latest.channel_id
JOIN unit ON unit.id = channel.unit_id
WHERE unit.site_id IN :site_ids AND age(latest.xmin) <= age(CAST(:mark AS xid))
""").bindparams(bindparam("site_ids", expanding=True))
_DEVICES = text("""
SELECT device.id, device.site_id, device.slug, device.name, site.slug AS site, device.state, device.state_at,
       device.last_seen_at, device.agent_version
FROM device JOIN site ON site.id = device.site_id
WHERE device.site_id IN :site_ids AND age(device.xmin) <= age(CAST(:mark AS xid))
""").bindparams(bindparam("site_ids", expanding=True))
# The same condition as alarms.repository.IS_OPEN, in the words of the partial index.
_OPEN = text("""
SELECT id, site_id, CAST(xmin AS text) AS version FROM alarm
WHERE site_id IN :site_ids AND (cleared_at IS NULL OR acknowledged_at IS NULL)
""").bindparams(bindparam("site_ids", expanding=True))
# What the cameras saw before yesterday is in the snapshot already; the bound lets the planner skip partitions.
_SEEN = text("""
SELECT unit.id AS unit_id, unit.site_id, seen.camera_id, seen.observed_at,
       (SELECT image.observed_at FROM image WHERE image.unit_id = unit.id ORDER BY image.observed_at DESC LIMIT 1) AS image_at,
       EXISTS (SELECT FROM image WHERE image.sha256 = seen.image_sha256) AS has_image
FROM unit
CROSS JOIN LATERAL (
    SELECT camera_id, observed_at, image_sha256 FROM observation
    WHERE unit_id = unit.id AND observed_at > :since ORDER BY observed_at DESC LIMIT 1
) AS seen
WHERE unit.site_id IN :site_ids
""").bindparams(bindparam("site_ids", expanding=True))


class LiveRepository(Repository):
    """Changes at some sites, whoever they belong to: the hub decides who is told."""

    async def mark(self) -> str:
        """The oldest transaction that is running now; every later look at rows from it on misses nothing."""
        row = await self._one(_MARK)
        assert row is not None  # noqa: S101  (a SELECT without FROM has one row)
        mark: str = row["mark"]
        return mark

    async def readings(self, site_ids: Collection[int], mark: str) -> list[Row]:
        """Newest readings that may have changed since the mark."""
        return await self._all(_READINGS, {"site_ids": list(site_ids), "mark": mark})

    async def devices(self, site_ids: Collection[int], mark: str) -> list[Row]:
        """Boxes that may have changed since the mark."""
        return await self._all(_DEVICES, {"site_ids": list(site_ids), "mark": mark})

    async def open_alarms(self, site_ids: Collection[int]) -> list[Row]:
        """Every open alarm with the version of its row."""
        return await self._all(_OPEN, {"site_ids": list(site_ids)})

    async def seen(self, site_ids: Collection[int], since: datetime) -> list[Row]:
        """For every unit the key of its newest observation, and when its newest image was taken."""
        return await self._all(_SEEN, {"site_ids": list(site_ids), "since": since})

    async def all_devices(self, site_id: int) -> list[Row]:
        """Every box of a site."""
        columns = (
            Device.id, Device.slug, Device.name, Site.slug.label("site"), Device.state, Device.state_at,
            Device.last_seen_at, Device.agent_version,
        )  # fmt: skip
        return await self._all(
            select(*columns)
            .join(Site, Site.id == Device.site_id)
            .where(Device.site_id == site_id)
            .order_by(Device.slug)
        )

    async def units(self, site_id: int) -> list[Row]:
        """Every unit of a site."""
        columns = (
            Unit.id, Unit.slug, Unit.name, Unit.kind, Unit.volume_m3, Unit.species, Unit.stage, Site.slug.label("site"),
        )  # fmt: skip
        return await self._all(
            select(*columns).join(Site, Site.id == Unit.site_id).where(Unit.site_id == site_id).order_by(Unit.slug)
        )


class SubscriptionRepository(Repository):
    """Sites and units that a subscription may name."""

    def __init__(self, connection: ReadConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._own = own_sites(scope)

    async def sites(self) -> list[Row]:
        """Every site in scope."""
        return await self._all(select(Site.id, Site.slug).where(self._own))

    async def units(self, unit_ids: Collection[int]) -> list[Row]:
        """Those of these units that are in scope."""
        return await self._all(
            select(Unit.id, Unit.site_id).join(Site, Site.id == Unit.site_id).where(self._own, Unit.id.in_(unit_ids))
        )
