"""Who a request counts for: a user, a key or an address, told from the token's signature alone, without a query."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from cloud.auth.tokens import AccessTokens, KeyTokens
from cloud.errors import UnauthenticatedError
from cloud.kit.rate_limit import Rate


class Callers:
    """Names the bucket of a request.

    Args:
        machine: for keys, each by itself, and for whoever has no login, by address. None: not limited.
        person: for users, each by themselves. None: not limited.
    """

    def __init__(self, tokens: AccessTokens, keys: KeyTokens, *, machine: Rate | None, person: Rate | None) -> None:
        self._tokens = tokens
        self._keys = keys
        self._machine = machine
        self._person = person

    def __call__(self, scope: Scope) -> tuple[str, Rate] | None:
        """Bucket and rate of a request; None for pages, probes and what is not limited."""
        if not scope["path"].startswith(("/api/", "/a/")):
            return None
        name = self._name(scope)
        rate = self._person if name.startswith("user:") else self._machine
        return None if rate is None else (name, rate)

    def _name(self, scope: Scope) -> str:
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        client = scope.get("client")
        address = f"address:{client[0] if client else 'unknown'}"
        if kind.lower() != "bearer":
            return address
        # What carries no signature of ours counts for its address: nobody gets a new bucket by a new guess.
        try:
            if token.startswith(KeyTokens.PREFIX):
                return f"key:{self._keys.read(token)[0]}"
            return f"user:{self._tokens.read(token).user_id}"
        except UnauthenticatedError:
            return address
