"""What each stream usually is, the advice that followed, and what each farm lets it do."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class AbnormalBaseline(Base):
    """The memory of one stream and its newest judgement; of fixed size."""

    __tablename__ = "abnormal_baseline"

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True, autoincrement=False)
    looked_until: Mapped[datetime]
    """Every bucket before this has been judged, or had no value."""
    memory: Mapped[dict[str, Any]]
    judgement: Mapped[dict[str, Any] | None]


class AdviceRow(Base):
    """One time in which a stream was not what it usually is."""

    __tablename__ = "advice"
    __table_args__ = (
        UniqueConstraint("channel_id", "started_at"),
        Index("ix_advice_site_id_started_at", "site_id", text("started_at DESC")),
        Index("ix_advice_open", "channel_id", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    quantity: Mapped[str]
    started_at: Mapped[datetime]
    told_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    value: Mapped[float]
    expected: Mapped[float]
    spread: Mapped[float]
    shared: Mapped[bool]
    """Other units moved too: weather, or what they share."""
    text: Mapped[str]
    alarm_id: Mapped[UUID | None]
    """The alarm that it is at present."""


class AdviceSetting(Base):
    """What a farm lets advice on a quantity do, where it is not as shipped."""

    __tablename__ = "advice_setting"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), primary_key=True)
    quantity: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
