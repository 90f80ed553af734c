"""Readings and the latest reading of every channel. Narrow rows, integer keys: the key is most of the cost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Double, ForeignKey, Index, Integer, SmallInteger
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, BigId


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
    test: Mapped[str | None]
    """The quality test that decided ``quality``, when it is not good (``contracts.telemetry.Reading``)."""
    also: Mapped[dict[str, Any] | None]
    """Further tests that did not pass, with their flags."""
    calibration: Mapped[str | None]


class ChannelCalibration(Base):
    """From when on the readings of a channel rest on another calibration; without a row they never rested on any."""

    __tablename__ = "channel_calibration"

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(primary_key=True)
    calibration: Mapped[str | None]
    """Identity of the record on the box; None: from here on none was applied."""


class FreeReadings(Base):
    """Readings of one batch whose stamps are not final, as columns of equal length."""

    __tablename__ = "reading_free"
    __table_args__ = (Index("ix_reading_free_timeline", "device_id", "timeline"),)

    id: Mapped[BigId]
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    timeline: Mapped[str]
    received_at: Mapped[datetime]
    shown: Mapped[bool]
    """Whether they stand in ``reading`` too, by the stamps that they came with, until the offset is known."""
    channel_id: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    observed_us: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    value: Mapped[list[float]] = mapped_column(ARRAY(Double))
    quality: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
