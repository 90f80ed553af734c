"""Sessions: begun by a login of any kind, carried on by refresh tokens, ended by a logout or by a token that came twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import structlog

from cloud.auth.principal import Principal
from cloud.auth.repository import SessionRepository, UserRepository
from cloud.auth.schemas import LoginAnswer, User
from cloud.auth.tokens import AccessTokens, RefreshTokens
from cloud.errors import TokenReusedError, UnauthenticatedError
from cloud.kit.repository import Database, Row, WriteConnection
from cloud.metrics import LOGINS

log = structlog.get_logger()

_MOST_SESSIONS = 100
_MAX_PROGRAM = 200


@dataclass(frozen=True)
class Caller:
    """Where a request comes from, for the session and the audit log."""

    address: str
    program: str | None
    origin: dict[str, Any]
    """``cloud.kit.origin.origin_of`` of the request."""


class Sessions:
    """Begins, refreshes and ends sessions."""

    def __init__(
        self, database: Database, access: AccessTokens, refresh: RefreshTokens, *, lasts: timedelta, idle: timedelta
    ) -> None:
        self._database = database
        self._access = access
        self._refresh = refresh
        self._lasts = lasts
        self._idle = idle

    async def begin(self, row: Row, caller: Caller) -> LoginAnswer:
        """Tokens for a user who has proven who they are."""
        now = datetime.now(timezone.utc)
        session_id = uuid4()
        async with self._database.write({**caller.origin, **actor_of(row)}) as writer:
            await SessionRepository(writer).start(
                {
                    "id": session_id,
                    "user_id": row["id"],
                    "generation": 1,
                    "started_at": now,
                    "used_at": now,
                    "expires_at": now + self._lasts,
                    "address": caller.address,
                    "program": None if caller.program is None else caller.program[:_MAX_PROGRAM],
                },
                most=_MOST_SESSIONS,
            )
            user = await shown_user(writer, row)
        issued = self._access.issue(row["id"], session_id)
        return LoginAnswer(
            access_token=issued.token,
            expires_in=issued.expires_in_s,
            refresh_token=self._refresh.issue(session_id, 1),
            refresh_expires_in=int(min(self._lasts, self._idle).total_seconds()),
            user=user,
        )

    async def refresh(self, token: str, caller: Caller) -> LoginAnswer:
        """The next pair of tokens. A refresh token works once.

        Raises:
            TokenReusedError: this token was used before, by its owner or by a thief: the session is over for both.
            UnauthenticatedError: the token is not ours, or its session is over.
        """
        session_id, generation = self._refresh.read(token)
        now = datetime.now(timezone.utc)
        async with self._database.write() as writer:
            rotated = await SessionRepository(writer).rotate(session_id, generation, now=now, idle=self._idle)
            row = None if rotated is None else await UserRepository(writer).active_by_id(rotated["user_id"], session_id)
            user = None if row is None else await shown_user(writer, row)
        if rotated is None:
            await self._refuse(session_id, generation, caller, now)
        if row is None or user is None or rotated is None:
            raise UnauthenticatedError("The session is over; sign in again")
        issued = self._access.issue(row["id"], session_id)
        return LoginAnswer(
            access_token=issued.token,
            expires_in=issued.expires_in_s,
            refresh_token=self._refresh.issue(session_id, rotated["generation"]),
            refresh_expires_in=int(self._idle.total_seconds()),
            user=user,
        )

    async def _refuse(self, session_id: Any, generation: int, caller: Caller, now: datetime) -> None:
        async with self._database.read() as reader:
            known = await SessionRepository(reader).session(session_id)
        if known is None or known["ended_at"] is not None or generation >= known["generation"]:
            return
        async with self._database.write(caller.origin) as writer:
            await SessionRepository(writer).end(session_id, because="reuse", now=now)
        LOGINS.labels("token_reused").inc()
        log.warning("refresh_token_reused", user=known["user_id"], address=caller.address)
        raise TokenReusedError("This refresh token was used before, so the session was ended; sign in again")


async def shown_user(connection: WriteConnection, row: Row) -> User:
    """A user as the API shows them."""
    keys = row["site_ids"]
    sites = None if keys is None else sorted((await UserRepository(connection).site_slugs(keys)).values())
    return User(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=row["role"],
        organization=row["organization"],
        sites=sites,
    )


def actor_of(row: Row) -> dict[str, Any]:
    """How the audit log names a user who is just signing in."""
    return {
        "actor": row["email"],
        "actor_kind": "user",
        "actor_id": row["id"],
        "organization_id": row["organization_id"],
    }


async def end_sessions(writer: WriteConnection, user: Principal, *, because: str, now: datetime) -> None:
    """End every session of a user but the one that asks."""
    await SessionRepository(writer).end_all(user.id, because=because, now=now, but=user.session_id)
