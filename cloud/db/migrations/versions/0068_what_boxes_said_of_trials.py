"""What a box said of one trial is found without going through what it said of all others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"


def upgrade() -> None:
    """Make the index, of trials' events alone; writers of events wait for it, some seconds for millions of them."""
    op.create_index(
        "ix_device_event_trial",
        "device_event",
        ["device_id", sa.text("(detail ->> 'deployment')"), sa.text("occurred_at DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("name = 'trial.status'"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_device_event_trial", "device_event")
