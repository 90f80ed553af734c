"""Reading, checking and exporting the audit log of an organization."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

from cloud.audit.repository import AuditRepository
from cloud.audit.rules import START, Finding, Link, check_chain
from cloud.audit.schemas import AuditCheck, AuditEntry, AuditPage
from cloud.auth.principal import Principal
from cloud.errors import ForbiddenError
from cloud.kit.ids import decode_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import Database, ReadConnection

_COLUMNS = (
    "number", "recorded_at", "actor", "actor_kind", "action", "change", "subject", "key", "before", "after", "address",
    "request_id", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_reach(user: Principal) -> None:
    """The log tells of every site, so whoever is limited to some may not read it.

    Raises:
        ForbiddenError: they are limited to sites.
    """
    if user.site_ids is not None:
        raise ForbiddenError("The audit log is for those who see all sites of the organization")


async def list_entries(
    reader: ReadConnection,
    user: Principal,
    page: PageQuery,
    *,
    actor: str | None,
    action: str | None,
    subject: str | None,
    start: datetime | None,
    end: datetime | None,
) -> AuditPage:
    """Entries of the organization, newest first."""
    check_reach(user)
    before = None if page.cursor is None else _number(decode_cursor(page.cursor, 1)[0])
    rows = await AuditRepository(reader, user.organization_id).entries(
        before=before, rows=page.rows, actor=actor, action=action, subject=subject, start=start, end=end
    )
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(str(row["number"])))
    return AuditPage(
        items=[AuditEntry(**_fields(row["record"]), hash=row["hash"]) for row in shown], next_cursor=cursor
    )


async def check(reader: ReadConnection, user: Principal) -> AuditCheck:
    """Follow the chain of the organization from its first entry."""
    check_reach(user)
    found = Finding(0, START)
    async for some in AuditRepository(reader, user.organization_id).pages():
        found = check_chain(some, after=found)
    return AuditCheck(entries=found.entries, head=found.head, intact=found.fault is None, fault=found.fault)


async def lines(database: Database, user: Principal, kind: str) -> AsyncIterator[bytes]:
    """The log as JSON lines or CSV, oldest first, some entries at a time.

    A JSON line carries ``record``, the text that was hashed, so that anybody can follow the chain without the database.
    """
    if kind == "csv":
        yield _csv([_COLUMNS])
    async with database.read() as reader:
        async for some in AuditRepository(reader, user.organization_id).pages():
            if kind == "csv":
                yield _csv(_cells(link) for link in some)
            else:
                yield "".join(
                    json.dumps({"record": link.record, "hash": link.hash}, ensure_ascii=False) + "\n" for link in some
                ).encode()


def _cells(link: Link) -> tuple[str, ...]:
    entry = {**json.loads(link.record), "hash": link.hash}
    return tuple(_cell(entry.get(name)) for name in _COLUMNS)


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text  # a spreadsheet must not take it for a formula


def _csv(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _fields(record: str) -> dict[str, Any]:
    entry = json.loads(record)
    entry.pop("chain", None)
    return entry  # type: ignore[no-any-return]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004  (int8)
