"""What models said of pictures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

revision = "0025"
down_revision = "0022"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "prediction",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("unit_id", sa.Integer, sa.ForeignKey("unit.id")),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("task_id", UUID(as_uuid=True)),
        sa.Column("task_index", sa.Integer),
        sa.Column("image_sha256", sa.String, nullable=False),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("model_sha256", sa.String, nullable=False),
        sa.Column("arm", sa.String, nullable=False),
        sa.Column("label", sa.String),
        sa.Column("best_label", sa.String),
        sa.Column("confidence", sa.Double),
        sa.Column("level", sa.String),
        sa.Column("found", sa.Integer),
        sa.Column("latency_ms", sa.Double, nullable=False),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.UniqueConstraint("task_id", "task_index"),
    )
    op.create_index(
        "ix_prediction_recent", "prediction", ["organization_id", sa.text("created_at DESC"), sa.text("id DESC")]
    )
    op.create_index("ix_prediction_created_at", "prediction", ["created_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("prediction")
