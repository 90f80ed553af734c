"""Frames that may be labelled, and uploads that are under way."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class SampleUpload(Base):
    """A frame of which some bytes are here; its key becomes the sample's."""

    __tablename__ = "sample_upload"
    __table_args__ = (UniqueConstraint("organization_id", "sha256"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    sha256: Mapped[str]
    length: Mapped[int]
    reached: Mapped[int]
    """Bytes that are on the disk."""
    sample: Mapped[dict[str, Any]]
    """``contracts.samples.Sample`` as it came."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    touched_at: Mapped[datetime]


class SampleRow(Base):
    """A frame in the label queue, with where it comes from and how far its labels are."""

    __tablename__ = "sample"
    __table_args__ = (
        UniqueConstraint("organization_id", "sha256"),
        Index("ix_sample_queue", "organization_id", "status", text("priority DESC"), "id"),
        Index("ix_sample_camera", "site_id", "camera", text("stored_at DESC")),
        Index(
            "ix_sample_other",
            "organization_id",
            "other_name",
            "other_version",
            text("score DESC"),
            "id",
            postgresql_where=text("other_name IS NOT NULL"),
        ),
        CheckConstraint("status in ('open', 'review', 'accepted', 'rejected')", name="status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    unit: Mapped[str]
    device: Mapped[str]
    camera: Mapped[str]
    captured_at: Mapped[datetime]
    sha256: Mapped[str]
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str]
    """``edge`` (uploaded) or ``evidence`` (the image behind an observation that somebody marked)."""
    reason: Mapped[str]
    """Why the box kept it (``contracts.samples.SampleReason``)."""
    score: Mapped[float]
    detections: Mapped[list[Any]]
    """What the model proposes, ``contracts.vision.Detection``."""
    model_name: Mapped[str | None]
    model_version: Mapped[str | None]
    model_sha256: Mapped[str | None]
    other_detections: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What a candidate on trial says of the same frame; None where none was asked."""
    other_name: Mapped[str | None]
    other_version: Mapped[str | None]
    other_sha256: Mapped[str | None]
    look: Mapped[list[Any]]
    """A few numbers that describe the picture, for comparing it with others; empty when it could not be decoded."""
    uncertainty: Mapped[float]
    novelty: Mapped[float]
    priority: Mapped[float]
    stored_at: Mapped[datetime]
    stored_by: Mapped[str]
    status: Mapped[str]
    agreement: Mapped[float | None]
    """Of the labels that count, 0 to 1; None with fewer than two."""
    accepted_label_id: Mapped[UUID | None]
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[str | None]
    review_note: Mapped[str | None]
