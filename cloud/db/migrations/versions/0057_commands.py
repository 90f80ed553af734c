"""Commands to boxes, and the archives that boxes send for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from cloud.db import audit

revision = "0057"
down_revision = "0055"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "device_command",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("arguments", JSONB, nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("issued_by", sa.String, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_send_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String),
        sa.Column("reason", sa.String),
        sa.Column("finished_at", MOMENT),
        sa.CheckConstraint("outcome in ('done', 'refused', 'expired', 'failed')", name="outcome"),
    )
    op.create_index("ix_device_command_recent", "device_command", ["device_id", sa.text("issued_at DESC")])
    op.create_index(
        "ix_device_command_open", "device_command", ["issued_at"], postgresql_where=sa.text("outcome IS NULL")
    )
    op.create_table(
        "device_archive",
        sa.Column(
            "command_id",
            UUID(as_uuid=True),
            sa.ForeignKey("device_command.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("device_id", sa.Integer, sa.ForeignKey("device.id"), nullable=False, index=True),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("stored_at", MOMENT, nullable=False),
        sa.Column("stored_by", sa.String, nullable=False),
    )
    op.execute(audit.audit_table("device_command"))


def downgrade() -> None:
    """Drop them; boxes have their archives still."""
    op.execute(audit.leave_table("device_command"))
    op.drop_table("device_archive")
    op.drop_table("device_command")
