"""SQL of contacts, shifts, ladders and messages for the API. Every query names the organization that asks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.notifications.tables import Contact, Notification, OnCall, SiteLadder

_CONTACTS = select(
    Contact.id,
    Contact.name,
    Contact.email,
    Contact.phone,
    Contact.push_topic,
    Contact.webhook_url,
    Contact.webhook_nonce,
)
_MESSAGES = select(
    Notification.id,
    Notification.kind,
    Notification.alarm_id,
    Contact.name.label("contact"),
    Notification.channel,
    Notification.due_at,
    Notification.attempts,
    Notification.sent_at,
    Notification.confirmed_at,
    Notification.cancelled_at,
    Notification.failed_at,
    Notification.error,
    Notification.reference,
).join(Contact, Contact.id == Notification.contact_id)


class NotificationRepository(Repository):
    """Of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self._own = Contact.organization_id == scope.organization_id

    async def contacts(self) -> list[Row]:
        """All contacts, by name."""
        return await self._all(_CONTACTS.where(self._own).order_by(Contact.name))

    async def contact(self, contact_id: int) -> Row | None:
        """One contact."""
        return await self._one(_CONTACTS.where(self._own, Contact.id == contact_id))

    async def add_contact(self, values: dict[str, Any]) -> int | None:
        """Store a contact; None when the name is taken."""
        statement = insert(Contact).values(organization_id=self._scope.organization_id, **values)
        row = await self._one(statement.on_conflict_do_nothing().returning(Contact.id))
        return None if row is None else row["id"]

    async def change_contact(self, contact_id: int, values: dict[str, Any]) -> bool:
        """Change a contact; False when there is none."""
        statement = update(Contact).where(self._own, Contact.id == contact_id).values(**values)
        return await self._one(statement.returning(Contact.id)) is not None

    async def remove_contact(self, contact_id: int) -> bool:
        """Remove a contact with its shifts and messages; False when there was none."""
        return (
            await self._one(delete(Contact).where(self._own, Contact.id == contact_id).returning(Contact.id))
            is not None
        )

    async def shifts(self, site_id: int) -> list[Row]:
        """Shifts of a site."""
        columns = (OnCall.contact_id, OnCall.duty, OnCall.weekdays, OnCall.from_minute, OnCall.to_minute)
        return await self._all(select(*columns).where(OnCall.site_id == site_id).order_by(OnCall.id))

    async def replace_shifts(self, site_id: int, rows: Collection[dict[str, Any]]) -> None:
        """Make these the shifts of a site."""
        await self._connection.execute(delete(OnCall).where(OnCall.site_id == site_id))
        if rows:
            await self._connection.execute(insert(OnCall), [{"site_id": site_id, **row} for row in rows])

    async def ladders(self, site_id: int) -> list[Row]:
        """A site's own ladders."""
        return await self._all(select(SiteLadder.severity, SiteLadder.ladder).where(SiteLadder.site_id == site_id))

    async def replace_ladders(self, site_id: int, rows: Collection[dict[str, Any]]) -> None:
        """Make these a site's own ladders."""
        await self._connection.execute(delete(SiteLadder).where(SiteLadder.site_id == site_id))
        if rows:
            await self._connection.execute(insert(SiteLadder), [{"site_id": site_id, **row} for row in rows])

    async def messages(
        self, site_id: int, *, alarm_id: UUID | None, before: tuple[datetime, UUID] | None, rows: int
    ) -> list[Row]:
        """Messages of a site, newest first."""
        statement = _MESSAGES.where(self._own, Notification.site_id == site_id)
        statement = statement.order_by(Notification.due_at.desc(), Notification.id.desc()).limit(rows)
        if alarm_id is not None:
            statement = statement.where(Notification.alarm_id == alarm_id)
        if before is not None:
            statement = statement.where(tuple_(Notification.due_at, Notification.id) < before)
        return await self._all(statement)

    async def newest_tests(self, site_id: int) -> list[Row]:
        """The newest test message by contact and channel."""
        newest = (
            select(Notification.contact_id, Notification.channel, func.max(Notification.due_at).label("due_at"))
            .where(Notification.site_id == site_id, Notification.kind == "self_test")
            .group_by(Notification.contact_id, Notification.channel)
            .subquery()
        )
        statement = _MESSAGES.join(
            newest,
            (newest.c.contact_id == Notification.contact_id)
            & (newest.c.channel == Notification.channel)
            & (newest.c.due_at == Notification.due_at),
        ).where(self._own, Notification.site_id == site_id, Notification.kind == "self_test")
        return await self._all(statement.order_by(Contact.name, Notification.channel))

    async def plan_tests(self, rows: Collection[dict[str, Any]]) -> None:
        """Write test messages down."""
        if rows:
            await self._connection.execute(insert(Notification).on_conflict_do_nothing(), list(rows))


class LinkRepository(Repository):
    """What the holder of a signed link may do; the link, not an organization, says what."""

    async def contact(self, contact_id: int) -> Row | None:
        """Name and organization of a contact."""
        return await self._one(select(Contact.name, Contact.organization_id).where(Contact.id == contact_id))

    async def confirm(self, message_id: UUID, contact_id: int, now: datetime) -> bool:
        """Note that a test has come; the first time counts. False when there is no such test."""
        row = await self._one(
            update(Notification)
            .where(
                Notification.id == message_id, Notification.contact_id == contact_id, Notification.kind == "self_test"
            )
            .values(confirmed_at=func.coalesce(Notification.confirmed_at, now))
            .returning(Notification.id)
        )
        return row is not None
