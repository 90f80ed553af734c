"""A training run is given up when it gets no further, however often it was started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    """Count starts that got no further; those of runs that are under way begin at none."""
    op.add_column("training_run", sa.Column("idle_starts", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column(
        "training_run", sa.Column("progress_at_start", sa.Double, nullable=False, server_default=sa.text("0"))
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_column("training_run", "progress_at_start")
    op.drop_column("training_run", "idle_starts")
