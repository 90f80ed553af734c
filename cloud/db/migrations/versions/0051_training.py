"""Runs of training with what came of them, and when to train again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from cloud.db import audit

revision = "0051"
down_revision = "0048"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "training_run",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        *[sa.Column(name, sa.String, nullable=False) for name in ("model", "trigger", "reason")],
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("asked_by", sa.String, nullable=False),
        sa.Column("order", JSONB, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("step", sa.String),
        sa.Column("starts", sa.Integer, nullable=False),
        *[sa.Column(name, MOMENT) for name in ("started_at", "heard_at", "finished_at")],
        *[sa.Column(name, sa.String) for name in ("error", "version", "sha256", "bundle")],
        *[sa.Column(name, JSONB, nullable=False) for name in ("lineage", "metrics", "production_metrics", "gate")],
        sa.CheckConstraint(
            "state in ('waiting', 'running', 'proposed', 'inconclusive', 'refused', 'failed', 'cancelled')",
            name="state",
        ),
    )
    op.create_index("ix_training_run_recent", "training_run", [sa.text("asked_at DESC"), sa.text("id DESC")])
    op.create_index(
        "ix_training_run_open", "training_run", ["model"], unique=True, postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_table(
        "retrain_rule",
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("changed_at", MOMENT),
        sa.Column("changed_by", sa.String),
        sa.Column("looked_at", MOMENT),
        sa.Column("said", sa.String),
    )
    for table in ("training_run", "retrain_rule"):
        op.execute(audit.audit_table(table))


def downgrade() -> None:
    """Drop them; the folders of runs are still there."""
    for table in ("training_run", "retrain_rule"):
        op.execute(audit.leave_table(table))
        op.drop_table(table)
