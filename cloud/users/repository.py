"""SQL of users, invitations and organizations, for whoever administers them. Every query names the organization."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, column, func, literal, select, table, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from cloud.auth.scope import Scope
from cloud.auth.tables import Session, User
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.users.tables import Invitation

_ORGANIZATION = table("organization", column("id"), column("slug"), column("name"))
_SEEN = select(func.max(Session.used_at)).where(Session.user_id == User.id).correlate(User).scalar_subquery()
_PEOPLE = select(
    User.id,
    User.email,
    User.name,
    User.role,
    User.site_ids,
    User.created_at,
    User.disabled_at,
    User.password_hash.is_not(None).label("has_password"),
    _SEEN.label("last_seen_at"),
)
_INVITATIONS = select(
    Invitation.id,
    Invitation.organization_id,
    Invitation.user_id,
    Invitation.email,
    Invitation.role,
    Invitation.site_ids,
    Invitation.created_at,
    Invitation.created_by,
    Invitation.expires_at,
    Invitation.used_at,
)
_FIRST_LOCK = 0x5408F1
"""Held while the first user registers, so that there is one first."""


class PeopleRepository(Repository):
    """Users and invitations that somebody of a scope may administer: those limited to sites within it."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope

    def _within(self, organization_id: Any, site_ids: Any) -> ColumnElement[bool]:
        own: ColumnElement[bool] = organization_id == self._scope.organization_id
        if self._scope.site_ids is None:
            return own
        mine = literal(list(self._scope.site_ids), JSONB)
        within: ColumnElement[bool] = own & site_ids.is_not(None) & mine.contains(site_ids)
        return within

    async def people(self, *, after: str | None, rows: int) -> list[Row]:
        """Users by e-mail, those after ``after``."""
        statement = _PEOPLE.where(self._within(User.organization_id, User.site_ids)).order_by(User.email).limit(rows)
        if after is not None:
            statement = statement.where(User.email > after)
        return await self._all(statement)

    async def person(self, user_id: int, *, lock: bool = False) -> Row | None:
        """One user; locked, nobody else changes them meanwhile."""
        statement = _PEOPLE.where(self._within(User.organization_id, User.site_ids), User.id == user_id)
        return await self._one(statement.with_for_update(of=User) if lock else statement)

    async def change_person(self, user_id: int, values: Row) -> None:
        """Change a user."""
        await self._connection.execute(update(User).where(User.id == user_id).values(**values))

    async def invitations(self, *, before: int | None, rows: int) -> list[Row]:
        """Invitations, newest first, those before the id ``before``."""
        own = self._within(Invitation.organization_id, Invitation.site_ids)
        statement = _INVITATIONS.where(own).order_by(Invitation.id.desc()).limit(rows)
        if before is not None:
            statement = statement.where(Invitation.id < before)
        return await self._all(statement)

    async def withdraw(self, invitation_id: int, now: datetime) -> bool:
        """Make an invitation useless; False when there is none that could be used."""
        own = self._within(Invitation.organization_id, Invitation.site_ids)
        statement = update(Invitation).where(own, Invitation.id == invitation_id, Invitation.used_at.is_(None))
        statement = statement.where(Invitation.expires_at > now).values(expires_at=now)
        return await self._one(statement.returning(Invitation.id)) is not None


class EntranceRepository(Repository):
    """What whoever holds a one-time token may do, and organizations."""

    async def add_invitation(self, values: Row) -> int:
        """Store an invitation and return its id."""
        row = await self._one(insert(Invitation).values(**values).returning(Invitation.id))
        assert row is not None  # noqa: S101
        key: int = row["id"]
        return key

    async def take(self, token_hash: str, now: datetime, *, is_reset: bool) -> Row | None:
        """Use an invitation up; None when there is none of this token that can be used."""
        kind = Invitation.user_id.is_not(None) if is_reset else Invitation.user_id.is_(None)
        return await self._one(
            update(Invitation)
            .where(Invitation.token_hash == token_hash, Invitation.used_at.is_(None), Invitation.expires_at > now, kind)
            .values(used_at=now)
            .returning(
                Invitation.organization_id, Invitation.user_id, Invitation.email, Invitation.role, Invitation.site_ids
            )
        )

    async def add_user(self, values: Row) -> int | None:
        """Store a user; None when the e-mail is taken."""
        row = await self._one(insert(User).values(**values).on_conflict_do_nothing().returning(User.id))
        return None if row is None else row["id"]

    async def has_user(self, email: str) -> bool:
        """Whether a user has this e-mail."""
        return await self._one(select(User.id).where(User.email == email)) is not None

    async def is_empty(self) -> bool:
        """Whether there is no user at all; nobody else can make one until this transaction is over."""
        await self._connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_LOCK})
        return await self._one(select(User.id).limit(1)) is None

    async def organizations(self, *, after: str | None, rows: int) -> list[Row]:
        """All organizations by slug, those after ``after``."""
        columns = (_ORGANIZATION.c.id, _ORGANIZATION.c.slug, _ORGANIZATION.c.name)
        statement = select(*columns).order_by(_ORGANIZATION.c.slug).limit(rows)
        if after is not None:
            statement = statement.where(_ORGANIZATION.c.slug > after)
        return await self._all(statement)

    async def organization_id(self, slug: str) -> int | None:
        """Key of an organization."""
        row = await self._one(select(_ORGANIZATION.c.id).where(_ORGANIZATION.c.slug == slug))
        return None if row is None else row["id"]

    async def ensure_organization(self, slug: str, name: str) -> tuple[int, bool]:
        """Key of an organization, and whether it was made just now."""
        made = insert(_ORGANIZATION).values(slug=slug, name=name).on_conflict_do_nothing(index_elements=["slug"])
        row = await self._one(made.returning(_ORGANIZATION.c.id))
        if row is not None:
            return row["id"], True
        key = await self.organization_id(slug)
        assert key is not None  # noqa: S101  (it was in the way)
        return key, False


def slugs_of(site_ids: Collection[int] | None, slugs: dict[int, str]) -> list[str] | None:
    """Slugs of sites by key, or None for all."""
    return None if site_ids is None else sorted(slugs[key] for key in site_ids if key in slugs)
