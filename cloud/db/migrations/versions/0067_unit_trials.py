"""Trials in some units: a release in part of the tanks of each box."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0067"
down_revision = "0066"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "unit_trial",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("name", "model", "version")),
        sa.Column("sha256", sa.String),
        sa.Column("share", sa.Double),
        *(sa.Column(name, JSONB) for name in ("units", "site_ids", "groups", "tags")),
        sa.Column("days", sa.Double, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False, server_default=""),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("approved_at", MOMENT),
        sa.Column("approved_by", sa.String),
        *(sa.Column(name, MOMENT) for name in ("began_at", "ends_at")),
        sa.Column("ended_by", sa.String),
        sa.Column("ended_at", MOMENT),
        sa.CheckConstraint("status in ('proposed', 'asked', 'refused', 'running', 'ending', 'ended')", name="status"),
    )
    op.create_index(
        "ix_unit_trial_recent", "unit_trial", ["organization_id", sa.text("created_at DESC"), sa.text("id DESC")]
    )
    op.create_table(
        "unit_trial_box",
        sa.Column("trial_id", sa.Uuid, sa.ForeignKey("unit_trial.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), primary_key=True),
        sa.Column("units", JSONB, nullable=False),
        sa.Column("others", JSONB, nullable=False),
        sa.Column("state", sa.String, nullable=False, server_default="told"),
        sa.Column("reason", sa.String, nullable=False, server_default=""),
        sa.Column("told_at", MOMENT, nullable=False),
        *(sa.Column(name, MOMENT) for name in ("active_at", "ended_at")),
    )
    op.create_index("ix_unit_trial_box_device_id", "unit_trial_box", ["device_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("unit_trial_box")
    op.drop_table("unit_trial")
