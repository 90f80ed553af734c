"""Connections to PostgreSQL for the API, and the base class of every repository.

A request reads on an autocommitting connection (no BEGIN and ROLLBACK round trips) or writes in exactly one transaction
that commits before the response leaves. The two have different types, so that a reader cannot be handed to a writer.
A pooled connection is asked whether it lives only when there is a reason to doubt it.
"""

from __future__ import annotations

import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Annotated, Any, NewType, TypeAlias

from fastapi import Depends, Request
from sqlalchemy import Executable, TextClause, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cloud.kit.origin import declaration, origin_of
from cloud.kit.queries import Query, read_all

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
        self.writes = 0
        """Transactions that have ended here. What was read at one count is what the store holds while the count stays, as far
        as this process has changed it."""

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
            pool_recycle=1800,
            isolation_level="AUTOCOMMIT",  # once per connection; transactions say theirs
            connect_args={"options": options, "application_name": "shoal-api", "connect_timeout": 5},
        )
        _watch_pool(self._engine)

    async def stop(self) -> None:
        """Close every connection; safe twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConnection]:
        """A connection for queries."""
        async with self.engine.connect() as connection:
            yield ReadConnection(connection)

    @asynccontextmanager
    async def write(self, declared: Mapping[str, Any] | None = None) -> AsyncIterator[WriteConnection]:
        """A connection in a transaction that commits at the end, or rolls back when an error passes.

        Args:
            declared: who changes what, for the audit log (``cloud.kit.origin``); None for what is not audited.
        """
        try:
            async with self.engine.connect() as connection:
                await connection.execution_options(isolation_level="READ COMMITTED")
                async with connection.begin():
                    if declared is not None:
                        await connection.execute(*declaration(declared))
                    yield WriteConnection(connection)
        finally:
            self.writes += 1

    @asynccontextmanager
    async def append(self) -> AsyncIterator[WriteConnection]:
        """A connection for one INSERT of rows that say nothing of who may do what.

        The statement commits by itself, in one round trip instead of three, and what is remembered of callers holds: without
        that, whoever sends pictures would be asked for anew with each.
        """
        async with self.engine.connect() as connection:
            yield WriteConnection(connection)


_DOUBTFUL_S = 60.0
"""After a rest of that long a connection is asked before it is used: firewalls forget idle ones in silence."""


def _watch_pool(engine: AsyncEngine) -> None:
    """Notice a restarted server before a user does, without a round trip for every request.

    A server that goes says so on the line, so a connection that has something to read while nobody has asked is asked
    whether it lives.
    """

    @event.listens_for(engine.sync_engine, "checkin")
    def _returned(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def _taken(connection: Any, record: Any, _proxy: Any) -> None:
        rests_since = record.info.get("rests_since")
        if rests_since is None or (monotonic() - rests_since < _DOUBTFUL_S and not _has_news(record.driver_connection)):
            return
        dialect = engine.sync_engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError("The server has closed the connection") from error


def _has_news(driver: Any) -> bool:
    """Whether something came on an idle connection, or it is closed already."""
    if driver.closed:
        return True
    line = select.poll()
    line.register(driver.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(line.poll(0))


def database_of(request: Request) -> Database:
    """The pool of the application that serves this request."""
    database: Database = request.app.state.database
    return database


async def _read(request: Request) -> AsyncIterator[ReadConnection]:
    async with database_of(request).read() as connection:
        yield connection


async def _write(request: Request) -> AsyncIterator[WriteConnection]:
    declared = origin_of(request)
    async with database_of(request).write(declared) as connection:
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

    async def _all(self, statement: Executable | Query, parameters: Row | None = None) -> list[Row]:
        if isinstance(statement, Query | TextClause):
            rows = await read_all(self._connection, statement, parameters or {})
            if rows is not None:
                return rows
        executable: Any = statement.statement if isinstance(statement, Query) else statement
        result = await self._connection.execute(executable, parameters)
        keys = list(result.keys())
        return [dict(zip(keys, row, strict=True)) for row in result]

    async def _one(self, statement: Executable | Query, parameters: Row | None = None) -> Row | None:
        rows = await self._all(statement, parameters)
        return rows[0] if rows else None
