"""SQL of dead letters and of orders about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, insert, literal, select, true, tuple_, update

from cloud.auth.scope import Scope
from cloud.dead_letters.tables import DeadLetterOrderItem, DeadLetterOrderRow, DeadLetterRow
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection

PREVIEW_BYTES = 500
MAX_LETTERS = 1000
"""Of one order; what is selected beyond it is counted, and another order takes it."""
MAX_REASONS, MAX_SITES = 100, 10
MAX_REFUSED_SHOWN = 100
ORDERS_LAST = timedelta(days=90)


@dataclass(frozen=True)
class LetterFilter:
    """Which letters are meant; None does not select."""

    state: str | None = None
    reason: str | None = None
    stage: str | None = None
    site: str | None = None
    since: datetime | None = None
    letters: Sequence[str] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What a letter must meet."""
        letter = DeadLetterRow
        same = {letter.state: self.state, letter.reason: self.reason, letter.stage: self.stage, letter.site: self.site}
        conditions: list[ColumnElement[bool]] = [
            column == wanted for column, wanted in same.items() if wanted is not None
        ]
        if self.since is not None:
            conditions.append(letter.received_at >= self.since)
        if self.letters is not None:
            conditions.append(letter.id.in_(self.letters))
        return conditions


class DeadLetterRepository(Repository):
    """Dead letters; a letter belongs to an organization through the site that its topic named.

    Args:
        scope: whose letters; None: all, those of nobody included.
    """

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope | None) -> None:
        super().__init__(connection)
        own = select(Site.slug).where(own_sites(scope)) if scope is not None else None
        self._own: ColumnElement[bool] = true() if own is None else DeadLetterRow.site.in_(own)

    async def letters(self, chosen: LetterFilter, *, before: tuple[datetime, str] | None, rows: int) -> list[Row]:
        """The newest of them."""
        letter = DeadLetterRow
        statement = (
            select(
                letter.id,
                letter.received_at,
                letter.stage,
                letter.reason,
                letter.detail,
                letter.origin,
                letter.site,
                letter.device,
                letter.count,
                letter.state,
                letter.settled_at,
                letter.settled_by,
                letter.settled_why,
                func.length(letter.payload).label("bytes"),
                func.substr(letter.payload, 1, PREVIEW_BYTES).label("head"),
            )
            .where(self._own, *chosen.conditions())
            .order_by(letter.received_at.desc(), letter.id.desc())
            .limit(rows)
        )
        if before is not None:
            statement = statement.where(tuple_(letter.received_at, letter.id) < before)
        return await self._all(statement)

    async def reasons(self) -> list[Row]:
        """Open letters by stage and reason, the most first."""
        letter = DeadLetterRow
        sites = func.array_agg(letter.site.distinct()).filter(letter.site.is_not(None))
        many = func.count().label("letters")
        statement = (
            select(
                letter.stage, letter.reason, many, func.max(letter.received_at).label("newest_at"), sites.label("sites")
            )
            .where(self._own, letter.state == "open")
            .group_by(letter.stage, letter.reason)
            .order_by(many.desc(), letter.stage, letter.reason)
            .limit(MAX_REASONS)
        )
        return await self._all(statement)

    async def count(self, chosen: LetterFilter) -> int:
        """How many there are."""
        statement = select(func.count().label("many")).select_from(DeadLetterRow).where(self._own, *chosen.conditions())
        return int((await self._all(statement))[0]["many"])

    async def add_order(self, values: Row, chosen: LetterFilter, *, outcome: str) -> int:
        """Keep an order with its letters, the oldest first; the number of letters."""
        await self._connection.execute(insert(DeadLetterOrderRow).values(**values))
        letters = (
            select(literal(values["id"]), DeadLetterRow.id, literal(outcome))
            .where(self._own, *chosen.conditions())
            .order_by(DeadLetterRow.received_at, DeadLetterRow.id)
            .limit(MAX_LETTERS)
        )
        names = ["order_id", "letter_id", "outcome"]
        await self._connection.execute(insert(DeadLetterOrderItem).from_select(names, letters))
        added = select(func.count().label("many")).where(DeadLetterOrderItem.order_id == values["id"])
        return int((await self._all(added))[0]["many"])

    async def left_out(self, order_id: UUID, letters: int) -> None:
        """Tell how many did not fit."""
        await self._connection.execute(
            update(DeadLetterOrderRow).where(DeadLetterOrderRow.id == order_id).values(left_out=letters)
        )

    async def discard(self, order_id: UUID, *, by: str, why: str, now: datetime) -> None:
        """Letters of an order are not wanted."""
        mine = select(DeadLetterOrderItem.letter_id).where(DeadLetterOrderItem.order_id == order_id)
        await self._connection.execute(
            update(DeadLetterRow)
            .where(self._own, DeadLetterRow.id.in_(mine))
            .values(state="discarded", settled_at=now, settled_by=by, settled_why=why)
        )

    async def forget_orders(self, now: datetime) -> None:
        """Drop orders that ended long ago."""
        await self._connection.execute(
            delete(DeadLetterOrderRow).where(DeadLetterOrderRow.finished_at < now - ORDERS_LAST)
        )


class OrderRepository(Repository):
    """Orders about letters.

    Args:
        organization_id: whose; None: everybody's.
    """

    def __init__(self, connection: ReadConnection | WriteConnection, organization_id: int | None) -> None:
        super().__init__(connection)
        of_organization = DeadLetterOrderRow.organization_id == organization_id
        self._own: ColumnElement[bool] = true() if organization_id is None else of_organization

    async def orders(self, *, rows: int) -> list[Row]:
        """The newest, newest first."""
        return await self._all(self._orders().order_by(DeadLetterOrderRow.asked_at.desc()).limit(rows))

    async def order(self, order_id: UUID) -> Row | None:
        """One of them."""
        return await self._one(self._orders().where(DeadLetterOrderRow.id == order_id))

    async def unfinished(self) -> int:
        """How many are not done."""
        statement = select(func.count().label("many")).select_from(DeadLetterOrderRow)
        statement = statement.where(self._own, DeadLetterOrderRow.status != "done")
        return int((await self._all(statement))[0]["many"])

    async def refused(self, order_ids: Sequence[UUID]) -> list[Row]:
        """Letters of these orders that were refused again, at most ``MAX_REFUSED_SHOWN`` of each."""
        item = DeadLetterOrderItem
        number = func.row_number().over(partition_by=item.order_id, order_by=item.letter_id).label("number")
        numbered = (
            select(item.order_id, item.letter_id, item.why, number)
            .where(item.order_id.in_(order_ids), item.outcome == "refused")
            .subquery()
        )
        statement = select(numbered).where(numbered.c.number <= MAX_REFUSED_SHOWN)
        return await self._all(statement.order_by(numbered.c.order_id, numbered.c.number))

    def _orders(self) -> Select[Any]:
        order, item = DeadLetterOrderRow, DeadLetterOrderItem

        def counted(outcome: str) -> ColumnElement[int]:
            of_order = select(func.count()).where(item.order_id == order.id, item.outcome == outcome)
            return of_order.scalar_subquery().label(outcome)

        return select(
            order.id, order.action, order.why, order.status, order.asked_at, order.asked_by, order.finished_at,
            order.left_out,
            select(func.count()).where(item.order_id == order.id).scalar_subquery().label("letters"),
            *(counted(outcome) for outcome in ("replayed", "refused", "discarded")),
        ).where(self._own)  # fmt: skip
