"""SQL of users. The organization is known here by name only: its feature lies above this one."""

from __future__ import annotations

from sqlalchemy import Connection, column, insert, select, table, update
from sqlalchemy.dialects.postgresql import insert as upsert

from cloud.auth.rules import Role
from cloud.auth.tables import User
from cloud.kit.repository import Repository, Row

_ORGANIZATION = table("organization", column("id"), column("slug"), column("name"))


_ACTIVE = (
    select(
        User.id,
        User.email,
        User.name,
        User.role,
        User.organization_id,
        User.password_hash,
        _ORGANIZATION.c.slug.label("organization"),
    )
    .join(_ORGANIZATION, _ORGANIZATION.c.id == User.organization_id)
    .where(User.disabled_at.is_(None))
)


class UserRepository(Repository):
    """Users who may sign in."""

    async def active_by_email(self, email: str) -> Row | None:
        """The user with this (normalised) e-mail, with the password hash."""
        return await self._one(_ACTIVE.where(User.email == email))

    async def active_by_id(self, user_id: int) -> Row | None:
        """The user with this id."""
        return await self._one(_ACTIVE.where(User.id == user_id))


class AccountRepository:
    """Users as the command line changes them, on a plain connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def organization_id(self, slug: str) -> int:
        """The organization of this slug, made when it is new."""
        statement = (
            upsert(_ORGANIZATION)
            .values(slug=slug, name=slug)
            .on_conflict_do_update(index_elements=["slug"], set_={"slug": slug})
            .returning(_ORGANIZATION.c.id)
        )
        organization_id: int = self._connection.execute(statement).scalar_one()
        return organization_id

    def exists(self, email: str) -> bool:
        """Whether a user has this e-mail, disabled or not."""
        return self._connection.execute(select(User.id).where(User.email == email)).first() is not None

    def add(self, *, email: str, name: str, role: Role, organization_id: int, password_hash: str) -> int:
        """Store a new user and return its id."""
        values = {
            "email": email,
            "name": name,
            "role": role.value,
            "organization_id": organization_id,
            "password_hash": password_hash,
        }
        user_id: int = self._connection.execute(insert(User).values(values).returning(User.id)).scalar_one()
        return user_id

    def set_password_hash(self, email: str, password_hash: str) -> bool:
        """Replace a password hash; False when there is no such user."""
        changed = self._connection.execute(
            update(User).where(User.email == email).values(password_hash=password_hash).returning(User.id)
        )
        return changed.first() is not None
