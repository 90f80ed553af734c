"""Devices get their certificates here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from cloud.db import audit

revision = "0022"
down_revision = "0021"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "enrolment_token",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("token_hash", sa.String, nullable=False, unique=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
    )
    op.create_index(None, "enrolment_token", ["site_id"])
    op.create_table(
        "device_certificate",
        sa.Column("serial", sa.String, primary_key=True),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("renews", sa.String),
        sa.Column("revoked_at", MOMENT),
        sa.Column("revoked_because", sa.String),
    )
    op.create_index("ix_device_certificate_site_id", "device_certificate", ["site_id", "device"])
    op.execute(audit.audit_table("enrolment_token", "token_hash"))
    op.execute(audit.audit_table("device_certificate"))


def downgrade() -> None:
    """Drop them; certificates that are out stay valid until they end."""
    for table in ("device_certificate", "enrolment_token"):
        op.drop_table(table)
