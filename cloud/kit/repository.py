"""Connections to PostgreSQL for the API, and the base class of every repository.

A request reads on an autocommitting connection (no BEGIN and ROLLBACK round trips) or writes in exactly one transaction
that commits before the response leaves. The two have different types, so that a reader cannot be handed to a writer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, NewType, TypeAlias

from fastapi import Depends, Request
from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cloud.kit.origin import declaration, origin_of

Row: TypeAlias = dict[str, Any]
"""One row of a result by column label."""

ReadConnection = NewType("ReadConnection", AsyncConnection)
WriteConnection = NewType("WriteConnection", AsyncConnection)


class Database:
    """The API's connection pool. ``start`` makes it (nothing connects until the first query), ``stop`` closes it.

    Args:
        url: of SQLAlchemy, with the psycopg driver named (``cloud.db.session.sqlalchemy_url``).
        pool_size: connections at most; a request waits up to 5 s for one.
        statement_timeout_s: a query that runs longer is cancelled by the server.
    """

    def __init__(self, url: str, *, pool_size: int, statement_timeout_s: float) -> None:
        self._url = url
        self._pool_size = pool_size
        self._statement_timeout_ms = int(statement_timeout_s * 1000)
        self._engine: AsyncEngine | None = None

    @property
    def engine(self) -> AsyncEngine:
        """The engine, between ``start`` and ``stop``."""
        if self._engine is None:
            raise RuntimeError("the database pool has not been started")
        return self._engine

    def start(self) -> None:
        """Make the pool."""
        options = f"-c statement_timeout={self._statement_timeout_ms} -c timezone=UTC"
        self._engine = create_async_engine(
            self._url,
            pool_size=self._pool_size,
            max_overflow=0,
            pool_timeout=5,
            # A restarted server is noticed here and not by a user; it costs one empty statement per checkout.
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={"options": options, "application_name": "shoal-api", "connect_timeout": 5},
        )

    async def stop(self) -> None:
        """Close every connection; safe twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConnection]:
        """A connection for queries."""
        async with self.engine.connect() as connection:
            yield ReadConnection(await connection.execution_options(isolation_level="AUTOCOMMIT"))

    @asynccontextmanager
    async def write(self, declared: Mapping[str, Any] | None = None) -> AsyncIterator[WriteConnection]:
        """A connection in a transaction that commits at the end, or rolls back when an error passes.

        Args:
            declared: who changes what, for the audit log (``cloud.kit.origin``); None for what is not audited.
        """
        async with self.engine.begin() as connection:
            if declared is not None:
                await connection.execute(*declaration(declared))
            yield WriteConnection(connection)


def database_of(request: Request) -> Database:
    """The pool of the application that serves this request."""
    database: Database = request.app.state.database
    return database


async def _read(database: Annotated[Database, Depends(database_of)]) -> AsyncIterator[ReadConnection]:
    async with database.read() as connection:
        yield connection


async def _write(
    request: Request, database: Annotated[Database, Depends(database_of)]
) -> AsyncIterator[WriteConnection]:
    declared = origin_of(request)
    async with database.write(declared) as connection:
        yield connection
        # Entries are written at the commit, so whoever became known meanwhile is still in time.
        if (now_known := origin_of(request)) != declared:
            await connection.execute(*declaration(now_known))


# scope="function": the connection is back in the pool, and the transaction committed, before the response is sent.
Reader = Annotated[ReadConnection, Depends(_read, scope="function")]
Writer = Annotated[WriteConnection, Depends(_write, scope="function")]


class Repository:
    """Where the SQL of one feature lives. It is made per request, around the request's connection."""

    def __init__(self, connection: ReadConnection | WriteConnection) -> None:
        self._connection = connection

    async def _all(self, statement: Executable, parameters: Row | None = None) -> list[Row]:
        result = await self._connection.execute(statement, parameters)
        keys = list(result.keys())
        return [dict(zip(keys, row, strict=True)) for row in result]

    async def _one(self, statement: Executable, parameters: Row | None = None) -> Row | None:
        rows = await self._all(statement, parameters)
        return rows[0] if rows else None
