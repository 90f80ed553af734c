"""SQL of sites and units. Every query names the organization that asks."""

from __future__ import annotations

from sqlalchemy import select

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


class FarmRepository(Repository):
    """Sites and units of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, organization_id: int) -> None:
        super().__init__(connection)
        self._organization_id = organization_id

    async def site_id(self, slug: str) -> int | None:
        """Key of the site with this slug."""
        row = await self._one(select(Site.id).where(Site.slug == slug, Site.organization_id == self._organization_id))
        return None if row is None else row["id"]

    async def site(self, slug: str) -> Row | None:
        """One site with its name and time zone."""
        return await self._one(
            select(Site.id, Site.slug, Site.name, Site.timezone).where(
                Site.slug == slug, Site.organization_id == self._organization_id
            )
        )

    async def unit(self, unit_id: int) -> Row | None:
        """One unit."""
        return await self._one(_UNITS.where(Unit.id == unit_id, Site.organization_id == self._organization_id))

    async def units(self, site_id: int, *, after: str | None = None, rows: int | None = None) -> list[Row]:
        """Units of a site by slug, those after the slug ``after``; ``rows`` None means all."""
        own = (Unit.site_id == site_id, Site.organization_id == self._organization_id)
        statement = _UNITS.where(*own).order_by(Unit.slug).limit(rows)
        if after is not None:
            statement = statement.where(Unit.slug > after)
        return await self._all(statement)
