"""Password hashes by argon2id, off the event loop and a few at a time: each hash takes 12 MiB while it runs."""

from __future__ import annotations

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP Password Storage Cheat Sheet, argon2id: 12 MiB, 3 iterations, 1 lane (as strong as 19 MiB and 2).
_HASHER = PasswordHasher(time_cost=3, memory_cost=12 * 1024, parallelism=1)
AT_ONCE = 2


def hash_password(password: str) -> str:
    """Encoded argon2id hash, with its salt and parameters in it."""
    return _HASHER.hash(password)


class PasswordChecker:
    """Checks passwords for the login endpoint, in constant time whether or not the account exists."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._nobody = hash_password("nobody has this password")

    async def matches(self, password: str, stored_hash: str | None) -> bool:
        """Whether the password made the hash; None stands for an unknown account and never matches."""
        return await anyio.to_thread.run_sync(self._verify, password, stored_hash, limiter=self._limiter)

    async def hashed(self, password: str) -> str:
        """The hash of a new password."""
        return await anyio.to_thread.run_sync(hash_password, password, limiter=self._limiter)

    def _verify(self, password: str, stored_hash: str | None) -> bool:
        try:
            _HASHER.verify(stored_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored_hash is not None
