"""Labels, who holds a frame, reviews, corrections, settings, and frozen data sets."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, BigId


class LabelSetting(Base):
    """What an organization labels. None: the settings of ``cloud.labels.schemas``."""

    __tablename__ = "label_setting"

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), primary_key=True, autoincrement=False)
    body: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]


class LabelLease(Base):
    """A frame that somebody is looking at."""

    __tablename__ = "label_lease"

    sample_id: Mapped[UUID] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    annotator: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class LabelRow(Base):
    """One person's answer for one frame; never changed but to be withdrawn. Its key is made where it is given."""

    __tablename__ = "label"
    __table_args__ = (
        Index("ix_label_sample_id", "sample_id"),
        Index("ix_label_recent", text("labelled_at DESC")),
        Index("ix_label_current", "sample_id", "annotator", unique=True, postgresql_where=text("withdrawn_at IS NULL")),
        CheckConstraint("source in ('hand', 'import')", name="source"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sample_id: Mapped[UUID] = mapped_column(ForeignKey("sample.id"))
    annotator: Mapped[str]
    body: Mapped[dict[str, Any]]
    """``contracts.samples.Label``: boxes, classes and scores."""
    note: Mapped[str | None]
    labelled_at: Mapped[datetime]
    seconds: Mapped[float | None]
    """How long it took."""
    source: Mapped[str]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_because: Mapped[str | None]
    """``undone``, ``replaced`` or ``returned``."""


class LabelReview(Base):
    """What a reviewer decided; only ever added to."""

    __tablename__ = "label_review"
    __table_args__ = (Index("ix_label_review_sample_id", "sample_id"),)

    id: Mapped[BigId]
    sample_id: Mapped[UUID] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"))
    decision: Mapped[str]
    """``accept``, ``return``, ``reject`` or ``reopen``."""
    label_id: Mapped[UUID | None] = mapped_column(ForeignKey("label.id"))
    note: Mapped[str | None]
    reviewed_at: Mapped[datetime]
    reviewed_by: Mapped[str]


class LabelMark(Base):
    """Somebody says that a model was wrong. Its key is made where it is said, so that saying it again changes nothing."""

    __tablename__ = "label_mark"
    __table_args__ = (
        Index("ix_label_mark_recent", "organization_id", text("marked_at DESC"), text("id DESC")),
        Index("ix_label_mark_sample_id", "sample_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    subject: Mapped[str]
    """``observation`` or ``prediction``."""
    subject_id: Mapped[str]
    fault: Mapped[str]
    right_answer: Mapped[str | None]
    """What it should have said, where somebody knew."""
    note: Mapped[str | None]
    model_name: Mapped[str | None]
    model_version: Mapped[str | None]
    model_sha256: Mapped[str | None]
    sample_id: Mapped[UUID | None] = mapped_column(ForeignKey("sample.id", ondelete="SET NULL"))
    """The frame in the queue; None when its picture is not kept."""
    marked_at: Mapped[datetime]
    marked_by: Mapped[str]


class Dataset(Base):
    """A version of a data set: it never changes again."""

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("organization_id", "name", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    site_ids: Mapped[list[Any]]
    """Keys of the sites whose frames are in it."""
    name: Mapped[str]
    number: Mapped[int]
    note: Mapped[str | None]
    licence: Mapped[str]
    sha256: Mapped[str]
    """Of ``annotations.json``."""
    content_sha256: Mapped[str]
    """Of the frames' hashes with their labels alone: two versions with the same one teach the same."""
    images: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    counts: Mapped[dict[str, Any]]
    lineage: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class DatasetImage(Base):
    """A frame and the label with which it is in a data set."""

    __tablename__ = "dataset_image"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("dataset.id"), primary_key=True)
    sample_id: Mapped[UUID] = mapped_column(ForeignKey("sample.id"), primary_key=True)
    label_id: Mapped[UUID] = mapped_column(ForeignKey("label.id"))
