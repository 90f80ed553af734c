"""Tasks. The row is the truth; what a broker carries is only a hint that there is one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base

STATES = ("queued", "running", "succeeded", "failed", "cancelled")


class TaskRow(Base):
    """One piece of work."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("organization_id", "idempotency_key", postgresql_nulls_not_distinct=True),
        CheckConstraint(f"state in ({', '.join(repr(state) for state in STATES)})", name="state"),
        Index("ix_task_recent", "organization_id", text("created_at DESC")),
        Index("ix_task_unfinished", "queue", "due_at", postgresql_where=text("state in ('queued', 'running')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"))
    """None: upkeep of the platform itself."""
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    kind: Mapped[str]
    queue: Mapped[str]
    params: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="queued")
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    """From 0 to 1."""
    message: Mapped[str] = mapped_column(server_default="")
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str]
    due_at: Mapped[datetime]
    """Queued: not before then. Running: when the worker counts as dead unless it says before that it lives."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    worker: Mapped[str | None]
    """Who has it; a worker that lost it may not write any more."""
