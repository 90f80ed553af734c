"""Batches, and the diary of a farm: one row per record, never changed but to be struck out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, BigId, IntId


class Batch(Base):
    """Fish of one species and origin that are followed together (lot, year class)."""

    __tablename__ = "batch"
    __table_args__ = (UniqueConstraint("organization_id", "code"),)

    id: Mapped[IntId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    code: Mapped[str]
    """Name on papers and in the diary, unique in the organization."""
    species: Mapped[str]
    """Code as in the limits for fish."""
    origin: Mapped[str]
    """Hatchery, strain, or where the fish came from."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class DiaryRecord(Base):
    """One record. Its key is made where it is written down, so that sending it again changes nothing."""

    __tablename__ = "diary_record"
    __table_args__ = (
        Index("ix_diary_record_recent", "site_id", text("occurred_at DESC"), text("id DESC")),
        Index("ix_diary_record_batch_id", "batch_id", "occurred_at"),
        Index("ix_diary_record_unit_id", "unit_id", "kind", "occurred_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    to_unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batch.id"))
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    body: Mapped[dict[str, Any]]
    """What the kind adds, as ``cloud.husbandry.schemas`` checked it."""
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    struck_at: Mapped[datetime | None]
    struck_by: Mapped[str | None]
    struck_because: Mapped[str | None]


class DiaryChange(Base):
    """Who wrote down or struck out what, when and from where; only ever added to."""

    __tablename__ = "diary_change"
    __table_args__ = (Index("ix_diary_change_record_id", "record_id"),)

    id: Mapped[BigId]
    record_id: Mapped[UUID] = mapped_column(ForeignKey("diary_record.id"))
    change: Mapped[str]
    """``recorded``, ``imported`` or ``struck``."""
    changed_at: Mapped[datetime]
    actor: Mapped[str]
    origin: Mapped[str | None]
    """Address that the request came from."""
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
