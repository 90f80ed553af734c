"""Messages that failed, and what is ordered about them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from cloud.auth.dependencies import FleetAdmin
from cloud.dead_letters import service
from cloud.dead_letters.repository import LetterFilter
from cloud.dead_letters.schemas import (
    DeadLetterOrder,
    DeadLetterOrders,
    DeadLetterPage,
    DeadLetterReasons,
    LetterState,
    NewDeadLetterOrder,
)
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from contracts.base import Slug

router = APIRouter(tags=["devices"])

Reason = Annotated[str | None, Query(max_length=100, description="Only letters of this reason.")]


@router.get("/dead-letters", summary="Messages that failed", responses=problems(400, 401, 403))
async def list_dead_letters(
    user: FleetAdmin,
    reader: Reader,
    page: Paging,
    state: Annotated[LetterState | None, Query(description="Without it, letters of every state.")] = None,
    reason: Reason = None,
    site: Annotated[Slug | None, Query(description="Only letters that name this site.")] = None,
) -> DeadLetterPage:
    """Messages that could not be processed, newest first, with the reason; for fleet admins."""
    chosen = LetterFilter(state=None if state is None else state.value, reason=reason, site=site)
    return await service.list_dead_letters(reader, user, page, chosen)


@router.get("/dead-letters/reasons", summary="Why messages failed", responses=problems(401, 403))
async def list_dead_letter_reasons(user: FleetAdmin, reader: Reader) -> DeadLetterReasons:
    """Open letters by step and reason, the most frequent first."""
    return await service.reasons(reader, user)


@router.post(
    "/dead-letters/orders",
    status_code=202,
    summary="Put messages back, or discard them",
    responses=problems(400, 401, 403, 404, 409),
)
async def order_dead_letters(order: NewDeadLetterOrder, user: FleetAdmin, writer: Writer) -> DeadLetterOrder:
    """Letters by their ids, or all open ones of a reason, step, site or time, at most 1,000, the oldest first.

    `replay` is done by the ingest within seconds: each message is stored whole or not at all, twice does no harm, and what is
    refused again stays with today's reason (`refused_letters`). `discard` is done at once and needs a `why`.
    """
    return await service.order(writer, user, order, datetime.now(timezone.utc))


@router.get("/dead-letters/orders", summary="Orders about failed messages", responses=problems(401, 403))
async def list_dead_letter_orders(user: FleetAdmin, reader: Reader) -> DeadLetterOrders:
    """The newest twenty, newest first; they are kept for 90 days."""
    return await service.list_orders(reader, user)


@router.get(
    "/dead-letters/orders/{order_id}", summary="One order about failed messages", responses=problems(401, 403, 404)
)
async def get_dead_letter_order(order_id: UUID, user: FleetAdmin, reader: Reader) -> DeadLetterOrder:
    """How far it is, and what was refused again."""
    return await service.get_order(reader, user, order_id)
