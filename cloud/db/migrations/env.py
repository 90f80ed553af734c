"""Alembic's entry: runs the migrations on the connection that ``cloud.db.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from cloud.db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,  # for its naming convention
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
