"""Showing what could not be processed, to those who can repair it."""

from __future__ import annotations

from datetime import datetime

from cloud.auth.dependencies import Principal
from cloud.auth.rules import Role
from cloud.dead_letters.repository import DeadLetterRepository
from cloud.dead_letters.schemas import DeadLetter, DeadLetterPage
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row


async def list_dead_letters(reader: ReadConnection, user: Principal, page: PageQuery) -> DeadLetterPage:
    """Newest first. A fleet admin sees the own organization's; a platform admin also those that name no known site."""
    everything = user.role.reaches(Role.PLATFORM_ADMIN)
    rows = await DeadLetterRepository(reader).letters(
        scope=None if everything else user.scope,
        before=_before(page.cursor),
        rows=page.rows,
    )
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["received_at"].isoformat(), row["id"]))
    return DeadLetterPage(items=[_letter(row) for row in shown], next_cursor=cursor)


def _before(cursor: str | None) -> tuple[datetime, str] | None:
    return None if cursor is None else decode_moment_cursor(cursor)


def _letter(row: Row) -> DeadLetter:
    known = {key: value for key, value in row.items() if key != "head"}
    return DeadLetter(**known, preview=bytes(row["head"]).decode(errors="replace"))
