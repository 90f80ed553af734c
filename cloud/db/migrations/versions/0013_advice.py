"""What streams usually are, advice on those that are not, and what farms let it do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "0013"
down_revision = "0012"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "abnormal_baseline",
        sa.Column("channel_id", sa.Integer, sa.ForeignKey("channel.id"), primary_key=True, autoincrement=False),
        sa.Column("looked_until", MOMENT, nullable=False),
        sa.Column("memory", JSONB, nullable=False),
        sa.Column("judgement", JSONB),
    )
    op.create_table(
        "advice",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        sa.Column("unit_id", sa.Integer, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("channel_id", sa.Integer, sa.ForeignKey("channel.id"), nullable=False),
        sa.Column("quantity", sa.String, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("expected", sa.Double, nullable=False),
        sa.Column("spread", sa.Double, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("alarm_id", UUID(as_uuid=True)),
        sa.UniqueConstraint("channel_id", "started_at"),
    )
    op.create_index("ix_advice_site_id_started_at", "advice", ["site_id", sa.text("started_at DESC")])
    op.create_index("ix_advice_open", "advice", ["channel_id"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "advice_setting",
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), primary_key=True),
        sa.Column("quantity", sa.String, primary_key=True),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.String, nullable=False),
    )


def downgrade() -> None:
    """Drop them; what was learned can be learned again."""
    for table in ("advice_setting", "advice", "abnormal_baseline"):
        op.drop_table(table)
