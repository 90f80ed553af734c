"""Contacts, shifts, ladders, and every message about an alarm."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "0007"
down_revision = "0006"

MOMENT = TIMESTAMP(timezone=True)
WAITING = "sent_at IS NULL AND cancelled_at IS NULL AND failed_at IS NULL"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "contact",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("email", sa.String),
        sa.Column("phone", sa.String),
        sa.Column("webhook_url", sa.String),
        sa.Column("webhook_nonce", sa.String, nullable=False),
        sa.UniqueConstraint("organization_id", "name"),
    )
    op.create_table(
        "on_call",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        sa.Column("contact_id", sa.Integer, sa.ForeignKey("contact.id", ondelete="CASCADE"), nullable=False),
        sa.Column("duty", sa.String, nullable=False),
        sa.Column("weekdays", JSONB, nullable=False),
        sa.Column("from_minute", sa.Integer, nullable=False),
        sa.Column("to_minute", sa.Integer, nullable=False),
    )
    op.create_index("ix_on_call_site_id", "on_call", ["site_id"])
    op.create_table(
        "site_ladder",
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), primary_key=True, autoincrement=False),
        sa.Column("severity", sa.String, primary_key=True),
        sa.Column("ladder", JSONB, nullable=False),
    )
    op.create_table(
        "notification",
        sa.Column("id", UUID(as_uuid=True), primary_key=True, server_default=sa.text("gen_random_uuid()")),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        sa.Column("alarm_id", UUID(as_uuid=True)),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("contact_id", sa.Integer, sa.ForeignKey("contact.id", ondelete="CASCADE"), nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_try_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.Column("cancelled_at", MOMENT),
        sa.Column("failed_at", MOMENT),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("error", sa.String),
        sa.Column("reference", sa.String),
        sa.UniqueConstraint(
            "alarm_id", "kind", "step", "round", "contact_id", "channel", "due_at",
            name="uq_notification_key", postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    op.create_index("ix_notification_recent", "notification", ["site_id", sa.text("due_at DESC"), sa.text("id DESC")])
    op.create_index("ix_notification_waiting", "notification", ["next_try_at"], postgresql_where=sa.text(WAITING))


def downgrade() -> None:
    """Drop the tables; nobody is told of alarms any more."""
    for table in ("notification", "site_ladder", "on_call", "contact"):
        op.drop_table(table)
