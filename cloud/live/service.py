"""Who may watch what: a subscription becomes a coverage, within the sites that the user may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, NamedTuple

from cloud.auth.dependencies import machine_of, person_of
from cloud.auth.principal import Principal
from cloud.auth.rules import key_allows
from cloud.auth.tokens import AccessTokens, KeyTokens, expiry_of
from cloud.errors import ForbiddenError, NotFoundError, UnavailableError
from cloud.kit.repository import Database
from cloud.live.repository import SubscriptionRepository
from cloud.live.rules import Coverage
from cloud.live.schemas import Subscribe
from cloud.metrics import LIVE_CLIENTS

Transport = Literal["websocket", "events"]


class Seats:
    """How many clients may watch at once, in all and per user."""

    def __init__(self, *, total: int, per_user: int) -> None:
        self._total = total
        self._per_user = per_user
        self._taken: Counter[tuple[str, int]] = Counter()

    def check(self, user: Principal) -> None:
        """Refuse when there is no place.

        Raises:
            UnavailableError: all places are taken.
        """
        if sum(self._taken.values()) >= self._total:
            raise UnavailableError("Too many clients watch right now")
        if self._taken[user.kind, user.id] >= self._per_user:
            raise UnavailableError(f"{self._per_user} clients of this user watch already; close one first")

    @contextmanager
    def taken_by(self, user: Principal, transport: Transport) -> Iterator[None]:
        """A place until the block ends.

        Raises:
            UnavailableError: all places are taken.
        """
        self.check(user)
        key = (user.kind, user.id)
        self._taken[key] += 1
        LIVE_CLIENTS.labels(transport).inc()
        try:
            yield
        finally:
            LIVE_CLIENTS.labels(transport).dec()
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]


class Admitted(NamedTuple):
    """Who shows a token, and when it ends."""

    user: Principal
    expires: datetime


async def admitted(database: Database, tokens: AccessTokens, keys: KeyTokens, token: str) -> Admitted:
    """The person of an access token, or the machine of a key that reads ``live``.

    Raises:
        UnauthenticatedError: it is not valid, or not any more.
        ForbiddenError: the key is not for this.
    """
    if not token.startswith(KeyTokens.PREFIX):
        return Admitted(await person_of(database, tokens, token), expiry_of(token))
    machine, scopes = await machine_of(database, keys, token)
    if not key_allows(scopes, ("live",), "GET"):
        raise ForbiddenError("This key is not for live")
    return Admitted(machine, expiry_of(token))


class Selected(NamedTuple):
    """What a subscription means for one user."""

    coverage: Coverage
    slugs: dict[int, str]
    """Of its sites, by key."""


async def select(database: Database, user: Principal, wanted: Subscribe) -> Selected:
    """What the subscription covers.

    Raises:
        NotFoundError: a site or unit of it is not one that the user may see.
    """
    async with database.read() as reader:
        repository = SubscriptionRepository(reader, user.scope)
        visible = {row["id"]: row["slug"] for row in await repository.sites()}
        unit_rows = [] if wanted.units is None else await repository.units(wanted.units)
    site_of_unit = {row["id"]: row["site_id"] for row in unit_rows if row["site_id"] in visible}
    if wanted.sites is not None:
        missing = set(wanted.sites) - set(visible.values())
        if missing:
            raise NotFoundError(f"There is no site {min(missing)!r}")
        named = set(wanted.sites)
        chosen = {site_id: slug for site_id, slug in visible.items() if slug in named}
    elif wanted.units is not None:
        chosen = {site_id: visible[site_id] for site_id in set(site_of_unit.values())}
    else:
        chosen = visible
    if wanted.units is None:
        return Selected(Coverage(frozenset(chosen), None), chosen)
    elsewhere = [unit for unit in wanted.units if site_of_unit.get(unit) not in chosen]
    if elsewhere:
        raise NotFoundError(f"There is no unit {min(elsewhere)} at the sites of this subscription")
    return Selected(Coverage(frozenset(chosen), frozenset(wanted.units)), chosen)


def still_visible(selected: Selected, now: Selected) -> bool:
    """Whether everything of a subscription would be granted again."""
    return selected.coverage.site_ids <= now.coverage.site_ids
