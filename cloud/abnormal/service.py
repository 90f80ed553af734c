"""Advice, and what a farm lets it do."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from cloud.abnormal.repository import AdviceRepository
from cloud.abnormal.rules import JUDGED, Mode
from cloud.abnormal.schemas import Advice, AdvicePage, AdviceSettings, NewAdviceSettings
from cloud.auth.dependencies import Principal
from cloud.errors import InvalidCursorError
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, WriteConnection

log = structlog.get_logger()


async def list_advice(
    reader: ReadConnection, user: Principal, site: str, page: PageQuery, *, is_open: bool | None
) -> AdvicePage:
    """Advice of a site, newest first.

    Raises:
        NotFoundError: the organization has no such site.
        InvalidCursorError: the cursor is not of this list.
    """
    site_id = await find_site_id(reader, user, site)
    before = None if page.cursor is None else _place(page.cursor)
    repository = AdviceRepository(reader, user.scope)
    rows = await repository.advice(site_id, is_open=is_open, before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["started_at"].isoformat(), str(row["id"])))
    return AdvicePage(items=[Advice(**row) for row in shown], next_cursor=cursor)


async def get_settings(reader: ReadConnection, user: Principal, site: str) -> AdviceSettings:
    """What advice may do at a site.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    rows = await AdviceRepository(reader, user.scope).settings(site_id)
    return _settings({row["quantity"]: Mode(row["mode"]) for row in rows})


async def set_settings(
    writer: WriteConnection, user: Principal, site: str, new: NewAdviceSettings, now: datetime
) -> AdviceSettings:
    """Replace what advice may do at a site; the advisor follows with its next round.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(ReadConnection(writer), user, site)
    rows = [
        {"quantity": quantity, "mode": mode.value, "changed_at": now, "changed_by": user.email}
        for quantity, mode in new.quantities.items()
        if mode is not Mode.ADVISE
    ]
    await AdviceRepository(writer, user.scope).replace_settings(site_id, rows)
    log.info("advice_settings_changed", site=site, user=user.id, modes={row["quantity"]: row["mode"] for row in rows})
    return _settings(new.quantities)


def _settings(own: dict[str, Mode]) -> AdviceSettings:
    return AdviceSettings(quantities={quantity: own.get(quantity, Mode.ADVISE) for quantity in JUDGED})


def _place(cursor: str) -> tuple[datetime, UUID]:
    moment, key = decode_moment_cursor(cursor)
    try:
        return moment, UUID(key)
    except ValueError:
        raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from None
