"""Tables of rollouts: what was asked, where every device stands, what was decided, and what devices are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, BigId


class RolloutRow(Base):
    """One rollout. People ask (``asked``, or ``proposed`` until a second person agrees); the controller starts it and keeps its state."""

    __tablename__ = "rollout"
    __table_args__ = (
        CheckConstraint(
            "status in ('proposed', 'asked', 'refused', 'running', 'paused', 'finished', 'rolling_back', 'rolled_back', 'canceled')",
            name="status",
        ),
        CheckConstraint("kind in ('model', 'config', 'agent')", name="kind"),
        Index("ix_rollout_open", "id", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="model")
    """``contracts.deployments.ArtifactKind``."""
    model: Mapped[str]
    """Name of the model or configuration; ``agent`` for the agent."""
    version: Mapped[str]
    back_to: Mapped[str | None]
    """Version that devices go back to; None when they had none from the fleet."""
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB)
    site_ids: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Sites whose devices take part; None for all of the organization."""
    groups: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Names of groups whose devices take part; None for all."""
    tags: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Tags that a device must have, all of them; None for any."""
    leave_out: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether devices that cannot take it are left out; else they stop it before it begins."""
    seed: Mapped[int]
    status: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    """Why it was refused, paused or stopped."""
    state: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Of the waves and the gates, as ``cloud.rollouts.memory`` writes it; None before the start."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None]
    """The second person, where one is asked for."""
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """When the last deployment had ended."""


class RolloutDevice(Base):
    """One device in one rollout."""

    __tablename__ = "rollout_device"
    __table_args__ = (Index("ix_rollout_device_device", "device_id"),)

    rollout_id: Mapped[UUID] = mapped_column(ForeignKey("rollout.id", ondelete="CASCADE"), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True)
    wave: Mapped[int]
    step: Mapped[str]
    reason: Mapped[str]
    active_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    bad_s: Mapped[float] = mapped_column(Double)
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """All of it, as ``cloud.rollouts.memory`` writes it."""


class RolloutEntry(Base):
    """The decision log; only added to."""

    __tablename__ = "rollout_entry"
    __table_args__ = (Index("ix_rollout_entry_rollout", "rollout_id", "id"),)

    id: Mapped[BigId]
    rollout_id: Mapped[UUID] = mapped_column(ForeignKey("rollout.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    words: Mapped[str]


class RolloutOrder(Base):
    """What a person wants of a rollout; the controller does it and marks it."""

    __tablename__ = "rollout_order"
    __table_args__ = (
        CheckConstraint("kind in ('pause', 'resume', 'cancel', 'roll_back')", name="kind"),
        Index("ix_rollout_order_open", "id", postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[BigId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    rollout_id: Mapped[UUID] = mapped_column(ForeignKey("rollout.id", ondelete="CASCADE"))
    kind: Mapped[str]
    reason: Mapped[str]
    ordered_by: Mapped[str]
    ordered_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class DeviceShadow(Base):
    """What a device should do, by named shadow; the newest version is sent until it is sent."""

    __tablename__ = "device_shadow"
    __table_args__ = (Index("ix_device_shadow_unsent", "device_id", postgresql_where=text("sent_version < version")),)

    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True)
    shadow: Mapped[str] = mapped_column(primary_key=True)
    desired: Mapped[dict[str, Any]] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(BigInteger, server_default="1")
    sent_version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    changed_at: Mapped[datetime]


class RolloutCursor(Base):
    """How far the controller has read the devices' events. One row."""

    __tablename__ = "rollout_cursor"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[int] = mapped_column(BigInteger)
