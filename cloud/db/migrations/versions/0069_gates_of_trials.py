"""What a trial in some units must not show is kept with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0069"
down_revision = "0068"

# What held for all of them until now.
HELD = """
UPDATE unit_trial SET plan = '{"max_failed": 1, "max_failed_share": 0.1, "gates": [
    {"metric": "count", "at_least": 0.6, "at_most": 1.7, "min_devices": 3},
    {"metric": "count_error", "at_least": null, "at_most": 0.1, "min_devices": 3}]}'
"""


def upgrade() -> None:
    """Add the plan; trials that there are keep what they were asked under."""
    op.add_column("unit_trial", sa.Column("plan", JSONB, nullable=False, server_default="{}"))
    op.execute(HELD)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("unit_trial", "plan")
