"""Showing what could not be processed, to those who can repair it, and taking their orders about it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from cloud.auth.dependencies import Principal
from cloud.auth.rules import Role
from cloud.auth.scope import Scope
from cloud.dead_letters.repository import MAX_SITES, DeadLetterRepository, LetterFilter, OrderRepository
from cloud.dead_letters.schemas import (
    DeadLetter,
    DeadLetterOrder,
    DeadLetterOrders,
    DeadLetterPage,
    DeadLetterReason,
    DeadLetterReasons,
    LetterAction,
    NewDeadLetterOrder,
    RefusedLetter,
)
from cloud.errors import ConflictError, NotFoundError
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection

MAX_UNFINISHED = 10
"""Orders of one organization that may wait."""
ORDERS_SHOWN = 20


async def list_dead_letters(
    reader: ReadConnection, user: Principal, page: PageQuery, chosen: LetterFilter
) -> DeadLetterPage:
    """Newest first. A fleet admin sees the own organization's; a platform admin also those that name no known site."""
    repository = DeadLetterRepository(reader, _scope(user))
    rows = await repository.letters(chosen, before=_before(page.cursor), rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["received_at"].isoformat(), row["id"]))
    return DeadLetterPage(items=[_letter(row) for row in shown], next_cursor=cursor)


async def reasons(reader: ReadConnection, user: Principal) -> DeadLetterReasons:
    """Why letters are open."""
    rows = await DeadLetterRepository(reader, _scope(user)).reasons()
    return DeadLetterReasons(
        items=[DeadLetterReason(**{**row, "sites": (row["sites"] or [])[:MAX_SITES]}) for row in rows]
    )


async def order(writer: WriteConnection, user: Principal, new: NewDeadLetterOrder, now: datetime) -> DeadLetterOrder:
    """Keep an order. Discarding is done at once; the ingest puts letters back, because it alone writes what devices send.

    Raises:
        NotFoundError: no letter of theirs is meant.
        ConflictError: too many orders wait.
    """
    orders = OrderRepository(writer, user.organization_id)
    if await orders.unfinished() >= MAX_UNFINISHED:
        raise ConflictError(f"{MAX_UNFINISHED} orders wait already; let the ingest finish them first")
    letters = DeadLetterRepository(writer, _scope(user))
    await letters.forget_orders(now)
    chosen = LetterFilter(
        state=None if new.letters is not None else "open",
        reason=new.reason,
        stage=new.stage,
        site=new.site,
        since=new.since,
        letters=new.letters,
    )
    order_id, discards = uuid4(), new.action is LetterAction.DISCARD
    values: dict[str, Any] = {
        "id": order_id,
        "organization_id": user.organization_id,
        "action": new.action.value,
        "why": new.why.strip(),
        "selection": new.model_dump(mode="json", exclude_none=True, exclude={"action", "why"}),
        "status": "done" if discards else "waiting",
        "asked_at": now,
        "asked_by": user.email,
        "finished_at": now if discards else None,
    }
    taken = await letters.add_order(values, chosen, outcome="discarded" if discards else "waiting")
    if taken == 0:
        raise NotFoundError("None of your dead letters is meant by this; it may have been settled already")
    await letters.left_out(order_id, max(0, await letters.count(chosen) - taken))
    if discards:
        await letters.discard(order_id, by=user.email, why=new.why.strip(), now=now)
    return await _order(orders, order_id)


async def list_orders(reader: ReadConnection, user: Principal) -> DeadLetterOrders:
    """The newest orders."""
    repository = OrderRepository(reader, _organization(user))
    return DeadLetterOrders(items=await _orders(repository, await repository.orders(rows=ORDERS_SHOWN)))


async def get_order(reader: ReadConnection, user: Principal, order_id: UUID) -> DeadLetterOrder:
    """One order.

    Raises:
        NotFoundError: there is no such order of theirs.
    """
    return await _order(OrderRepository(reader, _organization(user)), order_id)


async def _order(repository: OrderRepository, order_id: UUID) -> DeadLetterOrder:
    row = await repository.order(order_id)
    if row is None:
        raise NotFoundError(f"There is no order {order_id} about dead letters")
    return (await _orders(repository, [row]))[0]


async def _orders(repository: OrderRepository, rows: list[Row]) -> list[DeadLetterOrder]:
    refused: dict[UUID, list[RefusedLetter]] = defaultdict(list)
    for row in await repository.refused([row["id"] for row in rows]):
        refused[row["order_id"]].append(RefusedLetter(id=row["letter_id"], why=row["why"]))
    return [DeadLetterOrder(**row, refused_letters=refused[row["id"]]) for row in rows]


def _scope(user: Principal) -> Scope | None:
    return None if user.role.reaches(Role.PLATFORM_ADMIN) else user.scope


def _organization(user: Principal) -> int | None:
    return None if user.role.reaches(Role.PLATFORM_ADMIN) else user.organization_id


def _before(cursor: str | None) -> tuple[datetime, str] | None:
    return None if cursor is None else decode_moment_cursor(cursor)


def _letter(row: Row) -> DeadLetter:
    known = {key: value for key, value in row.items() if key != "head"}
    return DeadLetter(**known, preview=bytes(row["head"]).decode(errors="replace"))
