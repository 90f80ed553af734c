"""Edge boxes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Query

from cloud.auth.dependencies import FleetAdmin, Viewer
from cloud.devices import service
from cloud.devices.schemas import (
    Device,
    DeviceDiagnostics,
    DeviceGroup,
    DeviceGroupPage,
    DeviceHealthPage,
    DevicePage,
    DeviceTags,
    GroupMembers,
)
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from cloud.kit.shared_answers import shared
from contracts.base import Slug

router = APIRouter(tags=["devices"])


@router.get("/devices", summary="Devices", responses=problems(400, 401, 404))
@shared
async def list_devices(
    user: Viewer,
    reader: Reader,
    page: Paging,
    site: Annotated[Slug | None, Query(description="Slug of a site; without it, all of the organization.")] = None,
    tag: Annotated[Slug | None, Query(description="Only devices with this tag.")] = None,
    group: Annotated[Slug | None, Query(description="Only devices of this group.")] = None,
) -> DevicePage:
    """Edge boxes with their connection state, tags and groups, by site and slug."""
    return await service.list_devices(reader, user, site, page, tag=tag, group=group)


@router.get("/device-health", summary="Health of devices", responses=problems(400, 401, 404))
async def list_device_health(
    user: Viewer,
    reader: Reader,
    page: Paging,
    site: Annotated[Slug | None, Query(description="Slug of a site; without it, all of the organization.")] = None,
    wrong: Annotated[bool, Query(description="Only boxes on which something does not work as configured.")] = False,  # noqa: FBT002
) -> DeviceHealthPage:
    """What every box last said of itself: what does not work, when its certificate ends, what waits on it, disk and memory."""
    return await service.list_health(reader, user, site, page, datetime.now(timezone.utc), wrong=wrong)


@router.put(
    "/sites/{site}/devices/{device}/tags", summary="Tags of a device", responses=problems(401, 403, 404), tags=["fleet"]
)
async def set_device_tags(site: Slug, device: Slug, tags: DeviceTags, user: FleetAdmin, writer: Writer) -> Device:
    """Replace the tags of a device. Rollouts and lists choose devices by them."""
    return await service.set_tags(writer, user, site, device, tags.tags)


@router.get(
    "/sites/{site}/devices/{device}/diagnostics",
    summary="Diagnostics of a device",
    responses=problems(401, 403, 404),
    tags=["fleet"],
)
async def get_device_diagnostics(site: Slug, device: Slug, user: FleetAdmin, reader: Reader) -> DeviceDiagnostics:
    """What the device told when it was asked for diagnostics, the newest five; it has taken every secret out."""
    return await service.diagnostics(reader, user, site, device)


@router.get("/device-groups", summary="Groups of devices", responses=problems(400, 401), tags=["fleet"])
@shared
async def list_device_groups(user: Viewer, reader: Reader, page: Paging) -> DeviceGroupPage:
    """Groups by name, with their devices."""
    return await service.list_groups(reader, user, page)


@router.put(
    "/device-groups/{group}", summary="Make or change a group", responses=problems(401, 403, 404), tags=["fleet"]
)
async def set_device_group(group: Slug, members: GroupMembers, user: FleetAdmin, writer: Writer) -> DeviceGroup:
    """Make a group, or replace its members. Devices of sites that you may not see stay as they are."""
    return await service.set_group(writer, user, group, members, datetime.now(timezone.utc))


@router.delete(
    "/device-groups/{group}",
    status_code=204,
    summary="Delete a group",
    responses=problems(401, 403, 404),
    tags=["fleet"],
)
async def delete_device_group(group: Slug, user: FleetAdmin, writer: Writer) -> None:
    """Forget a group; its devices and what they run stay. Rollouts that have begun keep their devices."""
    await service.delete_group(writer, user, group)
