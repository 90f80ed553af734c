"""Edge boxes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cloud.auth.dependencies import Viewer
from cloud.devices import service
from cloud.devices.schemas import DevicePage
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from contracts.base import Slug

router = APIRouter(tags=["devices"])


@router.get("/devices", summary="Devices", responses=problems(400, 401, 404))
async def list_devices(
    user: Viewer,
    reader: Reader,
    page: Paging,
    site: Annotated[Slug | None, Query(description="Slug of a site; without it, all of the organization.")] = None,
) -> DevicePage:
    """Edge boxes with their connection state, by site and slug."""
    return await service.list_devices(reader, user, site, page)
