"""Alarms, and acknowledging them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from cloud.alarms import service
from cloud.alarms.schemas import Alarm, AlarmPage
from cloud.auth.dependencies import Operator, Viewer
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from contracts.base import Slug

router = APIRouter(prefix="/alarms", tags=["alarms"])


@router.get("", summary="Alarms", responses=problems(400, 401, 404))
async def list_alarms(
    user: Viewer,
    reader: Reader,
    page: Paging,
    site: Annotated[Slug | None, Query(description="Slug of a site; without it, all of the organization.")] = None,
    is_open: Annotated[
        bool | None,
        Query(alias="open", description="true: active or not acknowledged yet; false: the others; without it, all."),
    ] = None,
) -> AlarmPage:
    """Alarms, newest first."""
    return await service.list_alarms(reader, user, page, site=site, is_open=is_open)


@router.post("/{alarm_id}/acknowledge", summary="Take an alarm on", responses=problems(401, 403, 404))
async def acknowledge_alarm(alarm_id: UUID, user: Operator, writer: Writer) -> Alarm:
    """Record that the user has taken the alarm on. Doing it again changes nothing: the first person stays on record."""
    return await service.acknowledge_alarm(writer, user, alarm_id)
