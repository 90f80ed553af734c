"""Readings and the latest reading of every channel. Narrow rows, integer keys: the key is most of the cost."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class ReadingRow(Base):
    """One value of one channel (hypertable, or daily partitions).

    No foreign key: it would cost a look-up per row, and only registered channel ids are ever written.
    """

    __tablename__ = "reading"

    channel_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    observed_at: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float]
    quality: Mapped[int] = mapped_column(SmallInteger)
    """QARTOD flag (``contracts.quality.QualityFlag``)."""


class ReadingLatest(Base):
    """The newest reading of each channel; never goes backwards in ``observed_at``."""

    __tablename__ = "reading_latest"

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True, autoincrement=False)
    observed_at: Mapped[datetime]
    value: Mapped[float]
    quality: Mapped[int] = mapped_column(SmallInteger)
    received_at: Mapped[datetime]
