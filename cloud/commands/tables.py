"""The tables of commands to boxes and of the archives that came for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class DeviceCommand(Base):
    """One command. The row is what is to be sent; its id is the one that the box knows it by."""

    __tablename__ = "device_command"
    __table_args__ = (
        CheckConstraint("outcome in ('done', 'refused', 'expired', 'failed')", name="outcome"),
        Index("ix_device_command_recent", "device_id", text("issued_at DESC")),
        Index("ix_device_command_open", "issued_at", postgresql_where=text("outcome IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    name: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    issued_at: Mapped[datetime]
    issued_by: Mapped[str]
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    """When it was first given to the broker."""
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_send_at: Mapped[datetime]
    """Until it is answered it is sent again: a box that was away heard nothing, and does the same id once."""
    outcome: Mapped[str | None]
    """The box's word, or ``refused`` when nothing could be sent; None: it has not answered."""
    reason: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    """By the box's clock."""
    archive_stays: Mapped[str | None]
    """Why the box keeps the whole archive of ``diagnostics``; None: it sends it, or has not said."""


class DeviceArchive(Base):
    """The archive that a box sent for a command; bounded in number, size and age."""

    __tablename__ = "device_archive"

    command_id: Mapped[UUID] = mapped_column(ForeignKey("device_command.id", ondelete="CASCADE"), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), index=True)
    file: Mapped[str]
    size: Mapped[int]
    """Bytes."""
    sha256: Mapped[str]
    content: Mapped[bytes]
    stored_at: Mapped[datetime]
    stored_by: Mapped[str]
