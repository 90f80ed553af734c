"""Logging in: lockout, password, session. The order matters: a locked account costs no hashing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timezone

import anyio
import structlog

from cloud.auth.passwords import AT_ONCE, PasswordChecker
from cloud.auth.principal import Principal
from cloud.auth.repository import AttemptRepository, SessionRepository, UserRepository
from cloud.auth.rules import MAX_PASSWORD, normal_email, password_fault, undecided
from cloud.auth.schemas import LoginAnswer, NewPassword
from cloud.auth.sessions import Caller, Sessions, end_sessions
from cloud.errors import BadRequestError, InvalidCredentialsError, LockedOutError, WeakPasswordError
from cloud.kit.repository import Database, Row, WriteConnection
from cloud.metrics import LOGINS

log = structlog.get_logger()

_LOOK_AGAIN_S = 0.25


class LoginService:
    """Answers logins by password."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self.passwords = PasswordChecker()
        # Counted only when its turn has come: of ten screens that sign in at once none is a failure while it waits in line.
        self._places = anyio.CapacityLimiter(AT_ONCE)

    async def login(self, email: str, password: str, caller: Caller) -> LoginAnswer:
        """Tokens for the right e-mail and password.

        Raises:
            LockedOutError: too many failures; the password was not looked at.
            InvalidCredentialsError: unknown, disabled, or the wrong password.
        """
        email = normal_email(email)
        keys = _counters(email, caller.address)
        while True:
            async with self._places:
                now = datetime.now(timezone.utc)
                closed_until = await self._counted(keys, now)
                row = None if closed_until is not None else await self._looked_at(email, password, caller, keys)
            if row is not None:
                return await self._sessions.begin(row, caller)
            assert closed_until is not None  # noqa: S101  (what was looked at has a row, or was refused)
            if undecided(closed_until, now):
                await anyio.sleep(_LOOK_AGAIN_S)
                continue
            LOGINS.labels("locked_out").inc()
            raise LockedOutError(max(1, int((closed_until - now).total_seconds()) + 1))

    async def _counted(self, keys: Sequence[tuple[str, str]], now: datetime) -> datetime | None:
        async with self._database.write() as writer:
            attempts = AttemptRepository(writer)
            closed_until = await attempts.count(keys, now)
            await attempts.forget_old(now)
            await SessionRepository(writer).forget_old(now)
        return closed_until

    async def _looked_at(self, email: str, password: str, caller: Caller, keys: Sequence[tuple[str, str]]) -> Row:
        # The connection goes back before the hash is computed: hashing is slow on purpose.
        async with self._database.read() as reader:
            row = await UserRepository(reader).active_by_email(email) if email.isprintable() else None
        stored = row["password_hash"] if row is not None and len(password) <= MAX_PASSWORD else None
        matches = await self.passwords.matches(password[:MAX_PASSWORD], stored)
        if row is None or not matches:
            LOGINS.labels("failed").inc()
            log.warning("login_failed", address=caller.address)
            raise InvalidCredentialsError("The e-mail or the password is wrong")
        async with self._database.write() as writer:
            await AttemptRepository(writer).forgive(keys)
        LOGINS.labels("succeeded").inc()
        return row

    async def change_password(self, writer: WriteConnection, user: Principal, new: NewPassword) -> None:
        """Set one's own password; every other session ends.

        Raises:
            BadRequestError: the current password is wrong.
            WeakPasswordError: the new one is refused.
        """
        now = datetime.now(timezone.utc)
        check_password(new.password, email=user.email)
        users = UserRepository(writer)
        row = await users.active_by_id(user.id)
        if row is None or not await self.passwords.matches(new.current[:MAX_PASSWORD], row["password_hash"]):
            raise BadRequestError("current: this is not the password")
        await users.set_password_hash(user.id, await self.passwords.hashed(new.password), now)
        await end_sessions(writer, user, because="password", now=now)
        log.info("password_changed", user=user.id)


def check_password(password: str, *, email: str) -> None:
    """Hold a new password against the policy.

    Raises:
        WeakPasswordError: it is refused.
    """
    fault = password_fault(password, email=email)
    if fault is not None:
        raise WeakPasswordError(f"password: {fault}")


def _counters(email: str, address: str) -> list[tuple[str, str]]:
    def key(*parts: str) -> str:
        return hashlib.sha256("\n".join(parts).encode(errors="replace")).hexdigest()

    return [
        ("pair", key("pair", email, address)),
        ("address", key("address", address)),
        ("account", key("account", email)),
    ]
