"""A sample may hold what a candidate on trial says of the same frame."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0062"
down_revision = "0059"


def upgrade() -> None:
    """Add the second answer; the index holds only the few frames that have one."""
    op.add_column("sample", sa.Column("other_detections", postgresql.JSONB))
    for name in ("other_name", "other_version", "other_sha256"):
        op.add_column("sample", sa.Column(name, sa.String))
    op.create_index(
        "ix_sample_other",
        "sample",
        ["organization_id", "other_name", "other_version", sa.text("score DESC"), "id"],
        postgresql_where=sa.text("other_name IS NOT NULL"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_sample_other", "sample")
    for name in ("other_sha256", "other_version", "other_name", "other_detections"):
        op.drop_column("sample", name)
