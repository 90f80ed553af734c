"""Sessions, keys, invitations, sites of users, failed logins, answers kept by key, and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from cloud.db import audit

revision = "0020"
down_revision = "0014"

MOMENT = TIMESTAMP(timezone=True)
_ROLES = "role in ('viewer', 'operator', 'farm_manager', 'fleet_admin', 'platform_admin')"
# Written out, so that a later change of ``cloud.db.audit.AUDITED`` does not change what this migration did.
_AUDITED = {
    "organization": "", "site": "", "unit": "", "app_user": "password_hash", "invitation": "token_hash",
    "auth_session": "", "api_key": "secret_hash", "alarm": "", "alarm_rationale": "", "batch": "", "diary_record": "",
    "contact": "webhook_nonce", "on_call": "", "site_ladder": "", "notification": "", "advice_setting": "",
}  # fmt: skip


def upgrade() -> None:
    """Make the tables, and put what people change under the log."""
    op.alter_column("app_user", "password_hash", nullable=True)
    op.add_column("app_user", sa.Column("site_ids", JSONB))
    op.add_column("app_user", sa.Column("oidc_subject", sa.String))
    op.add_column("app_user", sa.Column("tokens_from", MOMENT))
    op.create_unique_constraint("uq_app_user_oidc_subject", "app_user", ["oidc_subject"])
    op.create_table(
        "auth_session",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("app_user.id"), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("address", sa.String),
        sa.Column("program", sa.String),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_because", sa.String),
    )
    op.create_index(None, "auth_session", ["user_id"])
    op.create_index(None, "auth_session", ["expires_at"])
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("app_user.id")),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("site_ids", JSONB),
        sa.Column("token_hash", sa.String, nullable=False, unique=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.CheckConstraint(_ROLES, name="role"),
    )
    op.create_index(None, "invitation", ["organization_id"])
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("organization_id", sa.Integer, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("scopes", JSONB, nullable=False),
        sa.Column("site_ids", JSONB),
        sa.Column("secret_hash", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.CheckConstraint(_ROLES, name="role"),
        sa.UniqueConstraint("organization_id", "name"),
    )
    op.create_table(
        "login_counter",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
    )
    op.create_index(None, "login_counter", ["last_at"])
    op.create_table(
        "idempotency_key",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("request_hash", sa.String, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", sa.LargeBinary),
    )
    op.create_index(None, "idempotency_key", ["expires_at"])
    op.create_table(
        "audit_entry",
        sa.Column("chain", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("record", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
    for statement in audit.functions():
        op.execute(statement)
    for table, hidden in _AUDITED.items():
        op.execute(audit.audit_table(table, hidden))


def downgrade() -> None:
    """Drop them. The audit log is lost: export it first."""
    for table in _AUDITED:
        op.execute(audit.leave_table(table))
    for table in ("audit_entry", "idempotency_key", "login_counter", "api_key", "invitation", "auth_session"):
        op.drop_table(table)
    for statement in audit.drop_functions():
        op.execute(statement)
    op.drop_constraint("uq_app_user_oidc_subject", "app_user")
    for column in ("tokens_from", "oidc_subject", "site_ids"):
        op.drop_column("app_user", column)
    op.execute("UPDATE app_user SET password_hash = '' WHERE password_hash IS NULL")
    op.alter_column("app_user", "password_hash", nullable=False)
