"""What changed before, over HTTP."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Query, Request

from cloud.auth.dependencies import Viewer
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from cloud.timeline import service
from cloud.timeline.schemas import Before
from contracts.base import UtcDatetime

router = APIRouter(tags=["husbandry"])


@router.get("/units/{unit_id}/before", summary="What changed before it happened", responses=problems(400, 401, 404))
async def get_before(
    request: Request,
    unit_id: int,
    user: Viewer,
    reader: Reader,
    at: Annotated[UtcDatetime, Query(description="The moment, e.g. when dead fish were found.")],
    hours: Annotated[int, Query(ge=1, le=168, description="How far to look back.")] = 48,
) -> Before:
    """Diary, alarms, doubted readings, unusual values, device events and pictures of a unit in one list, oldest first."""
    now = datetime.now(timezone.utc)
    return await service.get_before(reader, user, unit_id, at=at, hours=hours, signer=request.app.state.signer, now=now)
