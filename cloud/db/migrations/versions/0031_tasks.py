"""Work that takes longer than a request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "0031"
down_revision = "0030"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "task",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id")),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id")),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("queue", sa.String, nullable=False),
        sa.Column("params", JSONB, nullable=False),
        sa.Column("idempotency_key", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False, server_default="queued"),
        sa.Column("progress", sa.Double, nullable=False, server_default=sa.text("0")),
        sa.Column("message", sa.String, nullable=False, server_default=""),
        sa.Column("result", JSONB),
        sa.Column("error", sa.String),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("cancel_requested_at", MOMENT),
        sa.Column("worker", sa.String),
        sa.UniqueConstraint("organization_id", "idempotency_key", postgresql_nulls_not_distinct=True),
        sa.CheckConstraint("state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="state"),
    )
    op.create_index("ix_task_recent", "task", ["organization_id", sa.text("created_at DESC")])
    unfinished = sa.text("state in ('queued', 'running')")
    op.create_index("ix_task_unfinished", "task", ["queue", "due_at"], postgresql_where=unfinished)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("task")
