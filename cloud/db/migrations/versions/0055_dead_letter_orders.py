"""What became of a dead letter, and what people ordered about some of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from cloud.db import audit

revision = "0055"
down_revision = "0054"

MOMENT = TIMESTAMP(timezone=True)
_SETTLED = ("settled_at", "settled_by", "settled_why")


def upgrade() -> None:
    """Letters get a state; orders and their letters get tables."""
    op.add_column("dead_letter", sa.Column("state", sa.String, nullable=False, server_default="open"))
    op.add_column("dead_letter", sa.Column("settled_at", MOMENT))
    op.add_column("dead_letter", sa.Column("settled_by", sa.String))
    op.add_column("dead_letter", sa.Column("settled_why", sa.String))
    op.create_check_constraint("state", "dead_letter", "state in ('open', 'replayed', 'discarded')")
    op.create_table(
        "dead_letter_order",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("selection", JSONB, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("left_out", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("asked_by", sa.String, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("leased_until", MOMENT),
        sa.CheckConstraint("action in ('replay', 'discard')", name="action"),
        sa.CheckConstraint("status in ('waiting', 'running', 'done')", name="status"),
    )
    op.create_index("ix_dead_letter_order_recent", "dead_letter_order", ["organization_id", sa.text("asked_at DESC")])
    op.create_index(
        "ix_dead_letter_order_unfinished",
        "dead_letter_order",
        ["asked_at"],
        postgresql_where=sa.text("status <> 'done'"),
    )
    op.create_table(
        "dead_letter_order_item",
        sa.Column(
            "order_id",
            UUID(as_uuid=True),
            sa.ForeignKey("dead_letter_order.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("letter_id", sa.String, primary_key=True),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False, server_default=""),
        sa.CheckConstraint("outcome in ('waiting', 'replayed', 'refused', 'discarded')", name="outcome"),
    )
    op.execute(audit.audit_table("dead_letter_order"))


def downgrade() -> None:
    """Letters stay, what became of them is forgotten."""
    op.execute(audit.leave_table("dead_letter_order"))
    op.drop_table("dead_letter_order_item")
    op.drop_table("dead_letter_order")
    op.drop_constraint("state", "dead_letter", type_="check")
    for column in (*_SETTLED, "state"):
        op.drop_column("dead_letter", column)
