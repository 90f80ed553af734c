"""Who an alarm is assigned to, and the line of its history that says so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0041"
down_revision = "0040"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Add the columns; nobody is assigned yet."""
    op.add_column("alarm", sa.Column("assignee_id", sa.Integer, sa.ForeignKey("app_user.id")))
    op.add_column("alarm", sa.Column("assigned_at", MOMENT))
    op.add_column("alarm", sa.Column("assigned_by", sa.String))
    op.create_index("ix_alarm_assignee", "alarm", ["assignee_id"], postgresql_where=sa.text("assignee_id IS NOT NULL"))
    op.add_column("alarm_change", sa.Column("assignee", sa.String))


def downgrade() -> None:
    """Drop them; the history keeps that an alarm was assigned, not to whom."""
    op.drop_column("alarm_change", "assignee")
    op.drop_index("ix_alarm_assignee", "alarm")
    for column in ("assigned_by", "assigned_at", "assignee_id"):
        op.drop_column("alarm", column)
