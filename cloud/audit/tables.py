"""The audit log. Triggers write it (``cloud.db.audit``); a trigger also refuses every change of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class AuditEntry(Base):
    """One change. ``hash`` is the SHA-256 of the hash before, a line feed, and ``record``; the first follows 64 zeros."""

    __tablename__ = "audit_entry"

    chain: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Key of the organization; 0 for what belongs to none."""
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """1, 2, 3, ... within the chain, without gaps."""
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    record: Mapped[str]
    """The whole entry as JSON; the columns before repeat parts of it for queries."""
    hash: Mapped[str]
