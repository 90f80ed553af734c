"""How the model of each unit does, as it was last looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0052"
down_revision = "0051"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "model_health",
        sa.Column("unit_id", sa.Integer, sa.ForeignKey("unit.id"), primary_key=True, autoincrement=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("looked_at", MOMENT, nullable=False),
        sa.Column("newest_at", MOMENT),
        *[sa.Column(name, sa.String) for name in ("model_name", "model_version", "model_sha256")],
        *[sa.Column(name, sa.Double) for name in ("latency_ms", "confidence")],
        sa.CheckConstraint("status in ('ok', 'degraded', 'stale', 'dark')", name="status"),
    )


def downgrade() -> None:
    """Drop it; the next look makes it again."""
    op.drop_table("model_health")
