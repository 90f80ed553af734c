"""Rollups of readings by minute, hour and day, in the way of the database at hand; on TimescaleDB also the columnstore.

Readings that are there already are rolled up: at once on plain PostgreSQL, by the maintenance on TimescaleDB.
"""

from __future__ import annotations

from typing import Any

from alembic import op

from cloud.db.timeseries import Database, engine_of

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the rollups."""
    engine_of(_database()).create_rollups(_database())


def downgrade() -> None:
    """Drop the rollups; the readings stay."""
    engine_of(_database()).drop_rollups(_database())


def _database() -> Database:
    """The psycopg connection under Alembic's."""
    raw: Any = op.get_bind().connection.driver_connection
    return raw  # type: ignore[no-any-return]
