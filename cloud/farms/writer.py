"""Organizations, sites and units by name: found, or made with what is known of them."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

DEFAULT_ORGANIZATION = "shoal"
"""Owner of sites that registered themselves before anyone provisioned them."""


def ensure_organization(database: Connection[Any], slug: str, name: str | None = None) -> int:
    """Id of the organization; an existing one keeps its name."""
    return _ensure(
        database,
        "SELECT id FROM organization WHERE slug = %(slug)s",
        "INSERT INTO organization (slug, name) VALUES (%(slug)s, %(name)s) ON CONFLICT DO NOTHING RETURNING id",
        {"slug": slug, "name": name or title_of(slug)},
    )


def find_site(database: Connection[Any], slug: str) -> int | None:
    """Id of the site, if there is one."""
    row = database.execute("SELECT id FROM site WHERE slug = %s", (slug,)).fetchone()
    return None if row is None else row[0]


def ensure_site(database: Connection[Any], organization_id: int, slug: str, name: str | None = None) -> int:
    """Id of the site; an existing one keeps its organization and name."""
    return _ensure(
        database,
        "SELECT id FROM site WHERE slug = %(slug)s",
        "INSERT INTO site (organization_id, slug, name) VALUES (%(organization_id)s, %(slug)s, %(name)s)"
        " ON CONFLICT DO NOTHING RETURNING id",
        {"organization_id": organization_id, "slug": slug, "name": name or title_of(slug)},
    )


def ensure_unit(database: Connection[Any], site_id: int, slug: str, name: str | None = None) -> int:
    """Id of the unit; an existing one keeps its name and kind."""
    return _ensure(
        database,
        "SELECT id FROM unit WHERE site_id = %(site_id)s AND slug = %(slug)s",
        "INSERT INTO unit (site_id, slug, name) VALUES (%(site_id)s, %(slug)s, %(name)s)"
        " ON CONFLICT DO NOTHING RETURNING id",
        {"site_id": site_id, "slug": slug, "name": name or title_of(slug)},
    )


def title_of(slug: str) -> str:
    """A name for people until someone gives a better one: ``tank-1`` is ``Tank 1``."""
    return slug.replace("-", " ").replace("_", " ").capitalize()


def _ensure(database: Connection[Any], find: str, make: str, parameters: dict[str, Any]) -> int:
    """Find, or make, or find what another process made in between."""
    for statement in (find, make, find):
        row = database.execute(statement, parameters).fetchone()
        if row is not None:
            return int(row[0])
    raise AssertionError(f"neither found nor made: {parameters}")  # READ COMMITTED shows what made us not insert
