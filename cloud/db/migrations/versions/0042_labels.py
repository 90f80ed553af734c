"""Frames from boxes, their labels and reviews, marks of what models had wrong, and frozen data sets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from cloud.db import audit

revision = "0042"
down_revision = "0041"

MOMENT = TIMESTAMP(timezone=True)
KEY = UUID(as_uuid=True)
_AUDITED = ("label_setting", "label", "label_review", "label_mark", "dataset")


def upgrade() -> None:
    """Make the tables."""
    _samples()
    _labels()
    _datasets()
    for table in _AUDITED:
        op.execute(audit.audit_table(table, audit.AUDITED[table]))


def downgrade() -> None:
    """Remove the tables."""
    for table in _AUDITED:
        op.execute(audit.leave_table(table))
    for table in (
        "dataset_image", "dataset", "label_mark", "label_review", "label", "label_lease", "label_setting", "sample",
        "sample_upload",
    ):  # fmt: skip
        op.drop_table(table)


def _samples() -> None:
    op.create_table(
        "sample_upload",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("reached", sa.Integer, nullable=False),
        sa.Column("sample", JSONB, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("touched_at", MOMENT, nullable=False),
        sa.UniqueConstraint("organization_id", "sha256"),
    )
    op.create_table(
        "sample",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        *[sa.Column(name, sa.String, nullable=False) for name in ("unit", "device", "camera")],
        sa.Column("captured_at", MOMENT, nullable=False),
        *[sa.Column(name, sa.String, nullable=False) for name in ("sha256", "media_type")],
        *[sa.Column(name, sa.Integer, nullable=False) for name in ("width", "height")],
        sa.Column("bytes", sa.BigInteger, nullable=False),
        *[sa.Column(name, sa.String, nullable=False) for name in ("source", "reason")],
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("detections", JSONB, nullable=False),
        *[sa.Column(name, sa.String) for name in ("model_name", "model_version", "model_sha256")],
        sa.Column("look", JSONB, nullable=False),
        *[sa.Column(name, sa.Float, nullable=False) for name in ("uncertainty", "novelty", "priority")],
        sa.Column("stored_at", MOMENT, nullable=False),
        *[sa.Column(name, sa.String, nullable=False) for name in ("stored_by", "status")],
        sa.Column("agreement", sa.Float),
        sa.Column("accepted_label_id", KEY),
        sa.Column("reviewed_at", MOMENT),
        *[sa.Column(name, sa.String) for name in ("reviewed_by", "review_note")],
        sa.UniqueConstraint("organization_id", "sha256"),
        sa.CheckConstraint("status in ('open', 'review', 'accepted', 'rejected')", name="status"),
    )
    op.create_index("ix_sample_queue", "sample", ["organization_id", "status", sa.text("priority DESC"), "id"])
    op.create_index("ix_sample_camera", "sample", ["site_id", "camera", sa.text("stored_at DESC")])


def _labels() -> None:
    op.create_table(
        "label_setting",
        sa.Column(
            "organization_id", sa.Integer, sa.ForeignKey("organization.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.String, nullable=False),
    )
    op.create_table(
        "label_lease",
        sa.Column("sample_id", KEY, sa.ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("annotator", sa.String, primary_key=True),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    op.create_table(
        "label",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("sample_id", KEY, sa.ForeignKey("sample.id"), nullable=False),
        sa.Column("annotator", sa.String, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("note", sa.String),
        sa.Column("labelled_at", MOMENT, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("withdrawn_at", MOMENT),
        sa.Column("withdrawn_because", sa.String),
        sa.CheckConstraint("source in ('hand', 'import')", name="source"),
    )
    op.create_index("ix_label_sample_id", "label", ["sample_id"])
    op.create_index("ix_label_recent", "label", [sa.text("labelled_at DESC")])
    current = sa.text("withdrawn_at IS NULL")
    op.create_index("ix_label_current", "label", ["sample_id", "annotator"], unique=True, postgresql_where=current)
    op.create_table(
        "label_review",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("sample_id", KEY, sa.ForeignKey("sample.id", ondelete="CASCADE"), nullable=False),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("label_id", KEY, sa.ForeignKey("label.id")),
        sa.Column("note", sa.String),
        sa.Column("reviewed_at", MOMENT, nullable=False),
        sa.Column("reviewed_by", sa.String, nullable=False),
    )
    op.create_index("ix_label_review_sample_id", "label_review", ["sample_id"])
    op.create_table(
        "label_mark",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id")),
        *[sa.Column(name, sa.String, nullable=False) for name in ("subject", "subject_id", "fault")],
        *[sa.Column(name, sa.String) for name in ("note", "model_name", "model_version", "model_sha256")],
        sa.Column("sample_id", KEY, sa.ForeignKey("sample.id", ondelete="SET NULL")),
        sa.Column("marked_at", MOMENT, nullable=False),
        sa.Column("marked_by", sa.String, nullable=False),
    )
    newest: list[str | sa.TextClause] = ["organization_id", sa.text("marked_at DESC"), sa.text("id DESC")]
    op.create_index("ix_label_mark_recent", "label_mark", newest)
    op.create_index("ix_label_mark_sample_id", "label_mark", ["sample_id"])


def _datasets() -> None:
    op.create_table(
        "dataset",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("site_ids", JSONB, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("note", sa.String),
        *[sa.Column(name, sa.String, nullable=False) for name in ("licence", "sha256", "content_sha256")],
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("counts", JSONB, nullable=False),
        sa.Column("lineage", JSONB, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.UniqueConstraint("organization_id", "name", "number"),
    )
    op.create_table(
        "dataset_image",
        sa.Column("dataset_id", KEY, sa.ForeignKey("dataset.id"), primary_key=True),
        sa.Column("sample_id", KEY, sa.ForeignKey("sample.id"), primary_key=True),
        sa.Column("label_id", KEY, sa.ForeignKey("label.id"), nullable=False),
    )
