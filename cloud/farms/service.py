"""Finding sites and units of the user's organization."""

from __future__ import annotations

from cloud.auth.dependencies import Principal
from cloud.errors import NotFoundError
from cloud.farms.repository import FarmRepository
from cloud.farms.schemas import Unit, UnitPage
from cloud.kit.ids import decode_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection

_MAX_ID = 2**31 - 1  # keys are int4


def checked_id(key: int, what: str) -> int:
    """The key, when a row can have it.

    Raises:
        NotFoundError: no row can.
    """
    if not 0 < key <= _MAX_ID:
        raise NotFoundError(f"There is no {what} {key}")
    return key


async def find_site_id(reader: ReadConnection, user: Principal, slug: str) -> int:
    """Key of a site.

    Raises:
        NotFoundError: the user's organization has no such site.
    """
    site_id = await FarmRepository(reader, user.scope).site_id(slug)
    if site_id is None:
        raise NotFoundError(f"There is no site {slug!r}")
    return site_id


async def list_units(reader: ReadConnection, user: Principal, site: str, page: PageQuery) -> UnitPage:
    """Units of a site, by slug."""
    site_id = await find_site_id(reader, user, site)
    after = None if page.cursor is None else decode_cursor(page.cursor, 1)[0]
    rows = await FarmRepository(reader, user.scope).units(site_id, after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["slug"]))
    return UnitPage(items=[Unit(**row) for row in shown], next_cursor=cursor)


async def get_unit(reader: ReadConnection, user: Principal, unit_id: int) -> Unit:
    """One unit.

    Raises:
        NotFoundError: the user's organization has no such unit.
    """
    row = await FarmRepository(reader, user.scope).unit(checked_id(unit_id, "unit"))
    if row is None:
        raise NotFoundError(f"There is no unit {unit_id}")
    return Unit(**row)
