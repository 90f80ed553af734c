"""What models said, and predictions that were asked for later."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, BigId


class PredictionRow(Base):
    """What one version said of one picture. The picture itself is not kept."""

    __tablename__ = "prediction"
    __table_args__ = (
        Index("ix_prediction_recent", "organization_id", text("created_at DESC"), text("id DESC")),
        Index("ix_prediction_created_at", "created_at"),
        UniqueConstraint("task_id", "task_index"),
    )

    id: Mapped[BigId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    created_at: Mapped[datetime]
    source: Mapped[str]
    """classify, predict, batch or async: who asked."""
    task_id: Mapped[UUID | None]
    """The prediction asked for later that this belongs to; with ``task_index`` the key that makes a second run harmless."""
    task_index: Mapped[int | None]
    image_sha256: Mapped[str]
    task: Mapped[str]
    """detection, classification or scores."""
    model_name: Mapped[str]
    model_version: Mapped[str]
    model_sha256: Mapped[str]
    arm: Mapped[str]
    label: Mapped[str | None]
    best_label: Mapped[str | None]
    confidence: Mapped[float | None]
    level: Mapped[str | None]
    found: Mapped[int | None]
    """Detections; null for other tasks."""
    latency_ms: Mapped[float]
    cached: Mapped[bool]
