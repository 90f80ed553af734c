"""Messages that failed."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.auth.dependencies import FleetAdmin
from cloud.dead_letters import service
from cloud.dead_letters.schemas import DeadLetterPage
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader

router = APIRouter(tags=["devices"])


@router.get("/dead-letters", summary="Messages that failed", responses=problems(400, 401, 403))
async def list_dead_letters(user: FleetAdmin, reader: Reader, page: Paging) -> DeadLetterPage:
    """Messages that could not be processed, newest first, with the reason; for fleet admins."""
    return await service.list_dead_letters(reader, user, page)
