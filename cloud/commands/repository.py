"""SQL of commands and archives. Every query names the organization that asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.commands.tables import DeviceArchive, DeviceCommand
from cloud.devices.tables import Device
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection

_COLUMNS = (
    DeviceCommand.id, DeviceCommand.device_id, DeviceCommand.name, DeviceCommand.arguments, DeviceCommand.issued_at,
    DeviceCommand.issued_by, DeviceCommand.expires_at, DeviceCommand.sent_at, DeviceCommand.attempts,
    DeviceCommand.outcome, DeviceCommand.reason, DeviceCommand.finished_at, DeviceCommand.archive_stays,
    DeviceArchive.file, DeviceArchive.size, DeviceArchive.sha256, DeviceArchive.stored_at,
)  # fmt: skip


class CommandRepository(Repository):
    """Commands to the devices of one scope."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope

    async def add(self, values: Row) -> None:
        """Keep a command; one of the same id stays as it is."""
        await self._connection.execute(insert(DeviceCommand).values(**values).on_conflict_do_nothing())

    async def commands(self, device_id: int, *, rows: int) -> list[Row]:
        """The newest of a device."""
        chosen = self._select(*_COLUMNS).where(DeviceCommand.device_id == device_id)
        return await self._all(chosen.order_by(DeviceCommand.issued_at.desc(), DeviceCommand.id).limit(rows))

    async def command(self, device_id: int, command_id: UUID) -> Row | None:
        """One of a device."""
        chosen = self._select(*_COLUMNS).where(DeviceCommand.device_id == device_id, DeviceCommand.id == command_id)
        return await self._one(chosen)

    async def unanswered(self, device_id: int, now: datetime) -> int:
        """How many may still be done."""
        statement = select(func.count().label("many")).where(
            DeviceCommand.device_id == device_id, DeviceCommand.outcome.is_(None), DeviceCommand.expires_at > now
        )
        return int((await self._all(statement))[0]["many"])

    async def archive(self, device_id: int, command_id: UUID) -> Row | None:
        """The archive of a command, with its content."""
        wanted = self._select(DeviceArchive.file, DeviceArchive.sha256, DeviceArchive.content)
        return await self._one(wanted.where(DeviceArchive.device_id == device_id, DeviceCommand.id == command_id))

    async def add_archive(self, values: Row) -> None:
        """Keep an archive; the first one of a command counts."""
        await self._connection.execute(insert(DeviceArchive).values(**values).on_conflict_do_nothing())

    async def bound(self, device_id: int, *, most: int, max_bytes: int) -> None:
        """Let the oldest go: beyond ``most`` of the device, and beyond ``max_bytes`` of the organization."""
        newest = (
            select(DeviceArchive.command_id)
            .where(DeviceArchive.device_id == device_id)
            .order_by(DeviceArchive.stored_at.desc())
            .limit(most)
        )
        beyond = DeviceArchive.command_id.not_in(newest)
        await self._connection.execute(delete(DeviceArchive).where(DeviceArchive.device_id == device_id, beyond))
        running = func.sum(DeviceArchive.size).over(order_by=(DeviceArchive.stored_at.desc(), DeviceArchive.command_id))
        summed = (
            select(DeviceArchive.command_id, running.label("until_here"))
            .join(Device, Device.id == DeviceArchive.device_id)
            .join(Site, Site.id == Device.site_id)
            .where(Site.organization_id == self._scope.organization_id)
            .subquery()
        )
        over = select(summed.c.command_id).where(summed.c.until_here > max_bytes)
        await self._connection.execute(delete(DeviceArchive).where(DeviceArchive.command_id.in_(over)))

    def _select(self, *columns: Any) -> Select[Any]:
        return (
            select(*columns)
            .select_from(DeviceCommand)
            .join(Device, Device.id == DeviceCommand.device_id)
            .join(Site, Site.id == Device.site_id)
            .outerjoin(DeviceArchive, DeviceArchive.command_id == DeviceCommand.id)
            .where(own_sites(self._scope))
        )
