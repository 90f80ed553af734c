"""Commands to boxes, and what boxes send for them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from cloud.auth.dependencies import FleetAdmin, Operator
from cloud.commands import service
from cloud.commands.schemas import ArchiveOut, CommandList, CommandOut, NewCommand
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from contracts.base import Slug

router = APIRouter()

PATH = "/device-archives"
UPLOADS = frozenset({f"/api/v1{PATH}"})
"""Paths that take more than an ordinary request."""
_ZIP = "application/zip"


@router.post(
    "/sites/{site}/devices/{device}/commands",
    status_code=202,
    summary="Order a command to a device",
    responses=problems(400, 401, 403, 404, 409),
    tags=["fleet"],
)
async def order_command(site: Slug, device: Slug, command: NewCommand, user: FleetAdmin, writer: Writer) -> CommandOut:
    """Diagnostics, or another level of the log for a while. It is sent until the device answers or it expires."""
    return await service.order(writer, user, site, device, command, _now())


@router.get(
    "/sites/{site}/devices/{device}/commands",
    summary="Commands to a device",
    responses=problems(401, 403, 404),
    tags=["fleet"],
)
async def list_commands(site: Slug, device: Slug, user: FleetAdmin, reader: Reader) -> CommandList:
    """The newest twenty and where they stand; they are kept for 90 days."""
    return await service.list_commands(reader, user, site, device, _now())


@router.get(
    "/sites/{site}/devices/{device}/commands/{command_id}",
    summary="One command to a device",
    responses=problems(401, 403, 404),
    tags=["fleet"],
)
async def get_command(site: Slug, device: Slug, command_id: UUID, user: FleetAdmin, reader: Reader) -> CommandOut:
    """Where it stands, and the device's answer."""
    return await service.get_command(reader, user, site, device, command_id, _now())


@router.get(
    "/sites/{site}/devices/{device}/commands/{command_id}/archive",
    summary="The archive that a device sent",
    response_class=Response,
    responses={200: {"content": {_ZIP: {}}}, **problems(401, 403, 404)},
    tags=["fleet"],
)
async def get_command_archive(site: Slug, device: Slug, command_id: UUID, user: FleetAdmin, writer: Writer) -> Response:
    """The whole diagnostics, a ZIP without secrets. Every download is entered in the audit log."""
    archive = await service.give_archive(writer, user, site, device, command_id)
    name = f"{site}-{device}-{archive.file}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(archive.content, media_type=_ZIP, headers=headers)


@router.put(
    PATH,
    summary="Send an archive that was ordered",
    responses=problems(400, 401, 403, 404, 409, 413),
    tags=["diagnostics"],
)
async def put_device_archive(
    request: Request,
    user: Operator,
    writer: Writer,
    content: Annotated[bytes, Body(media_type=_ZIP)],
    site: Annotated[Slug, Query()],
    device: Annotated[Slug, Query()],
    command: Annotated[UUID, Query(description="The command that asked for it.")],
    file: Annotated[str, Query(pattern=r"^diagnostics-[0-9TZ]{1,30}\.zip$")],
    sha256: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$")],
) -> ArchiveOut:
    """For boxes (`diagnostics.upload`). The newest five of a device are kept, for 30 days, within a bound for the organization.

    Give each box a key of its own for this: role `operator`, scope `diagnostics:write`, limited to its site.
    """
    sent = service.Sent(command, file, sha256, content)
    max_bytes = request.app.state.settings.diagnostics_max_bytes
    return await service.keep_archive(writer, user, site, device, sent, max_bytes=max_bytes, now=_now())


def _now() -> datetime:
    return datetime.now(timezone.utc)
