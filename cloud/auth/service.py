"""Logging in: lockout, password, token. The order matters: a locked account costs no hashing."""

from __future__ import annotations

from datetime import datetime, timezone

import structlog

from cloud.auth.passwords import PasswordChecker
from cloud.auth.repository import UserRepository
from cloud.auth.rules import MAX_PASSWORD, normal_email
from cloud.auth.schemas import LoginAnswer, User
from cloud.auth.state import Lockouts
from cloud.auth.tokens import AccessTokens
from cloud.errors import InvalidCredentialsError, LockedOutError
from cloud.kit.repository import Database
from cloud.metrics import LOGINS

log = structlog.get_logger()


class LoginService:
    """Answers logins. One per process, because it remembers the failed ones."""

    def __init__(self, database: Database, tokens: AccessTokens) -> None:
        self._database = database
        self._tokens = tokens
        self._passwords = PasswordChecker()
        self._lockouts = Lockouts()

    async def login(self, email: str, password: str, *, address: str) -> LoginAnswer:
        """An access token for the right e-mail and password.

        Raises:
            LockedOutError: too many failures; the password was not looked at.
            InvalidCredentialsError: unknown, disabled, or the wrong password.
        """
        email = normal_email(email)
        now = datetime.now(timezone.utc)
        wait_s = self._lockouts.retry_after_s(email, address, now)
        if wait_s is not None:
            LOGINS.labels("locked_out").inc()
            raise LockedOutError(wait_s)
        # The connection goes back before the hash is computed: hashing is slow on purpose.
        async with self._database.read() as reader:
            row = await UserRepository(reader).active_by_email(email) if email.isprintable() else None
        stored = row["password_hash"] if row is not None and len(password) <= MAX_PASSWORD else None
        matches = await self._passwords.matches(password[:MAX_PASSWORD], stored)
        if row is None or not matches:
            self._lockouts.failed(email, address, now)
            LOGINS.labels("failed").inc()
            log.warning("login_failed", address=address)
            raise InvalidCredentialsError("The e-mail or the password is wrong")
        self._lockouts.succeeded(email, address)
        LOGINS.labels("succeeded").inc()
        issued = self._tokens.issue(row["id"])
        user = User(
            id=row["id"], email=row["email"], name=row["name"], role=row["role"], organization=row["organization"]
        )
        return LoginAnswer(access_token=issued.token, expires_in=issued.expires_in_s, user=user)
