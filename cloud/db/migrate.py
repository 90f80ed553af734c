"""Bring a database to the newest schema, or back. The migrations travel in the wheel and need no alembic.ini.

One advisory lock lets many processes start at once: the first migrates, the others find the work done. A migration that must wait
for a table gives up soon and tries again: while it waits, everybody who comes after it waits too, and the API would stand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from cloud.db.session import sqlalchemy_url

log = structlog.get_logger()

_MIGRATIONS = Path(__file__).parent / "migrations"
_Action: TypeAlias = Callable[[Config], None]
_LOCK = 0x5408A1  # any number; the same in every process
_WAIT_S = 2.0
"""How long a statement waits for a table that a long report reads; as long as that, readers behind it wait too."""
_PAUSE_S = 3.0
"""Between two tries; those who waited are served in it."""
_TRIES = 120
"""Ten minutes; a report that runs longer is ended by hand (docs/runbooks/upgrade.md)."""
_LOCK_NOT_AVAILABLE = "55P03"


def upgrade(database_url: str, *, to: str = "head") -> None:
    """Apply missing migrations up to revision ``to``; does nothing on an up-to-date database.

    Raises:
        ConfigurationError: it is no PostgreSQL URL.
        sqlalchemy.exc.OperationalError: the database cannot be reached, or a table stays in use for ten minutes.
    """
    _run(database_url, lambda config: command.upgrade(config, to))


def downgrade(database_url: str, *, to: str = "base") -> None:
    """Undo migrations down to revision ``to``; data of dropped tables is lost."""
    _run(database_url, lambda config: command.downgrade(config, to))


def head() -> str:
    """Newest revision that this program knows."""
    newest = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert newest is not None  # noqa: S101  (there is always a first migration)
    return newest


def current(connection: Connection) -> str | None:
    """Revision that the database is at; None before the first migration."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _run(database_url: str, action: _Action) -> None:
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
            try:
                _patiently(connection, action)
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
                connection.commit()
    finally:
        engine.dispose()


def _patiently(connection: Connection, action: _Action) -> None:
    """Each migration is a transaction of its own, so a further try goes on where the last one stood."""
    connection.execute(text(f"SET lock_timeout = '{_WAIT_S * 1000:.0f}ms'"))
    connection.commit()
    for left in reversed(range(_TRIES)):
        try:
            action(_config(connection))
            connection.commit()
        except OperationalError as error:  # noqa: PERF203  (a try is a transaction; the loop is not hot)
            connection.rollback()
            if left == 0 or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            log.warning("migration.waits", revision=current(connection), tries_left=left)
            connection.rollback()
            time.sleep(_PAUSE_S)
        else:
            return


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
