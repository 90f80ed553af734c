"""One-time tokens that people are sent: invitations, and resets of a password."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cloud.auth.tables import ROLES
from cloud.db.base import Base, IntId


class Invitation(Base):
    """Lets one person register with a role, or (with ``user_id``) set a new password. Works once, for some days."""

    __tablename__ = "invitation"
    __table_args__ = (CheckConstraint(f"role in ({', '.join(repr(role) for role in ROLES)})", name="role"),)

    id: Mapped[IntId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    """Whose password it resets; None for an invitation."""
    email: Mapped[str]
    role: Mapped[str]
    site_ids: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
