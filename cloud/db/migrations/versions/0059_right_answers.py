"""What a model should have said where somebody marked it wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    """Add it; marks of before have none."""
    op.add_column("label_mark", sa.Column("right_answer", sa.String))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("label_mark", "right_answer")
