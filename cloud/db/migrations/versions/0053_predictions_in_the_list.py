"""Predictions asked for later in the list of tasks: when they were first begun, and an index to find the newest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    """Add both; of tasks from before it is not known when they were begun."""
    op.add_column("prediction_task", sa.Column("started_at", TIMESTAMP(timezone=True)))
    op.create_index(
        "ix_prediction_task_recent",
        "prediction_task",
        ["organization_id", sa.text("created_at DESC"), sa.text("id DESC")],
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_index("ix_prediction_task_recent", "prediction_task")
    op.drop_column("prediction_task", "started_at")
