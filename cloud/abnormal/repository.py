"""SQL of advice for the API. Every query names the organization that asks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from cloud.abnormal.tables import AdviceRow, AdviceSetting
from cloud.auth.scope import Scope
from cloud.devices.tables import Channel
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection

_ADVICE = (
    select(
        AdviceRow.id,
        Unit.id.label("unit_id"),
        Unit.slug.label("unit"),
        Unit.name.label("unit_name"),
        Channel.id.label("channel_id"),
        Channel.name.label("channel"),
        AdviceRow.quantity,
        Channel.ucum,
        AdviceRow.started_at,
        AdviceRow.told_at,
        AdviceRow.ended_at,
        AdviceRow.value,
        AdviceRow.expected,
        AdviceRow.spread,
        AdviceRow.shared,
        AdviceRow.text,
        AdviceRow.alarm_id.is_not(None).label("is_alarm"),
    )
    .join(Site, Site.id == AdviceRow.site_id)
    .join(Unit, Unit.id == AdviceRow.unit_id)
    .join(Channel, Channel.id == AdviceRow.channel_id)
)


class AdviceRepository(Repository):
    """Advice of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._own = own_sites(scope)

    async def advice(
        self, site_id: int, *, is_open: bool | None, before: tuple[datetime, UUID] | None, rows: int
    ) -> list[Row]:
        """Newest advice of a site, that before (started_at, id); ``is_open`` None means all."""
        statement = _ADVICE.where(self._own, AdviceRow.site_id == site_id)
        statement = statement.order_by(AdviceRow.started_at.desc(), AdviceRow.id.desc()).limit(rows)
        if is_open is not None:
            statement = statement.where(AdviceRow.ended_at.is_(None) if is_open else AdviceRow.ended_at.is_not(None))
        if before is not None:
            statement = statement.where(tuple_(AdviceRow.started_at, AdviceRow.id) < before)
        return await self._all(statement)

    async def settings(self, site_id: int) -> list[Row]:
        """What a site has set."""
        columns = (AdviceSetting.quantity, AdviceSetting.mode)
        statement = select(*columns).join(Site, Site.id == AdviceSetting.site_id)
        return await self._all(statement.where(self._own, AdviceSetting.site_id == site_id))

    async def replace_settings(self, site_id: int, rows: Collection[dict[str, Any]]) -> None:
        """Make these the settings of a site."""
        await self._connection.execute(delete(AdviceSetting).where(AdviceSetting.site_id == site_id))
        if rows:
            await self._connection.execute(insert(AdviceSetting), [{"site_id": site_id, **row} for row in rows])
