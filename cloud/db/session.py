"""Connections from one setting: ``SHOAL_DATABASE_URL = postgresql://user:password@host:port/name``.

Bulk writers use psycopg on the URL as it is; everything else goes through SQLAlchemy on the same driver.
"""

from __future__ import annotations

from sqlalchemy import Engine, make_url
from sqlalchemy import create_engine as _create_engine
from sqlalchemy.exc import ArgumentError

from contracts.errors import ConfigurationError

_DIALECTS = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


def sqlalchemy_url(database_url: str) -> str:
    """The URL with the driver named, as SQLAlchemy wants it.

    Raises:
        ConfigurationError: it is no PostgreSQL URL.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError) as error:
        raise _unusable("not a URL") from error
    if url.drivername not in _DIALECTS:
        raise _unusable(url.render_as_string(hide_password=True))
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def psycopg_url(database_url: str) -> str:
    """The URL as psycopg and libpq want it.

    Raises:
        ConfigurationError: it is no PostgreSQL URL.
    """
    return make_url(sqlalchemy_url(database_url)).set(drivername="postgresql").render_as_string(hide_password=False)


def create_engine(database_url: str, *, pool_size: int = 5) -> Engine:
    """A pooled engine that notices a restarted database before it uses a dead connection."""
    return _create_engine(sqlalchemy_url(database_url), pool_size=pool_size, pool_pre_ping=True, pool_recycle=3600)


def _unusable(shown: str) -> ConfigurationError:
    return ConfigurationError(
        "SHOAL_DATABASE_URL", shown, "Write postgresql://user:password@host:port/database (PostgreSQL 17 or later)."
    )
