"""Contacts are reached by push."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the topic of a contact."""
    op.add_column("contact", sa.Column("push_topic", sa.String))


def downgrade() -> None:
    """Drop it; the other ways stay."""
    op.drop_column("contact", "push_topic")
