"""People and machines that may come in, their sessions, and what guards the door."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, IntId

ROLES = ("viewer", "operator", "farm_manager", "fleet_admin", "platform_admin")
"""From least to most; each may do what those before it may."""


_ROLE = f"role in ({', '.join(repr(role) for role in ROLES)})"


class User(Base):
    """A person with one role in one organization; with a password, or known to the company's identity provider."""

    __tablename__ = "app_user"
    __table_args__ = (
        CheckConstraint(_ROLE, name="role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )

    id: Mapped[IntId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    email: Mapped[str] = mapped_column(unique=True)
    """Lower case."""
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    """argon2id in PHC form. None: signs in through the identity provider alone."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]
    site_ids: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Keys of the sites that the user is limited to. None: all of the organization."""
    oidc_subject: Mapped[str | None] = mapped_column(unique=True)
    """``issuer|subject`` of the identity provider, once the user has come through it."""
    tokens_from: Mapped[datetime | None]
    """Access tokens that were issued before are refused: the password or the rights have changed since."""


class Session(Base):
    """One login, from the password to the logout: a family of refresh tokens of which only the newest works."""

    __tablename__ = "auth_session"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"), index=True)
    generation: Mapped[int] = mapped_column(server_default=text("1"))
    """Number of the refresh token that works; it grows with every use."""
    started_at: Mapped[datetime]
    used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str | None]
    program: Mapped[str | None]
    """User-Agent of the login, shortened."""
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]
    """``logout``, ``password``, ``rights``, ``disabled`` or ``reuse`` (a used refresh token came again)."""


class ApiKey(Base):
    """A machine's key. The secret is shown once; its SHA-256 is kept (it has 256 random bits, so no slow hash is needed)."""

    __tablename__ = "api_key"
    __table_args__ = (UniqueConstraint("organization_id", "name"), CheckConstraint(_ROLE, name="role"))

    id: Mapped[IntId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str]
    role: Mapped[str]
    scopes: Mapped[list[Any]]
    """``{tag}:{read|write}``, where ``*`` stands for every tag."""
    site_ids: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """None: all sites of the organization."""
    secret_hash: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LoginCounter(Base):
    """Failed logins of an account, of an address, or of both; shared by every process of the API."""

    __tablename__ = "login_counter"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)


class IdempotencyKey(Base):
    """The answer to a POST, for whoever sends it again. The answer is encrypted: it may hold a secret shown once."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_caller_started_at", "caller", "started_at"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of who asked and the key that was sent."""
    request_hash: Mapped[str]
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    """None while the request is still being answered."""
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    caller: Mapped[str]
