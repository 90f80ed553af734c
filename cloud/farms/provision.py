"""Farms from a file: organizations, sites and units are made or brought up to date, as often as you like.

What is not named in the file stays as it is; nothing is ever removed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cloud.db.session import psycopg_url
from cloud.farms.writer import ensure_organization, ensure_site, ensure_unit
from contracts.base import Slug
from contracts.errors import ConfigurationError


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrganizationSpec(_Spec):
    """An organization; without a name the slug serves."""

    slug: Slug
    name: str | None = None


class SiteSpec(_Spec):
    """A site. Values that are None are left as they are in the database."""

    slug: Slug
    name: str | None = None
    timezone: str | None = None
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)


class UnitSpec(_Spec):
    """A rearing unit of a site of the same file (or of the database)."""

    site: Slug
    slug: Slug
    name: str | None = None
    kind: Literal["tank", "raceway", "pond", "net_pen"] | None = None
    volume_m3: float | None = Field(default=None, gt=0)
    species: str | None = None
    stage: str | None = None


def provision(
    database_url: str,
    organization: Mapping[str, Any] | str,
    sites: Sequence[Mapping[str, Any]] = (),
    units: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Make the organization with its sites and units, or bring them up to date, in one transaction.

    Args:
        database_url: ``postgresql://user:password@host:port/name``, migrated.
        organization: its slug, or the fields of ``OrganizationSpec``.
        sites: fields of ``SiteSpec`` each.
        units: fields of ``UnitSpec`` each.

    Raises:
        ConfigurationError: a field is missing, unknown or out of range, or a unit names an unknown site.
        psycopg.OperationalError: the database cannot be reached.
    """
    owner = _checked(
        "organization", OrganizationSpec, {"slug": organization} if isinstance(organization, str) else organization
    )
    site_specs = _checked("sites", list[SiteSpec], sites)
    unit_specs = _checked("units", list[UnitSpec], units)
    with psycopg.connect(psycopg_url(database_url)) as database:
        owner_id = ensure_organization(database, owner.slug, owner.name)
        _update(database, "organization", owner_id, {"name": owner.name})
        site_ids: dict[str, int] = {}
        for site in site_specs:
            site_ids[site.slug] = ensure_site(database, owner_id, site.slug, site.name)
            # A site that registered itself belonged to nobody yet.
            fields = {**site.model_dump(exclude={"slug"}), "organization_id": owner_id}
            _update(database, "site", site_ids[site.slug], fields)
        for index, unit in enumerate(unit_specs):
            site_id = site_ids.get(unit.site) or _site_id(database, unit.site, f"units.{index}.site")
            unit_id = ensure_unit(database, site_id, unit.slug, unit.name)
            _update(database, "unit", unit_id, unit.model_dump(exclude={"site", "slug"}))


def _checked(field: str, wanted: Any, given: Any) -> Any:
    try:
        return TypeAdapter(wanted).validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in (field, *first["loc"]))
        raise ConfigurationError(where, first["input"], f"{first['msg']}.") from error


def _site_id(database: Connection[Any], slug: str, field: str) -> int:
    row = database.execute("SELECT id FROM site WHERE slug = %s", (slug,)).fetchone()
    if row is None:
        raise ConfigurationError(field, slug, "Name one of the sites of the same file.")
    return int(row[0])


def _update(database: Connection[Any], table: str, row_id: int, fields: Mapping[str, Any]) -> None:
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        return
    assignments = SQL(", ").join(SQL("{} = {}").format(Identifier(name), value) for name, value in given.items())
    database.execute(SQL("UPDATE {} SET {} WHERE id = {}").format(Identifier(table), assignments, row_id))
