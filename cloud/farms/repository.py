"""SQL of sites and units. Every query names the scope that asks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sqlalchemy import ColumnElement, Integer, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from cloud.auth.scope import Scope
from cloud.farms.tables import Site, Unit
from cloud.kit.queries import Query
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


OF_SCOPE: Mapping[bool, ColumnElement[bool]] = {
    False: Site.organization_id == bindparam("organization_id"),
    True: and_(
        Site.organization_id == bindparam("organization_id"),
        Site.id == any_(bindparam("site_ids", type_=ARRAY(Integer))),
    ),
}
"""The same for a ``Query``, by whether the scope is limited to some sites; ``scoped`` gives its parameters."""


def scoped(scope: Scope, **parameters: object) -> Row:
    """Parameters of a query that carries ``OF_SCOPE``."""
    values: Row = {"organization_id": scope.organization_id, **parameters}
    if scope.site_ids is not None:
        values["site_ids"] = list(scope.site_ids)
    return values


@cache
def _site_id(limited: bool) -> Query:  # noqa: FBT001
    return Query(select(Site.id).where(Site.slug == bindparam("slug"), OF_SCOPE[limited]))


@cache
def _unit(limited: bool) -> Query:  # noqa: FBT001
    return Query(_UNITS.where(Unit.id == bindparam("unit_id"), OF_SCOPE[limited]))


@cache
def _units(limited: bool, after: bool) -> Query:  # noqa: FBT001
    statement = _UNITS.where(Unit.site_id == bindparam("site_id"), OF_SCOPE[limited]).order_by(Unit.slug)
    # LIMIT NULL is no limit.
    statement = statement.limit(bindparam("rows", type_=Integer))
    return Query(statement.where(Unit.slug > bindparam("after")) if after else statement)


class FarmRepository(Repository):
    """Sites and units of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self._limited = scope.site_ids is not None

    async def site_id(self, slug: str) -> int | None:
        """Key of the site with this slug."""
        row = await self._one(_site_id(self._limited), scoped(self._scope, slug=slug))
        return None if row is None else row["id"]

    async def site(self, slug: str) -> Row | None:
        """One site with its name and time zone."""
        return await self._one(
            select(Site.id, Site.slug, Site.name, Site.timezone).where(Site.slug == slug, own_sites(self._scope))
        )

    async def unit(self, unit_id: int) -> Row | None:
        """One unit."""
        return await self._one(_unit(self._limited), scoped(self._scope, unit_id=unit_id))

    async def units(self, site_id: int, *, after: str | None = None, rows: int | None = None) -> list[Row]:
        """Units of a site by slug, those after the slug ``after``; ``rows`` None means all."""
        values = scoped(self._scope, site_id=site_id, rows=rows)
        if after is not None:
            values["after"] = after
        return await self._all(_units(self._limited, after is not None), values)
