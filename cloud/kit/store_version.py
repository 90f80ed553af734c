"""The version of what the store holds: equal versions, equal contents. One look serves everybody who came before it began.

PostgreSQL tells which transactions a query would see. The commit of any other one changes that, whichever process made it,
so two equal answers say that between them nothing was committed. Reading changes nothing, and a quiet store keeps its version.
"""

from __future__ import annotations

import asyncio
from typing import Final

import psycopg
from sqlalchemy import make_url

from cloud.errors import UnavailableError

# Of the statement's own snapshot: ``xmin:xmax:running``, with numbers of 64 bits that never come again.
_SEEN: Final = "SELECT pg_current_snapshot()::text"


class StoreVersion:
    """Looks at the version on a connection of its own, kept open: taken from a pool it would cost as much again as the look.

    Whoever comes while a look is under way shares the next one: that one may have looked before a change that the caller
    has been told of already. Used from one event loop.

    Args:
        url: of SQLAlchemy, with the psycopg driver named; nothing connects until the first look.
        timeout_s: of connecting, of a look, and of a server that has vanished from the network.
    """

    def __init__(self, url: str, *, timeout_s: int = 5) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._timeout_s = timeout_s
        self._connection: psycopg.AsyncConnection | None = None
        self._under_way: asyncio.Task[str] | None = None
        self._next: asyncio.Task[str] | None = None

    async def __call__(self) -> str:
        """What a look finds that begins from now on.

        Raises:
            UnavailableError: the store does not answer.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._under_way))
        # Whoever gives up leaves the look to the others.
        return await asyncio.shield(self._next)

    async def stop(self) -> None:
        """Close the connection; safe twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _look_after(self, before: asyncio.Task[str] | None) -> str:
        if before is not None:
            await asyncio.wait([before])
        self._under_way, self._next = self._next, None
        try:
            return await self._look()
        except psycopg.Error:
            await self.stop()
        # The server may have been restarted since the last look: once more, on a new connection.
        try:
            return await self._look()
        except psycopg.Error as error:
            await self.stop()
            raise UnavailableError("The database does not answer right now") from error

    async def _look(self) -> str:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                application_name="shoal-api-version",
                connect_timeout=self._timeout_s,
                tcp_user_timeout=self._timeout_s * 1000,
                options=f"-c statement_timeout={self._timeout_s * 1000}",
            )
        cursor = await self._connection.execute(_SEEN, prepare=True)
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101
        return str(row[0])
