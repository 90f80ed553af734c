"""A box that was asked for diagnostics says why its whole archive stays on it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0062"


def upgrade() -> None:
    """Add the box's word."""
    op.add_column("device_command", sa.Column("archive_stays", sa.String))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("device_command", "archive_stays")
