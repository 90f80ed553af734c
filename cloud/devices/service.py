"""Listing devices."""

from __future__ import annotations

from cloud.auth.dependencies import Principal
from cloud.devices.repository import DeviceRepository
from cloud.devices.schemas import Device, DevicePage
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection


async def list_devices(reader: ReadConnection, user: Principal, site: str | None, page: PageQuery) -> DevicePage:
    """Devices of the user's organization, or of one of its sites.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = None if site is None else await find_site_id(reader, user, site)
    after = None
    if page.cursor is not None:
        site_slug, slug = decode_cursor(page.cursor, 2)
        after = (site_slug, slug)
    rows = await DeviceRepository(reader, user.scope).devices(site_id=site_id, after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["site"], row["slug"]))
    return DevicePage(items=[Device(**row) for row in shown], next_cursor=cursor)
