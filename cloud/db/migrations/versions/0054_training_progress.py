"""How far a training run is, in words too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Add both; the next look at a run that is under way fills them in."""
    op.add_column("training_run", sa.Column("progress", sa.Double, nullable=False, server_default=sa.text("0")))
    op.add_column("training_run", sa.Column("message", sa.String, nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    """Drop both."""
    op.drop_column("training_run", "message")
    op.drop_column("training_run", "progress")
