"""The farm's diary: batches, records, and who wrote or struck them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "0006"
down_revision = "0004"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "batch",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("species", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.UniqueConstraint("organization_id", "code"),
    )
    op.create_table(
        "diary_record",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        sa.Column("unit_id", sa.Integer, sa.ForeignKey("unit.id")),
        sa.Column("to_unit_id", sa.Integer, sa.ForeignKey("unit.id")),
        sa.Column("batch_id", sa.Integer, sa.ForeignKey("batch.id")),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("recorded_by", sa.String, nullable=False),
        sa.Column("struck_at", MOMENT),
        sa.Column("struck_by", sa.String),
        sa.Column("struck_because", sa.String),
    )
    op.create_index(
        "ix_diary_record_recent", "diary_record", ["site_id", sa.text("occurred_at DESC"), sa.text("id DESC")]
    )
    op.create_index("ix_diary_record_batch_id", "diary_record", ["batch_id", "occurred_at"])
    op.create_index("ix_diary_record_unit_id", "diary_record", ["unit_id", "kind", "occurred_at"])
    op.create_table(
        "diary_change",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("record_id", UUID(as_uuid=True), sa.ForeignKey("diary_record.id"), nullable=False),
        sa.Column("change", sa.String, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("origin", sa.String),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
    )
    op.create_index("ix_diary_change_record_id", "diary_change", ["record_id"])


def downgrade() -> None:
    """Drop the tables; the diary is lost."""
    op.drop_table("diary_change")
    op.drop_table("diary_record")
    op.drop_table("batch")
