"""Observations, alarms, events and heartbeats of boxes that did not know the time (decision 0009)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "message_free",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), nullable=False),
        sa.Column("timeline", sa.String, nullable=False),
        sa.Column("received_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("envelope", JSONB, nullable=False),
    )
    op.create_index("ix_message_free_timeline", "message_free", ["device_id", "timeline"])


def downgrade() -> None:
    """Drop the table; messages that wait for their clock stay where they are shown, or are lost."""
    op.drop_table("message_free")
