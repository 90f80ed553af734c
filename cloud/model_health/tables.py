"""How the model of each unit does, as it was last looked at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class ModelHealthRow(Base):
    """One unit with a camera."""

    __tablename__ = "model_health"
    __table_args__ = (CheckConstraint("status in ('ok', 'degraded', 'stale', 'dark')", name="status"),)

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, autoincrement=False)
    status: Mapped[str]
    reason: Mapped[str]
    since: Mapped[datetime]
    """Since when it has had this status."""
    looked_at: Mapped[datetime]
    newest_at: Mapped[datetime | None]
    model_name: Mapped[str | None]
    model_version: Mapped[str | None]
    model_sha256: Mapped[str | None]
    latency_ms: Mapped[float | None]
    """Mean of the last hour, from capture to result."""
    confidence: Mapped[float | None]
    """Mean of the last hour."""
