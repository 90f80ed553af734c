"""Advice on series that are not what they usually are."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Query

from cloud.abnormal import service
from cloud.abnormal.schemas import AdvicePage, AdviceSettings, NewAdviceSettings
from cloud.auth.dependencies import FarmManager, Viewer
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from contracts.base import Slug

router = APIRouter(tags=["alarms"])


@router.get("/sites/{site}/advice", summary="Advice on abnormal series", responses=problems(400, 401, 404))
async def list_advice(
    site: Slug,
    user: Viewer,
    reader: Reader,
    page: Paging,
    is_open: Annotated[
        bool | None, Query(alias="open", description="true: what goes on; false: what is over; without it, all.")
    ] = None,
) -> AdvicePage:
    """Streams that are or were not what they usually are at their time of day, newest first. It has called nobody by itself."""
    return await service.list_advice(reader, user, site, page, is_open=is_open)


@router.get("/sites/{site}/advice-settings", summary="What advice may do", responses=problems(401, 404))
async def get_advice_settings(site: Slug, user: Viewer, reader: Reader) -> AdviceSettings:
    """By quantity: judge nothing, advise (as shipped), or raise minor alarms too."""
    return await service.get_settings(reader, user, site)


@router.put("/sites/{site}/advice-settings", summary="Set what advice may do", responses=problems(401, 403, 404))
async def set_advice_settings(site: Slug, new: NewAdviceSettings, user: FarmManager, writer: Writer) -> AdviceSettings:
    """Let quantities raise minor alarms, or leave them out. Read the figures of docs/abnormal.md before."""
    return await service.set_settings(writer, user, site, new, datetime.now(timezone.utc))
