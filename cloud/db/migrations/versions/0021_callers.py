"""Answers that are kept by key know their caller, so that each has a bound."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the column; answers of before are forgotten."""
    op.execute("DELETE FROM idempotency_key")
    op.add_column("idempotency_key", sa.Column("caller", sa.String, nullable=False))
    op.create_index(None, "idempotency_key", ["caller", "started_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_idempotency_key_caller_started_at", "idempotency_key")
    op.drop_column("idempotency_key", "caller")
