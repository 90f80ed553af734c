"""Groups and tags of devices; rollouts by kind, group and tag, with a second person's approval; messages of other things than alarms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from cloud.db import audit

revision = "0048"
down_revision = "0045"

MOMENT = TIMESTAMP(timezone=True)
_AUDITED = ("device_group", "device_group_member", "device_tag")
_STATUS = "('proposed', 'asked', 'refused', 'running', 'paused', 'finished', 'rolling_back', 'rolled_back', 'canceled')"
_STATUS_BEFORE = _STATUS.replace("'proposed', ", "")


def upgrade() -> None:
    """Make the tables and columns."""
    op.create_table(
        "device_group",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("note", sa.String, nullable=False, server_default=""),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.UniqueConstraint("organization_id", "name"),
    )
    op.create_table(
        "device_group_member",
        sa.Column("group_id", sa.Integer, sa.ForeignKey("device_group.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), primary_key=True),
    )
    op.create_index("ix_device_group_member_device", "device_group_member", ["device_id"])
    op.create_table(
        "device_tag",
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), primary_key=True),
        sa.Column("tag", sa.String, primary_key=True),
    )
    op.create_index("ix_device_tag_tag", "device_tag", ["tag"])
    op.add_column("rollout", sa.Column("kind", sa.String, nullable=False, server_default="model"))
    op.add_column("rollout", sa.Column("groups", JSONB))
    op.add_column("rollout", sa.Column("tags", JSONB))
    op.add_column("rollout", sa.Column("leave_out", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("rollout", sa.Column("approved_at", MOMENT))
    op.add_column("rollout", sa.Column("approved_by", sa.String))
    op.drop_constraint("ck_rollout_status", "rollout")
    op.create_check_constraint("status", "rollout", f"status in {_STATUS}")
    op.create_check_constraint("kind", "rollout", "kind in ('model', 'config', 'agent')")
    op.add_column("notification", sa.Column("told", JSONB))
    for table in _AUDITED:
        op.execute(audit.audit_table(table, audit.AUDITED[table]))


def downgrade() -> None:
    """Drop them; what was only proposed is gone."""
    op.execute("DELETE FROM rollout WHERE status = 'proposed'")
    op.execute("DELETE FROM notification WHERE kind = 'rollout'")
    op.drop_column("notification", "told")
    op.drop_constraint("ck_rollout_kind", "rollout")
    op.drop_constraint("ck_rollout_status", "rollout")
    op.create_check_constraint("status", "rollout", f"status in {_STATUS_BEFORE}")
    for column in ("approved_by", "approved_at", "leave_out", "tags", "groups", "kind"):
        op.drop_column("rollout", column)
    for table in ("device_tag", "device_group_member", "device_group"):
        op.drop_table(table)
