"""The table of dead letters."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class DeadLetterRow(Base):
    """One refused message. The same poison again raises ``count`` and ``received_at``."""

    __tablename__ = "dead_letter"
    __table_args__ = (Index("ix_dead_letter_recent", text("received_at DESC")),)

    id: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    stage: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str]
    origin: Mapped[str]
    site: Mapped[str | None]
    device: Mapped[str | None]
    payload: Mapped[bytes]
    count: Mapped[int] = mapped_column(server_default="1")
