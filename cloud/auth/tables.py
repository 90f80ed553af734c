"""People who may log in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, IntId

ROLES = ("viewer", "operator", "farm_manager", "fleet_admin", "platform_admin")
"""From least to most; each may do what those before it may."""


class User(Base):
    """A person with a password and one role in one organization."""

    __tablename__ = "app_user"
    __table_args__ = (
        CheckConstraint(f"role in ({', '.join(repr(role) for role in ROLES)})", name="role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )

    id: Mapped[IntId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    email: Mapped[str] = mapped_column(unique=True)
    """Lower case."""
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    """argon2id in PHC form."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]
