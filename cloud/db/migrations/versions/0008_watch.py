"""Who saw an alarm, which names it goes by, and which other alarm explains it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns and the table of second names."""
    op.add_column("alarm", sa.Column("origin", sa.String, nullable=False, server_default="edge"))
    op.add_column("alarm", sa.Column("suppressed_by", UUID(as_uuid=True)))
    op.create_table(
        "alarm_alias",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("alarm_id", UUID(as_uuid=True), sa.ForeignKey("alarm.id", ondelete="CASCADE"), nullable=False),
    )


def downgrade() -> None:
    """Drop them; alarms that two saw keep the name of the first."""
    op.drop_table("alarm_alias")
    op.drop_column("alarm", "suppressed_by")
    op.drop_column("alarm", "origin")
