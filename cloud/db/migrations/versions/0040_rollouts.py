"""Rollouts of models: what was asked, every device's place in it, decisions, orders, and what devices are told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from cloud.db import audit

revision = "0040"
down_revision = "0031"

MOMENT = TIMESTAMP(timezone=True)
_AUDITED = ("rollout_order",)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rollout",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("back_to", sa.String),
        sa.Column("plan", JSONB, nullable=False),
        sa.Column("site_ids", JSONB),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False, server_default=""),
        sa.Column("state", JSONB),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("began_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.CheckConstraint(
            "status in ('asked', 'refused', 'running', 'paused', 'finished', 'rolling_back', 'rolled_back', 'canceled')",
            name="status",
        ),
    )
    op.create_index(None, "rollout", ["organization_id"])
    op.create_index("ix_rollout_open", "rollout", ["id"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "rollout_device",
        sa.Column("rollout_id", UUID(as_uuid=True), sa.ForeignKey("rollout.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), primary_key=True),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("active_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("bad_s", sa.Double, nullable=False),
        sa.Column("state", JSONB, nullable=False),
    )
    op.create_index("ix_rollout_device_device", "rollout_device", ["device_id"])
    op.create_table(
        "rollout_entry",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("rollout_id", UUID(as_uuid=True), sa.ForeignKey("rollout.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("words", sa.String, nullable=False),
    )
    op.create_index("ix_rollout_entry_rollout", "rollout_entry", ["rollout_id", "id"])
    op.create_table(
        "rollout_order",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("rollout_id", UUID(as_uuid=True), sa.ForeignKey("rollout.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("ordered_by", sa.String, nullable=False),
        sa.Column("ordered_at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT),
        sa.CheckConstraint("kind in ('pause', 'resume', 'cancel', 'roll_back')", name="kind"),
    )
    op.create_index("ix_rollout_order_open", "rollout_order", ["id"], postgresql_where=sa.text("done_at IS NULL"))
    op.create_table(
        "device_shadow",
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), primary_key=True),
        sa.Column("shadow", sa.String, primary_key=True),
        sa.Column("desired", JSONB, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("sent_version", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("changed_at", MOMENT, nullable=False),
    )
    op.create_index(
        "ix_device_shadow_unsent", "device_shadow", ["device_id"], postgresql_where=sa.text("sent_version < version")
    )
    op.create_table(
        "rollout_cursor",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.BigInteger, nullable=False),
    )
    for table in _AUDITED:
        op.execute(audit.audit_table(table))


def downgrade() -> None:
    """Drop them. Devices keep what they run."""
    for table in _AUDITED:
        op.execute(audit.leave_table(table))
    for table in ("rollout_cursor", "device_shadow", "rollout_order", "rollout_entry", "rollout_device", "rollout"):
        op.drop_table(table)
