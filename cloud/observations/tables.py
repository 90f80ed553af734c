"""Observations of cameras, and the images that prove them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class ObservationRow(Base):
    """Summary of one camera over one window (hypertable, or partitions)."""

    __tablename__ = "observation"
    __table_args__ = (Index("ix_observation_recent", "unit_id", text("observed_at DESC")),)

    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"), primary_key=True, autoincrement=False)
    observed_at: Mapped[datetime] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    started_at: Mapped[datetime]
    frames: Mapped[int] = mapped_column(BigInteger)
    frames_dropped: Mapped[int] = mapped_column(BigInteger)
    count_mean: Mapped[float | None]
    count_min: Mapped[int | None]
    count_max: Mapped[int | None]
    confidence_mean: Mapped[float | None]
    latency_ms: Mapped[float | None]
    detections: Mapped[list[Any]]
    """``contracts.vision.Detection`` of the evidence frame."""
    image_sha256: Mapped[str | None]
    """The evidence image; it may arrive later than this row, or never (it has the lowest priority on the edge)."""
    image_observed_at: Mapped[datetime | None]
    model_name: Mapped[str | None]
    model_version: Mapped[str | None]
    model_sha256: Mapped[str | None]
    image_quality: Mapped[float | None]
    quality: Mapped[int] = mapped_column(SmallInteger)
    quality_test: Mapped[str | None]
    count_low: Mapped[float | None]
    """With ``count_high`` the 95 % interval of ``count_mean``."""
    count_high: Mapped[float | None]
    activity_bl_s: Mapped[float | None]
    analysis: Mapped[dict[str, Any] | None]
    """``contracts.vision.Observation``: image_parts, tracks, lines, classes, health and embedding_distance, those that were told."""


class Image(Base):
    """An evidence image whose file is in storage (``cloud.observations.images.path_of``)."""

    __tablename__ = "image"
    __table_args__ = (Index("ix_image_recent", "unit_id", text("observed_at DESC")),)

    sha256: Mapped[str] = mapped_column(primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    observed_at: Mapped[datetime]
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int]
    stored_at: Mapped[datetime]
