"""Hours of what models saw and said, what was judged of them, and the advice that followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from cloud.db import audit

revision = "0045"
down_revision = "0042"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "drift_hour",
        *_of_series(),
        sa.Column("hour", MOMENT, primary_key=True),
        sa.Column("observations", sa.Integer, nullable=False),
        sa.Column("signals", JSONB, nullable=False),
        sa.Column("mix", JSONB, nullable=False),
    )
    op.create_table(
        "drift_series",
        *_of_series(),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("reference_from", MOMENT, nullable=False),
        sa.Column("newest_hour", MOMENT, nullable=False),
        sa.Column("judged_until", MOMENT),
    )
    op.create_table(
        "drift_signal",
        *_of_series(),
        sa.Column("signal", sa.String, primary_key=True),
        sa.Column("verdict", sa.String, nullable=False),
        *[sa.Column(name, sa.Double, nullable=False) for name in ("psi", "ks", "p", "shift")],
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("reference_worth", sa.Double, nullable=False),
        sa.Column("window_worth", sa.Double, nullable=False),
        sa.Column("changed_at", MOMENT),
        sa.Column("drift_days", sa.Integer, nullable=False),
        sa.Column("calm_days", sa.Integer, nullable=False),
    )
    op.create_table(
        "drift_alert",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        sa.Column("unit_id", sa.Integer, sa.ForeignKey("unit.id"), nullable=False),
        *[
            sa.Column(name, sa.String, nullable=False)
            for name in ("model_name", "model_version", "model_sha256", "signal", "family")
        ],
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_because", sa.String),
        sa.Column("accepted_by", sa.String),
        *[sa.Column(name, sa.Double, nullable=False) for name in ("psi", "p", "shift")],
        sa.Column("text", sa.String, nullable=False),
        sa.Column("evidence", JSONB, nullable=False),
        sa.Column("before", JSONB, nullable=False),
        sa.UniqueConstraint("unit_id", "model_sha256", "signal", "started_at"),
    )
    op.create_index("ix_drift_alert_site_id_started_at", "drift_alert", ["site_id", sa.text("started_at DESC")])
    op.create_index(
        "ix_drift_alert_open",
        "drift_alert",
        ["unit_id", "model_sha256", "signal"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.execute(audit.audit_table("drift_alert"))


def downgrade() -> None:
    """Drop them; the observations they were made of are still there."""
    op.execute(audit.leave_table("drift_alert"))
    for table in ("drift_alert", "drift_signal", "drift_series", "drift_hour"):
        op.drop_table(table)


def _of_series() -> list[sa.Column[object]]:
    return [
        sa.Column("unit_id", sa.Integer, sa.ForeignKey("unit.id"), primary_key=True, autoincrement=False),
        sa.Column("model_sha256", sa.String, primary_key=True),
    ]
