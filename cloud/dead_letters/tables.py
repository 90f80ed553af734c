"""The tables of dead letters and of what people ordered about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class DeadLetterRow(Base):
    """One refused message. The same poison again raises ``count`` and ``received_at``, and opens it again."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        Index("ix_dead_letter_recent", text("received_at DESC")),
        CheckConstraint("state in ('open', 'replayed', 'discarded')", name="state"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    stage: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str]
    origin: Mapped[str]
    site: Mapped[str | None]
    device: Mapped[str | None]
    payload: Mapped[bytes]
    count: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[str] = mapped_column(server_default="open")
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]
    settled_why: Mapped[str | None]


class DeadLetterOrderRow(Base):
    """What a person ordered about some letters: put them back, or leave them be. The row is the work to do."""

    __tablename__ = "dead_letter_order"
    __table_args__ = (
        CheckConstraint("action in ('replay', 'discard')", name="action"),
        CheckConstraint("status in ('waiting', 'running', 'done')", name="status"),
        Index("ix_dead_letter_order_recent", "organization_id", text("asked_at DESC")),
        Index("ix_dead_letter_order_unfinished", "asked_at", postgresql_where=text("status <> 'done'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    action: Mapped[str]
    why: Mapped[str]
    selection: Mapped[dict[str, Any]]
    """What was asked for: ``letters``, or ``reason``, ``stage``, ``site``, ``since``."""
    status: Mapped[str]
    left_out: Mapped[int] = mapped_column(server_default=text("0"))
    """Letters that were meant too, but beyond the bound of one order."""
    asked_at: Mapped[datetime]
    asked_by: Mapped[str]
    finished_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    """Running: when another process may go on with it."""


class DeadLetterOrderItem(Base):
    """One letter of an order and what came of it."""

    __tablename__ = "dead_letter_order_item"
    __table_args__ = (CheckConstraint("outcome in ('waiting', 'replayed', 'refused', 'discarded')", name="outcome"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("dead_letter_order.id", ondelete="CASCADE"), primary_key=True)
    letter_id: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    why: Mapped[str] = mapped_column(server_default="")
