"""SQL of sites with their counts."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Integer, ScalarSelect, bindparam, func, select

from cloud.alarms.repository import IS_OPEN
from cloud.alarms.tables import Alarm
from cloud.auth.scope import Scope
from cloud.devices.tables import Device
from cloud.farms.repository import OF_SCOPE, scoped
from cloud.farms.tables import Site, Unit
from cloud.kit.queries import Query
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


@cache
def _sites(limited: bool, after: bool) -> Query:  # noqa: FBT001
    statement = _SITES.where(OF_SCOPE[limited]).order_by(Site.slug).limit(bindparam("rows", type_=Integer))
    return Query(statement.where(Site.slug > bindparam("after")) if after else statement)


@cache
def _site(limited: bool) -> Query:  # noqa: FBT001
    return Query(_SITES.where(OF_SCOPE[limited], Site.slug == bindparam("slug")))


class SiteRepository(Repository):
    """Sites of one organization."""

    def __init__(self, connection: ReadConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self._limited = scope.site_ids is not None

    async def sites(self, *, after: str | None, rows: int) -> list[Row]:
        """Sites by slug, those after the slug ``after``."""
        values = scoped(self._scope, rows=rows)
        if after is not None:
            values["after"] = after
        return await self._all(_sites(self._limited, after is not None), values)

    async def site(self, slug: str) -> Row | None:
        """One site."""
        return await self._one(_site(self._limited), scoped(self._scope, slug=slug))
