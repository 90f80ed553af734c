"""SQL of sites with their counts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ScalarSelect, func, select

from cloud.alarms.repository import IS_OPEN
from cloud.alarms.tables import Alarm
from cloud.auth.scope import Scope
from cloud.devices.tables import Device
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row


def _count(column: Any, *where: Any) -> ScalarSelect[int]:
    return select(func.count()).where(column == Site.id, *where).correlate(Site).scalar_subquery()


_SITES = select(
    Site.id,
    Site.slug,
    Site.name,
    Site.timezone,
    Site.latitude,
    Site.longitude,
    _count(Unit.site_id).label("units"),
    _count(Device.site_id).label("devices"),
    _count(Device.site_id, Device.state == "online").label("devices_online"),
    _count(Alarm.site_id, IS_OPEN).label("open_alarms"),
)


class SiteRepository(Repository):
    """Sites of one organization."""

    def __init__(self, connection: ReadConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._own = own_sites(scope)

    async def sites(self, *, after: str | None, rows: int) -> list[Row]:
        """Sites by slug, those after the slug ``after``."""
        statement = _SITES.where(self._own).order_by(Site.slug).limit(rows)
        if after is not None:
            statement = statement.where(Site.slug > after)
        return await self._all(statement)

    async def site(self, slug: str) -> Row | None:
        """One site."""
        return await self._one(_SITES.where(self._own, Site.slug == slug))
