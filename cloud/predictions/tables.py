"""What models said, and predictions that were asked for later."""

from __future__ import annotations

from datetime import datetime
from typing import Any
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


class PredictionTask(Base):
    """A prediction that was asked for later. The row is the queue: what a process had in hand when it died is run again."""

    __tablename__ = "prediction_task"
    __table_args__ = (
        Index("ix_prediction_task_recent", "organization_id", text("created_at DESC"), text("id DESC")),
        Index("ix_prediction_task_open", "created_at", postgresql_where=text("finished_at IS NULL")),
        Index("ix_prediction_task_callback", "callback_at", postgresql_where=text("callback_state = 'waiting'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    created_at: Mapped[datetime]
    request: Mapped[dict[str, Any]]
    """``cloud.predictions.tasks.Request``."""
    pictures: Mapped[int]
    state: Mapped[str]
    """waiting, running, done, failed or cancelled."""
    attempts: Mapped[int]
    """Runs that were begun; each run finishes only its own attempt, so that a process that was taken for dead writes nothing."""
    lease_until: Mapped[datetime | None]
    """Until when the running process has promised to say that it lives."""
    done: Mapped[int]
    started_at: Mapped[datetime | None]
    """When the first run began."""
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    callback_url: Mapped[str | None]
    callback_state: Mapped[str | None]
    """waiting, sent or failed; null before the end, and without an address."""
    callback_attempts: Mapped[int]
    callback_at: Mapped[datetime | None]
    """When to call, or when it was called."""
    callback_error: Mapped[str | None]
