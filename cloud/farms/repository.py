"""SQL of sites and units. Every query names the scope that asks."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, select

from cloud.auth.scope import Scope
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection

_UNITS = select(
    Unit.id,
    Unit.slug,
    Unit.name,
    Unit.kind,
    Unit.volume_m3,
    Unit.species,
    Unit.stage,
    Site.slug.label("site"),
).join(Site, Site.id == Unit.site_id)


def own_sites(scope: Scope) -> ColumnElement[bool]:
    """Condition on ``Site`` that every query of a feature carries: the organization, and the sites in scope."""
    of_organization = Site.organization_id == scope.organization_id
    return of_organization if scope.site_ids is None else and_(of_organization, Site.id.in_(scope.site_ids))


class FarmRepository(Repository):
    """Sites and units of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope

    async def site_id(self, slug: str) -> int | None:
        """Key of the site with this slug."""
        row = await self._one(select(Site.id).where(Site.slug == slug, own_sites(self._scope)))
        return None if row is None else row["id"]

    async def site(self, slug: str) -> Row | None:
        """One site with its name and time zone."""
        return await self._one(
            select(Site.id, Site.slug, Site.name, Site.timezone).where(Site.slug == slug, own_sites(self._scope))
        )

    async def unit(self, unit_id: int) -> Row | None:
        """One unit."""
        return await self._one(_UNITS.where(Unit.id == unit_id, own_sites(self._scope)))

    async def units(self, site_id: int, *, after: str | None = None, rows: int | None = None) -> list[Row]:
        """Units of a site by slug, those after the slug ``after``; ``rows`` None means all."""
        own = (Unit.site_id == site_id, own_sites(self._scope))
        statement = _UNITS.where(*own).order_by(Unit.slug).limit(rows)
        if after is not None:
            statement = statement.where(Unit.slug > after)
        return await self._all(statement)
