"""A site at a glance. The number of queries does not depend on how much there is at the site."""

from __future__ import annotations

from datetime import datetime, timezone

from cloud.alarms.rules import worst
from cloud.alarms.schemas import AlarmCounts
from cloud.alarms.service import active_by_unit
from cloud.auth.dependencies import Principal
from cloud.auth.tokens import UrlSigner
from cloud.devices.repository import DeviceRepository
from cloud.devices.schemas import Device
from cloud.errors import NotFoundError
from cloud.farms.repository import FarmRepository
from cloud.farms.schemas import Unit
from cloud.kit.ids import decode_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection
from cloud.observations import service as observations
from cloud.overview.repository import SiteRepository
from cloud.overview.schemas import Site, SiteLatest, SitePage, UnitLatest
from cloud.telemetry import service as telemetry


async def list_sites(reader: ReadConnection, user: Principal, page: PageQuery) -> SitePage:
    """Sites of the user's organization, by slug."""
    after = None if page.cursor is None else decode_cursor(page.cursor, 1)[0]
    rows = await SiteRepository(reader, user.scope).sites(after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["slug"]))
    return SitePage(items=[Site(**row) for row in shown], next_cursor=cursor)


async def get_site(reader: ReadConnection, user: Principal, slug: str) -> Site:
    """One site.

    Raises:
        NotFoundError: the user's organization has no such site.
    """
    row = await SiteRepository(reader, user.scope).site(slug)
    if row is None:
        raise NotFoundError(f"There is no site {slug!r}")
    return Site(**row)


async def get_site_latest(
    reader: ReadConnection,
    user: Principal,
    slug: str,
    *,
    periods: telemetry.ChannelPeriods,
    limits: telemetry.ChannelLimits,
    signer: UrlSigner,
) -> SiteLatest:
    """The newest readings, observations, alarms and device states of a site.

    Raises:
        NotFoundError: the user's organization has no such site.
    """
    site = await get_site(reader, user, slug)
    devices = await DeviceRepository(reader, user.scope).devices(site_id=site.id)
    units = await FarmRepository(reader, user.scope).units(site.id)
    alarms = await active_by_unit(reader, user, site.id)
    now = datetime.now(timezone.utc)
    readings = await telemetry.latest_by_unit(reader, site.id, periods=periods, limits=limits, now=now)
    newest, evidence = await observations.latest_by_unit(reader, site.id, signer=signer, now=now)
    return SiteLatest(
        site=site,
        server_time=now,
        devices=[Device(**row) for row in devices],
        units=[
            UnitLatest(
                unit=Unit(**row),
                readings=readings.get(row["id"], []),
                observation=newest.get(row["id"]),
                evidence=evidence.get(row["id"]),
                alarms=AlarmCounts(**{severity.value: n for severity, n in alarms.get(row["id"], {}).items()}),
                worst_severity=worst(alarms.get(row["id"], {})),
            )
            for row in units
        ],
    )
