"""Readings of boxes that did not know the time, and the offset that makes them right (decision 0009)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "device_timeline",
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), primary_key=True, autoincrement=False),
        sa.Column("timeline", sa.String, primary_key=True),
        sa.Column("offset_us", sa.BigInteger),
        sa.Column("learned_at", TIMESTAMP(timezone=True)),
    )
    op.create_table(
        "reading_free",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), nullable=False),
        sa.Column("timeline", sa.String, nullable=False),
        sa.Column("received_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("channel_id", ARRAY(sa.Integer), nullable=False),
        sa.Column("observed_us", ARRAY(sa.BigInteger), nullable=False),
        sa.Column("value", ARRAY(sa.Double), nullable=False),
        sa.Column("quality", ARRAY(sa.SmallInteger), nullable=False),
    )
    op.create_index("ix_reading_free_timeline", "reading_free", ["device_id", "timeline"])


def downgrade() -> None:
    """Drop the tables; readings that wait for their clock are lost."""
    op.drop_table("reading_free")
    op.drop_table("device_timeline")
