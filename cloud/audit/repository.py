"""SQL of the audit log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, select

from cloud.audit.rules import Link
from cloud.audit.tables import AuditEntry
from cloud.db.audit import EVENT
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection

_PAGE = 1000
_LINKS = select(
    AuditEntry.chain, AuditEntry.number, AuditEntry.actor, AuditEntry.action, AuditEntry.subject, AuditEntry.record, AuditEntry.hash
)  # fmt: skip


class AuditRepository(Repository):
    """The chain of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, organization_id: int) -> None:
        super().__init__(connection)
        self._chain = organization_id

    async def entries(
        self,
        *,
        before: int | None,
        rows: int,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[Row]:
        """Newest entries, those before the number ``before``; every None leaves a filter out."""
        statement = (
            select(AuditEntry.number, AuditEntry.record, AuditEntry.hash)
            .where(AuditEntry.chain == self._chain)
            .order_by(AuditEntry.number.desc())
            .limit(rows)
        )
        for wanted, column in ((actor, AuditEntry.actor), (action, AuditEntry.action), (subject, AuditEntry.subject)):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if start is not None:
            statement = statement.where(AuditEntry.recorded_at >= start)
        if end is not None:
            statement = statement.where(AuditEntry.recorded_at < end)
        if before is not None:
            statement = statement.where(AuditEntry.number < before)
        return await self._all(statement)

    async def pages(self) -> AsyncIterator[list[Link]]:
        """The whole chain, oldest first, some at a time."""
        last = 0
        while True:
            rows = await self._all(_page(self._chain, last))
            if rows:
                yield [_link(row) for row in rows]
            if len(rows) < _PAGE:
                return
            last = rows[-1]["number"]

    async def note(self, subject: str, detail: dict[str, Any]) -> None:
        """Enter something that changed no row, in the name that the transaction has declared."""
        await self._connection.execute(EVENT, {"subject": subject, "key": None, "detail": json.dumps(detail)})


def chains(connection: Connection) -> list[int]:
    """Every chain there is."""
    return list(connection.execute(select(AuditEntry.chain).distinct().order_by(AuditEntry.chain)).scalars())


def links(connection: Connection, chain: int) -> Iterator[Link]:
    """A chain on a plain connection, oldest first."""
    last = 0
    while True:
        rows = [dict(row) for row in connection.execute(_page(chain, last)).mappings()]
        yield from (_link(row) for row in rows)
        if len(rows) < _PAGE:
            return
        last = rows[-1]["number"]


def hash_at(connection: Connection, chain: int, number: int) -> str | None:
    """Hash of one entry."""
    wanted = select(AuditEntry.hash).where(AuditEntry.chain == chain, AuditEntry.number == number)
    return connection.execute(wanted).scalar()


def _page(chain: int, after: int) -> Executable:
    return _LINKS.where(AuditEntry.chain == chain, AuditEntry.number > after).order_by(AuditEntry.number).limit(_PAGE)


def _link(row: Row) -> Link:
    columns = {name: row[name] for name in ("chain", "number", "actor", "action", "subject")}
    return Link(row["number"], row["record"], row["hash"], columns)
