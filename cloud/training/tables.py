"""Runs of training with what came of them, and when to train again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base

STATES = ("waiting", "running", "proposed", "inconclusive", "refused", "failed", "cancelled")


class TrainingRun(Base):
    """One run, and the candidate that came of it with its lineage. The row is never changed once it is over."""

    __tablename__ = "training_run"
    __table_args__ = (
        CheckConstraint(f"state in ({', '.join(repr(state) for state in STATES)})", name="state"),
        Index("ix_training_run_recent", text("asked_at DESC"), text("id DESC")),
        # One at a time for each model, however many ask.
        Index("ix_training_run_open", "model", unique=True, postgresql_where=text("finished_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    model: Mapped[str]
    trigger: Mapped[str]
    reason: Mapped[str]
    asked_at: Mapped[datetime]
    asked_by: Mapped[str]
    """Of a person, or ``schedule``."""
    order: Mapped[dict[str, Any]]
    """``cloud.training.steps``: what is run."""
    state: Mapped[str]
    step: Mapped[str | None]
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    """From 0 to 1."""
    message: Mapped[str] = mapped_column(server_default="")
    """What it is at, in words."""
    starts: Mapped[int]
    idle_starts: Mapped[int] = mapped_column(server_default=text("0"))
    """Starts in a row since it last got further."""
    progress_at_start: Mapped[float] = mapped_column(server_default=text("0"))
    """``progress`` when it was last started."""
    started_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]
    version: Mapped[str | None]
    """Of the candidate's bundle; with ``sha256`` and ``bundle`` null until there is one."""
    sha256: Mapped[str | None]
    bundle: Mapped[str | None]
    """Its folder, below the storage."""
    lineage: Mapped[dict[str, Any]]
    """Data set with its hash, git revision, configuration with its hash, seed, and what the bundle itself tells."""
    metrics: Mapped[dict[str, Any]]
    """Slice -> figure -> value, low and high; of the candidate."""
    production_metrics: Mapped[dict[str, Any]]
    """The same of the model in production on the same pictures; empty without one."""
    gate: Mapped[dict[str, Any]]
    """Decision with every reason."""


class RetrainRuleRow(Base):
    """When a model is trained again, where somebody has set it, and what the last look said."""

    __tablename__ = "retrain_rule"

    model: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]
    """``cloud.training.schemas.RetrainRuleBody``; empty: as shipped."""
    changed_at: Mapped[datetime | None]
    changed_by: Mapped[str | None]
    looked_at: Mapped[datetime | None]
    said: Mapped[str | None]
    """Why a run was asked for, or why not."""
