"""The open alarms of a site are found by index: the live interface asks for them every second."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0026"


def upgrade() -> None:
    """Make the index."""
    is_open = sa.text("cleared_at IS NULL OR acknowledged_at IS NULL")
    op.create_index("ix_alarm_unfinished", "alarm", ["site_id"], postgresql_where=is_open)


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_alarm_unfinished", "alarm")
