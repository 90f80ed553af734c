"""Predictions that were asked for later, with their callbacks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "0026"
down_revision = "0025"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "prediction_task",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("request", JSONB, nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease_until", MOMENT),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("error", sa.String),
        sa.Column("result", JSONB),
        sa.Column("callback_url", sa.String),
        sa.Column("callback_state", sa.String),
        sa.Column("callback_attempts", sa.Integer, nullable=False),
        sa.Column("callback_at", MOMENT),
        sa.Column("callback_error", sa.String),
    )
    op.create_index(
        "ix_prediction_task_open", "prediction_task", ["created_at"], postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_index(
        "ix_prediction_task_callback",
        "prediction_task",
        ["callback_at"],
        postgresql_where=sa.text("callback_state = 'waiting'"),
    )


def downgrade() -> None:
    """Drop it; what waits is lost."""
    op.drop_table("prediction_task")
