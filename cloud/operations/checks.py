"""Asks everything that the API depends on, all at once, each with a time limit. A check never raises."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Literal, TypeAlias

from sqlalchemy import text

from cloud.kit.repository import Database, Repository
from cloud.live.hub import LiveHub
from cloud.operations.schemas import Dependency

LIMIT_S = 3.0
LEAST_FREE_BYTES = 1_000_000_000
"""Less free space than this at the store of images is worth a warning."""

Status: TypeAlias = Literal["ok", "degraded", "down", "not_used"]
Check: TypeAlias = Callable[[], Awaitable[tuple[Status, str]]]
"""Answers with a status and a sentence; raising anything means ``down``."""


class _SchemaRepository(Repository):
    """What the database is, and how it does."""

    async def state(self) -> tuple[str, str | None, int, int]:
        """Server version, revision, connections in use and at most."""
        row = await self._one(
            text("""
SELECT current_setting('server_version') AS version,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
       CAST(current_setting('max_connections') AS int) AS most, to_regclass('alembic_version') IS NOT NULL AS migrated
""")
        )
        assert row is not None  # noqa: S101  (a SELECT without FROM has one row)
        revision = None
        if row["migrated"]:
            found = await self._one(text("SELECT version_num FROM alembic_version"))
            revision = None if found is None else found["version_num"]
        return row["version"], revision, row["used"], row["most"]


def database_check(database: Database) -> Check:
    """The store answers, has the schema that this program knows, and room for connections."""

    async def check() -> tuple[Status, str]:
        async with database.read() as reader:
            version, revision, used, most = await _SchemaRepository(reader).state()
        if revision is None:
            return "down", "The tables are missing; run the migrations"
        from cloud.db import migrate  # Alembic, which the API itself never needs

        head = migrate.head()
        said = f"PostgreSQL {version}, schema {revision}, {used} of {most} connections"
        if revision != head:
            return "degraded", f"{said}; this program expects schema {head}: run the migrations"
        return ("degraded", f"{said}: nearly all are taken") if used > 0.9 * most else ("ok", said)

    return check


def storage_check(folder: Path) -> Check:
    """Images can be read, and there is room for more."""

    def look() -> tuple[Status, str]:
        if not folder.is_dir():
            return "degraded", f"{folder} is no folder yet; the first image makes it"
        if not os.access(folder, os.R_OK | os.X_OK):
            return "down", f"{folder} cannot be read by this process"
        free = shutil.disk_usage(folder).free
        return ("degraded" if free < LEAST_FREE_BYTES else "ok"), f"{free / 1e9:.1f} GB free"

    return lambda: asyncio.to_thread(look)


def live_check(hub: LiveHub) -> Check:
    """Whether watchers are told of changes."""

    async def check() -> tuple[Status, str]:
        if hub.closed:
            return "down", "It has stopped"
        return ("ok", "Changes are seen") if hub.available else ("degraded", "The last look at the store failed")

    return check


async def checked(name: str, check: Check, *, required: bool = False) -> Dependency:
    """One check with its time."""
    started = perf_counter()
    try:
        status, detail = await asyncio.wait_for(check(), LIMIT_S)
    except asyncio.TimeoutError:
        status, detail = "down", f"No answer within {LIMIT_S:.0f} s"
    except Exception as error:  # noqa: BLE001  (whatever is wrong with it is the answer)
        status, detail = "down", f"{type(error).__name__}: it does not answer"
    latency_ms = None if status == "not_used" else round((perf_counter() - started) * 1000, 2)
    return Dependency(name=name, status=status, required=required, latency_ms=latency_ms, detail=detail)
