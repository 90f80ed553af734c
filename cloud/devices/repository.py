"""SQL of devices. Every query names the organization that asks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select, tuple_

from cloud.auth.scope import Scope
from cloud.devices.tables import Channel, Device, DeviceEventRow
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site
from cloud.kit.repository import ReadConnection, Repository, Row


class DeviceRepository(Repository):
    """Devices of one organization."""

    def __init__(self, connection: ReadConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope

    async def devices(
        self, *, site_id: int | None, after: tuple[str, str] | None = None, rows: int | None = None
    ) -> list[Row]:
        """Devices by site and slug, of one site or of all; those after (site, device)."""
        statement = (
            select(
                Device.id,
                Device.slug,
                Device.name,
                Site.slug.label("site"),
                Device.state,
                Device.state_at,
                Device.last_seen_at,
                Device.agent_version,
            )
            .join(Site, Site.id == Device.site_id)
            .where(own_sites(self._scope))
            .order_by(Site.slug, Device.slug)
            .limit(rows)
        )
        if site_id is not None:
            statement = statement.where(Device.site_id == site_id)
        if after is not None:
            statement = statement.where(tuple_(Site.slug, Device.slug) > after)
        return await self._all(statement)

    async def events_of_unit(self, unit_id: int, start: datetime, end: datetime, *, rows: int) -> list[Row]:
        """Events that concern a unit, or no unit but a device that measures in it, newest first."""
        there = select(Channel.device_id).where(Channel.unit_id == unit_id)
        general = and_(DeviceEventRow.unit_id.is_(None), DeviceEventRow.device_id.in_(there))
        return await self._all(
            select(
                DeviceEventRow.id,
                Device.slug.label("device"),
                DeviceEventRow.name,
                DeviceEventRow.occurred_at,
                DeviceEventRow.message,
            )
            .join(Device, Device.id == DeviceEventRow.device_id)
            .join(Site, Site.id == Device.site_id)
            .where(own_sites(self._scope))
            .where(or_(DeviceEventRow.unit_id == unit_id, general))
            .where(DeviceEventRow.occurred_at >= start, DeviceEventRow.occurred_at < end)
            .order_by(DeviceEventRow.occurred_at.desc(), DeviceEventRow.id.desc())
            .limit(rows)
        )
