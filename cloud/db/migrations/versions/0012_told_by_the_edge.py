"""What the edge tells beside the number: what an alarm is about, how an observation came about, why a reading is flagged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, JSONB, TIMESTAMP

revision = "0012"
down_revision = "0009"

MOMENT = TIMESTAMP(timezone=True)
OBSERVATION = ("count_low", "count_high", "activity_bl_s")
READING = ("test", "calibration")


def upgrade() -> None:
    """Add the columns and the table; alarms of measured channels get their subject from these."""
    op.add_column("alarm", sa.Column("subject", sa.String))
    op.execute("UPDATE alarm SET subject = channel.name FROM channel WHERE channel.id = alarm.channel_id")
    op.drop_index("ix_alarm_identity", "alarm")
    op.create_index("ix_alarm_identity", "alarm", ["device_id", "definition", "unit_id", "subject", "raised_at"])
    for name in OBSERVATION:
        op.add_column("observation", sa.Column(name, DOUBLE_PRECISION))
    op.add_column("observation", sa.Column("quality_test", sa.String))
    op.add_column("observation", sa.Column("analysis", JSONB))
    for name in READING:
        op.add_column("reading_latest", sa.Column(name, sa.String))
    op.add_column("reading_latest", sa.Column("also", JSONB))
    op.create_table(
        "channel_calibration",
        sa.Column("channel_id", sa.Integer, sa.ForeignKey("channel.id"), primary_key=True, autoincrement=False),
        sa.Column("since", MOMENT, primary_key=True),
        sa.Column("calibration", sa.String),
    )


def downgrade() -> None:
    """Drop them; alarms of what is no channel are of one kind again."""
    op.drop_table("channel_calibration")
    for name in ("also", *READING):
        op.drop_column("reading_latest", name)
    for name in ("analysis", "quality_test", *OBSERVATION):
        op.drop_column("observation", name)
    op.drop_index("ix_alarm_identity", "alarm")
    op.create_index("ix_alarm_identity", "alarm", ["device_id", "definition", "unit_id", "channel_id", "raised_at"])
    op.drop_column("alarm", "subject")
