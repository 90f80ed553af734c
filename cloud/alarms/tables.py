"""Alarm occurrences (two facts each: cleared, acknowledged) and every change of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class Alarm(Base):
    """One occurrence. Active while ``cleared_at`` is null; unacknowledged while ``acknowledged_at`` is null."""

    __tablename__ = "alarm"
    __table_args__ = (
        Index("ix_alarm_recent", "site_id", text("raised_at DESC")),
        Index("ix_alarm_open", "site_id", "unit_id", postgresql_where=text("cleared_at IS NULL")),
        Index("ix_alarm_unfinished", "site_id", postgresql_where=text("cleared_at IS NULL OR acknowledged_at IS NULL")),
        Index("ix_alarm_assignee", "assignee_id", postgresql_where=text("assignee_id IS NOT NULL")),
        Index("ix_alarm_identity", "device_id", "definition", "unit_id", "subject", "raised_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channel.id"))
    subject: Mapped[str | None]
    """The channel as the box names it, which may be a camera or an actuator; None when it is about the unit or the box."""
    definition: Mapped[str]
    severity: Mapped[str]
    raised_at: Mapped[datetime]
    condition_since: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    """E-mail of the person, or ``device:<slug>`` when it was acknowledged at the tank."""
    value: Mapped[float | None]
    limit_value: Mapped[float | None]
    ucum: Mapped[str | None]
    quantity: Mapped[str | None]
    message: Mapped[str]
    action: Mapped[str | None]
    source: Mapped[str | None]
    origin: Mapped[str] = mapped_column(server_default="edge")
    """Who saw it: ``edge``, ``cloud`` (the watcher or the evaluator), or ``both``."""
    suppressed_by: Mapped[UUID | None]
    """The alarm that explains this one; while that lasts, this one calls nobody."""
    shelved_until: Mapped[datetime | None]
    """Until then it calls nobody, by the word of a person."""
    shelved_by: Mapped[str | None]
    shelved_because: Mapped[str | None]
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    """Whose work it is; says nothing of whether they have taken it on (``acknowledged_at``)."""
    assigned_at: Mapped[datetime | None]
    assigned_by: Mapped[str | None]


class AlarmAlias(Base):
    """A second name: the box's own id of an alarm that the cloud had raised before."""

    __tablename__ = "alarm_alias"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id", ondelete="CASCADE"))


class AlarmRationale(Base):
    """Why an organization has an alarm, in its own words."""

    __tablename__ = "alarm_rationale"

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    definition: Mapped[str] = mapped_column(primary_key=True)
    consequence: Mapped[str]
    respond_within_s: Mapped[int]
    instruction: Mapped[str]
    owner: Mapped[str]
    reviewed_at: Mapped[datetime]
    reviewed_by: Mapped[str]


class AlarmChangeRow(Base):
    """History of an alarm; its key makes a repeated change one change."""

    __tablename__ = "alarm_change"

    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id", ondelete="CASCADE"), primary_key=True)
    change: Mapped[str] = mapped_column(primary_key=True)
    """``contracts.alarms.AlarmChange``, or ``assigned`` and ``unassigned``, which no box knows."""
    occurred_at: Mapped[datetime] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime]
    actor: Mapped[str | None]
    """E-mail of the person, ``device:<slug>``, or ``superseded`` when a newer occurrence closed this one."""
    assignee: Mapped[str | None]
    """E-mail of the person that it was assigned to, as it was then."""
