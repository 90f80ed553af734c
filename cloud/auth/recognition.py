"""Callers recognised moments ago: the store is not asked on every request who a token belongs to.

What is remembered holds until this process ends any transaction, and for ``lasts_s`` at most: whoever is disabled, signed
out or revoked through this process is out at once, through another one within that time. Signature and expiry of a token
are looked at on every request all the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from cloud.auth.dependencies import machine_of, person_of
from cloud.auth.principal import Principal
from cloud.auth.tokens import AccessTokens, KeyTokens
from cloud.kit.repository import Database

_CAPACITY = 10_000
"""Callers remembered; beyond it the one remembered first is forgotten, which costs one query."""

Found = TypeVar("Found")


class Recognition:
    """Who asks, remembered for moments. One per process, used from its event loop alone.

    Args:
        database: asked for whoever is not remembered; its count of writes ends what is remembered.
        tokens: of people.
        keys: of machines.
        lasts_s: how long at most; 0 asks on every request.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        database: Database,
        tokens: AccessTokens,
        keys: KeyTokens,
        *,
        lasts_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._keys = keys
        self._people = _Remembered[Principal](lasts_s)
        self._machines = _Remembered[tuple[Principal, frozenset[str]]](lasts_s)
        self._clock = clock

    async def person(self, token: str) -> Principal:
        """The user of an access token.

        Raises:
            UnauthenticatedError: a bad or expired token, or a user or session that is gone.
        """
        self._tokens.read(token)
        known = self._people.get(token, self._database.writes, self._clock())
        if known is not None:
            return known
        asked_at = (self._database.writes, self._clock())
        found = await person_of(self._database, self._tokens, token)
        self._people.put(token, found, *asked_at)
        return found

    async def machine(self, token: str) -> tuple[Principal, frozenset[str]]:
        """The machine of a key, with what the key opens.

        Raises:
            UnauthenticatedError: it is not ours, has expired or was revoked.
        """
        self._keys.read(token)
        known = self._machines.get(token, self._database.writes, self._clock())
        if known is not None:
            return known
        asked_at = (self._database.writes, self._clock())
        found = await machine_of(self._database, self._keys, token)
        self._machines.put(token, found, *asked_at)
        return found


@dataclass(frozen=True)
class _Entry(Generic[Found]):
    found: Found
    writes: int
    """Of the process before the store was asked: an answer that a change overtook is never believed."""
    until: float


class _Remembered(Generic[Found]):
    def __init__(self, lasts_s: float) -> None:
        self._lasts_s = lasts_s
        self._entries: OrderedDict[str, _Entry[Found]] = OrderedDict()

    def get(self, token: str, writes: int, now: float) -> Found | None:
        entry = self._entries.get(token)
        if entry is None or entry.writes != writes or now >= entry.until:
            return None
        return entry.found

    def put(self, token: str, found: Found, writes: int, now: float) -> None:
        self._entries.pop(token, None)
        self._entries[token] = _Entry(found, writes, now + self._lasts_s)
        if len(self._entries) > _CAPACITY:
            self._entries.popitem(last=False)
