"""Trials in some units, and the boxes that take part."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class UnitTrial(Base):
    """A release that is tried in some units of boxes, beside the model of each box."""

    __tablename__ = "unit_trial"
    __table_args__ = (
        CheckConstraint("status in ('proposed', 'asked', 'refused', 'running', 'ending', 'ended')", name="status"),
        Index("ix_unit_trial_recent", "organization_id", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str]
    model: Mapped[str]
    version: Mapped[str]
    sha256: Mapped[str | None]
    """Of the model, once it has begun."""
    share: Mapped[float | None]
    """Of the units of each box, where none are named."""
    units: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    """Named ones, ``site/unit``."""
    site_ids: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    groups: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    tags: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    days: Mapped[float]
    seed: Mapped[int]
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    """``cloud.unit_trials.plan.TrialPlan``."""
    status: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    """Why it stands as it does, in words."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None]
    began_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    """When boxes end it by themselves: signed with it."""
    ended_by: Mapped[str | None]
    """Who ordered its end; null where nobody had to."""
    ended_at: Mapped[datetime | None]


class UnitTrialBox(Base):
    """One box in one trial: which of its units have the release, and which it is compared with."""

    __tablename__ = "unit_trial_box"
    __table_args__ = (Index("ix_unit_trial_box_device_id", "device_id"),)

    trial_id: Mapped[UUID] = mapped_column(ForeignKey("unit_trial.id", ondelete="CASCADE"), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True)
    units: Mapped[list[str]] = mapped_column(JSONB)
    others: Mapped[list[str]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default="told")
    """``told``, and then what the box says (``contracts.deployments.DeploymentState``)."""
    reason: Mapped[str] = mapped_column(server_default="")
    told_at: Mapped[datetime]
    """When the box was told last."""
    active_at: Mapped[datetime | None]
    """When its session first said that it runs it, by the box's clock."""
    ended_at: Mapped[datetime | None]
    """When the units had the box's model again, or it was refused."""
