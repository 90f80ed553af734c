"""Listing devices, and what people call them together: groups and tags."""

from __future__ import annotations

from datetime import datetime, timedelta

from cloud.auth.dependencies import Principal
from cloud.devices.repository import DeviceRepository
from cloud.devices.schemas import (
    Device,
    DeviceDiagnostics,
    DeviceGroup,
    DeviceGroupPage,
    DeviceHealth,
    DeviceHealthPage,
    DevicePage,
    Diagnostics,
    GroupMembers,
)
from cloud.errors import NotFoundError
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from contracts.diagnostics import DIAGNOSTICS_MADE, read_summary

DIAGNOSTICS_SHOWN = 5
HEARTBEATS = timedelta(days=7)
"""A heartbeat that is older says nothing of now."""


async def list_devices(
    reader: ReadConnection,
    user: Principal,
    site: str | None,
    page: PageQuery,
    *,
    tag: str | None = None,
    group: str | None = None,
) -> DevicePage:
    """Devices of the user's organization, or of one of its sites, with a tag or of a group.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = None if site is None else await find_site_id(reader, user, site)
    after = None
    if page.cursor is not None:
        site_slug, slug = decode_cursor(page.cursor, 2)
        after = (site_slug, slug)
    repository = DeviceRepository(reader, user.scope)
    rows = await repository.devices(site_id=site_id, after=after, rows=page.rows, tag=tag, group=group)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["site"], row["slug"]))
    return DevicePage(items=[Device(**row) for row in shown], next_cursor=cursor)


async def list_health(
    reader: ReadConnection, user: Principal, site: str | None, page: PageQuery, now: datetime, *, wrong: bool
) -> DeviceHealthPage:
    """The newest heartbeat of every device.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = None if site is None else await find_site_id(reader, user, site)
    after = None
    if page.cursor is not None:
        site_slug, slug = decode_cursor(page.cursor, 2)
        after = (site_slug, slug)
    repository = DeviceRepository(reader, user.scope)
    rows = await repository.health(now - HEARTBEATS, site_id=site_id, after=after, rows=page.rows, wrong=wrong)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["site"], row["device"]))
    return DeviceHealthPage(items=[_health(row) for row in shown], next_cursor=cursor)


def _health(row: Row) -> DeviceHealth:
    body = row["body"] or {}
    model = body.get("model")
    told = (
        *("certificate_expires_at", "uptime_s", "outbox_rows", "outbox_bytes", "outbox_oldest_age_s"),
        *("disk_free_bytes", "rss_bytes", "cpu_percent", "provider", "clock_trusted"),
    )
    of_device = ("site", "device", "state", "observed_at", "last_seen_at", "agent_version")
    return DeviceHealth.model_validate(
        {name: row[name] for name in of_device}
        | {name: body.get(name) for name in told}
        | {name: body.get(name) or {} for name in ("temperatures_c", "channel_age_s")}
        | {
            # What is not known is not stored: a camera that has had no frame has no age of it.
            "cameras": [{"last_frame_age_s": None} | camera for camera in body.get("cameras") or ()],
            "degraded": list(body.get("degraded") or ()),
            "model": None if model is None else f"{model['name']} {model['version']}",
        }
    )


async def diagnostics(reader: ReadConnection, user: Principal, site: str, device: str) -> DeviceDiagnostics:
    """The newest diagnostics that a device has told.

    Raises:
        NotFoundError: there is no such device of theirs.
    """
    repository = DeviceRepository(reader, user.scope)
    known = await repository.ids([(site, device)])
    if not known:
        raise NotFoundError(f"There is no device {site}/{device}")
    rows = await repository.events_of_device(known[site, device], DIAGNOSTICS_MADE, rows=DIAGNOSTICS_SHOWN)
    return DeviceDiagnostics(items=[_diagnostics(row) for row in rows])


def _diagnostics(row: Row) -> Diagnostics:
    detail = row["detail"]
    try:
        summary = read_summary(str(detail.get("summary", "")))
    except ValueError:
        summary = None
    size = detail.get("bytes")
    return Diagnostics(
        made_at=row["occurred_at"],
        message=row["message"],
        file=str(detail.get("file", "")),
        bytes=size if isinstance(size, int) else 0,
        sha256=str(detail.get("sha256", "")),
        summary=summary,
    )


async def set_tags(writer: WriteConnection, user: Principal, site: str, device: str, tags: list[str]) -> Device:
    """Replace the tags of a device.

    Raises:
        NotFoundError: there is no such device of theirs.
    """
    repository = DeviceRepository(writer, user.scope)
    known = await repository.ids([(site, device)])
    if not known:
        raise NotFoundError(f"There is no device {site}/{device}")
    device_id = known[site, device]
    await repository.set_tags(device_id, sorted(set(tags)))
    return Device(**await repository.device(device_id))


async def list_groups(reader: ReadConnection, user: Principal, page: PageQuery) -> DeviceGroupPage:
    """Groups by name."""
    repository = DeviceRepository(reader, user.scope)
    after = None if page.cursor is None else decode_cursor(page.cursor, 1)[0]
    rows = await repository.groups(after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["name"]))
    members = await repository.members([row["id"] for row in shown])
    return DeviceGroupPage(
        items=[_group(row, members.get(row["id"], [])) for row in shown],
        next_cursor=cursor,
    )


async def set_group(
    writer: WriteConnection, user: Principal, name: str, wanted: GroupMembers, now: datetime
) -> DeviceGroup:
    """Make a group or replace its members.

    Raises:
        NotFoundError: a device is not theirs.
    """
    repository = DeviceRepository(writer, user.scope)
    pairs = [tuple(each.split("/", 1)) for each in dict.fromkeys(wanted.devices)]
    known = await repository.ids([(site, device) for site, device in pairs])
    for site, device in pairs:
        if (site, device) not in known:
            raise NotFoundError(f"There is no device {site}/{device}")
    group_id = await repository.keep_group(name, wanted.note, user.email, now)
    await repository.set_members(group_id, sorted(known.values()))
    return _group(await repository.group(group_id), (await repository.members([group_id])).get(group_id, []))


async def delete_group(writer: WriteConnection, user: Principal, name: str) -> None:
    """Forget a group.

    Raises:
        NotFoundError: there is none of this name.
    """
    if not await DeviceRepository(writer, user.scope).delete_group(name):
        raise NotFoundError(f"There is no group {name}")


def _group(row: dict[str, object], members: list[str]) -> DeviceGroup:
    return DeviceGroup.model_validate({**{key: value for key, value in row.items() if key != "id"}, "devices": members})
