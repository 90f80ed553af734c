"""Shelved alarms, and why each alarm exists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0009"
down_revision = "0008"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("alarm", sa.Column("shelved_until", MOMENT))
    op.add_column("alarm", sa.Column("shelved_by", sa.String))
    op.add_column("alarm", sa.Column("shelved_because", sa.String))
    op.create_table(
        "alarm_rationale",
        sa.Column(
            "organization_id", sa.Integer, sa.ForeignKey("organization.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("definition", sa.String, primary_key=True),
        sa.Column("consequence", sa.String, nullable=False),
        sa.Column("respond_within_s", sa.Integer, nullable=False),
        sa.Column("instruction", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("reviewed_at", MOMENT, nullable=False),
        sa.Column("reviewed_by", sa.String, nullable=False),
    )


def downgrade() -> None:
    """Drop them; shelved alarms call again."""
    op.drop_table("alarm_rationale")
    for column in ("shelved_because", "shelved_by", "shelved_until"):
        op.drop_column("alarm", column)
