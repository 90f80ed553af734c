"""One metadata for all tables. Each feature declares its own in ``tables.py``; ``cloud.db.tables`` gathers them.

Foreign keys are named by string, so that features of one layer never import each other. The columns here are the
ones of the migrations; a test compares the two.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, Identity, Integer, MetaData
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraints have names that every database gives alike, so that migrations can drop them."""


class Base(DeclarativeBase):
    """Base of every mapped table. A ``datetime`` is always ``timestamptz``; a ``dict`` is ``jsonb``."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


IntId = Annotated[int, mapped_column(Integer, Identity(), primary_key=True)]
"""Primary key of a table that people fill: four bytes are plenty and readings carry them."""
BigId = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
"""Primary key of a table that machines fill."""
