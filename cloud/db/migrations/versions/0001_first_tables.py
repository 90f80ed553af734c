"""Farms, people, devices, the ledger, readings, observations, alarms and dead letters.

Times are ``timestamptz``. Readings, observations and device health become time series in the way of the database at
hand (``cloud.db.timeseries``).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB, TIMESTAMP

from cloud.db.timeseries import DEVICE_HEALTH, OBSERVATION, READING, Database, engine_of

revision = "0001"
down_revision = None

_TIMESTAMPTZ = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Create everything."""
    _farms()
    _people()
    _devices()
    _ledger()
    _readings()
    _observations()
    _alarms()
    _dead_letters()


def downgrade() -> None:
    """Drop everything, the dependent first."""
    for table in (
        *("dead_letter", "alarm_change", "alarm", "image", "observation", "reading_latest", "reading"),
        *("ingest_stream", "device_health", "device_event", "camera", "channel", "device"),
        *("app_user", "unit", "site", "organization"),
    ):
        op.drop_table(table)


def _farms() -> None:
    op.create_table(
        "organization",
        _id(),
        sa.Column("slug", sa.String, nullable=False, unique=True),
        _text("name"),
    )
    op.create_table(
        "site",
        _id(),
        _reference("organization"),
        sa.Column("slug", sa.String, nullable=False, unique=True),
        _text("name"),
        sa.Column("timezone", sa.String, nullable=False, server_default="UTC"),
        _float("latitude", nullable=True),
        _float("longitude", nullable=True),
    )
    op.create_index(None, "site", ["organization_id"])
    op.create_table(
        "unit",
        _id(),
        _reference("site"),
        _text("slug"),
        _text("name"),
        sa.Column("kind", sa.String, nullable=False, server_default="tank"),
        _float("volume_m3", nullable=True),
        _text("species", nullable=True),
        _text("stage", nullable=True),
        sa.UniqueConstraint("site_id", "slug"),
    )


def _people() -> None:
    op.create_table(
        "app_user",
        _id(),
        _reference("organization"),
        sa.Column("email", sa.String, nullable=False, unique=True),
        _text("name"),
        _text("role"),
        _text("password_hash"),
        _now("created_at"),
        _time("disabled_at", nullable=True),
        sa.CheckConstraint(
            "role in ('viewer', 'operator', 'farm_manager', 'fleet_admin', 'platform_admin')", name="role"
        ),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
    )
    op.create_index(None, "app_user", ["organization_id"])


def _devices() -> None:
    op.create_table(
        "device",
        _id(),
        _reference("site"),
        _text("slug"),
        _text("name"),
        sa.Column("state", sa.String, nullable=False, server_default="unknown"),
        _time("state_at", nullable=True),
        _time("status_sent_at", nullable=True),
        _text("boot", nullable=True),
        _text("agent_version", nullable=True),
        sa.Column("inventory", JSONB),
        _now("registered_at"),
        _time("last_seen_at", nullable=True),
        sa.UniqueConstraint("site_id", "slug"),
        sa.CheckConstraint("state in ('unknown', 'online', 'offline')", name="state"),
    )
    op.create_table(
        "channel",
        _id(),
        _reference("device"),
        _text("name"),
        _reference("unit"),
        _text("quantity"),
        _text("ucum"),
        sa.Column("derived", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.UniqueConstraint("device_id", "name"),
    )
    op.create_index(None, "channel", ["unit_id"])
    op.create_table(
        "camera",
        _id(),
        _reference("device"),
        _text("name"),
        _reference("unit"),
        sa.UniqueConstraint("device_id", "name"),
    )
    op.create_index(None, "camera", ["unit_id"])
    op.create_table(
        "device_event",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        _reference("device"),
        _reference("unit", nullable=True),
        _text("name"),
        _text("severity", nullable=True),
        _time("occurred_at"),
        _time("received_at"),
        sa.Column("message", sa.String, nullable=False, server_default=""),
        sa.Column("detail", JSONB, nullable=False),
        sa.UniqueConstraint("device_id", "name", "occurred_at"),
    )
    op.create_index("ix_device_event_recent", "device_event", ["device_id", sa.text("occurred_at DESC")])
    engine = engine_of(_database())
    op.create_table(
        "device_health",
        _reference("device", primary_key=True),
        _time("observed_at", primary_key=True),
        sa.Column("body", JSONB, nullable=False),
        postgresql_partition_by=engine.partition_by(),
    )
    engine.create(_database(), DEVICE_HEALTH)


def _ledger() -> None:
    op.create_table(
        "ingest_stream",
        _reference("device", primary_key=True),
        sa.Column("stream", sa.String, primary_key=True),
        sa.Column("seen", INT8MULTIRANGE, nullable=False, server_default="{}"),
        sa.Column("floor", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("messages", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("repeats", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("rows", sa.BigInteger, nullable=False, server_default="0"),
        _now("updated_at"),
    )


def _readings() -> None:
    engine = engine_of(_database())
    op.create_table(
        "reading",
        sa.Column("channel_id", sa.Integer, primary_key=True, autoincrement=False),
        _time("observed_at", primary_key=True),
        _float("value"),
        sa.Column("quality", sa.SmallInteger, nullable=False),
        postgresql_partition_by=engine.partition_by(),
    )
    engine.create(_database(), READING)
    op.create_table(
        "reading_latest",
        _reference("channel", primary_key=True),
        _time("observed_at"),
        _float("value"),
        sa.Column("quality", sa.SmallInteger, nullable=False),
        _time("received_at"),
    )
    # Every row is rewritten all the time: room on its page keeps the update heap-only. (SQLAlchemy 2.0, the last one for
    # Python 3.10, knows no storage parameters of a table.)
    op.execute("ALTER TABLE reading_latest SET (fillfactor = 50)")


def _observations() -> None:
    engine = engine_of(_database())
    op.create_table(
        "observation",
        _reference("camera", primary_key=True),
        _time("observed_at", primary_key=True),
        _reference("unit"),
        _time("started_at"),
        sa.Column("frames", sa.BigInteger, nullable=False),
        sa.Column("frames_dropped", sa.BigInteger, nullable=False),
        _float("count_mean", nullable=True),
        sa.Column("count_min", sa.Integer),
        sa.Column("count_max", sa.Integer),
        _float("confidence_mean", nullable=True),
        _float("latency_ms", nullable=True),
        sa.Column("detections", JSONB, nullable=False),
        _text("image_sha256", nullable=True),
        _time("image_observed_at", nullable=True),
        _text("model_name", nullable=True),
        _text("model_version", nullable=True),
        _text("model_sha256", nullable=True),
        _float("image_quality", nullable=True),
        sa.Column("quality", sa.SmallInteger, nullable=False),
        postgresql_partition_by=engine.partition_by(),
    )
    op.create_index("ix_observation_recent", "observation", ["unit_id", sa.text("observed_at DESC")])
    engine.create(_database(), OBSERVATION)
    op.create_table(
        "image",
        sa.Column("sha256", sa.String, primary_key=True),
        _reference("camera"),
        _reference("unit"),
        _time("observed_at"),
        _text("media_type"),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        _time("stored_at"),
    )
    op.create_index(None, "image", ["camera_id"])
    op.create_index("ix_image_recent", "image", ["unit_id", sa.text("observed_at DESC")])


def _alarms() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", sa.Uuid, primary_key=True),
        _reference("site"),
        _reference("unit", nullable=True),
        _reference("device", nullable=True),
        _reference("channel", nullable=True),
        _text("definition"),
        _text("severity"),
        _time("raised_at"),
        _time("condition_since", nullable=True),
        _time("cleared_at", nullable=True),
        _time("acknowledged_at", nullable=True),
        _text("acknowledged_by", nullable=True),
        _float("value", nullable=True),
        _float("limit_value", nullable=True),
        _text("ucum", nullable=True),
        _text("quantity", nullable=True),
        _text("message"),
        _text("action", nullable=True),
        _text("source", nullable=True),
    )
    op.create_index("ix_alarm_recent", "alarm", ["site_id", sa.text("raised_at DESC")])
    op.create_index("ix_alarm_open", "alarm", ["site_id", "unit_id"], postgresql_where=sa.text("cleared_at IS NULL"))
    op.create_index("ix_alarm_identity", "alarm", ["device_id", "definition", "unit_id", "channel_id", "raised_at"])
    op.create_table(
        "alarm_change",
        sa.Column("alarm_id", sa.Uuid, sa.ForeignKey("alarm.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("change", sa.String, primary_key=True),
        _time("occurred_at", primary_key=True),
        _time("recorded_at"),
        _text("actor", nullable=True),
    )


def _dead_letters() -> None:
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.String, primary_key=True),
        _time("received_at"),
        _text("stage"),
        _text("reason"),
        _text("detail"),
        _text("origin"),
        _text("site", nullable=True),
        _text("device", nullable=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("count", sa.Integer, nullable=False, server_default="1"),
    )
    op.create_index("ix_dead_letter_recent", "dead_letter", [sa.text("received_at DESC")])


def _database() -> Database:
    """The psycopg connection under Alembic's."""
    raw: Any = op.get_bind().connection.driver_connection
    return raw  # type: ignore[no-any-return]


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, sa.Identity(), primary_key=True)


def _reference(table: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[Any]:
    return sa.Column(
        f"{table}_id",
        sa.Integer,
        sa.ForeignKey(f"{table}.id"),
        nullable=nullable,
        primary_key=primary_key,
        autoincrement=False,
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String, nullable=nullable)


def _float(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _time(name: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _TIMESTAMPTZ, nullable=nullable, primary_key=primary_key)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, _TIMESTAMPTZ, nullable=False, server_default=sa.func.now())
