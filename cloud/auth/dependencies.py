"""Typed parameters that say who may call an endpoint: ``user: Viewer``, ``user: Operator`` and so on."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Protocol

from fastapi import Depends, Query, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.types import Scope as ConnectionScope

from cloud.auth.principal import Principal
from cloud.auth.repository import KeyRepository, UserRepository
from cloud.auth.rules import Role, key_allows
from cloud.auth.scope import Scope
from cloud.auth.tokens import AccessTokens, KeyTokens, UrlSigner, hash_of
from cloud.errors import ForbiddenError, UnauthenticatedError
from cloud.kit.http import route_tags
from cloud.kit.repository import Database, Row

__all__ = ["FarmManager", "FleetAdmin", "ImageViewer", "Operator", "PlatformAdmin", "Principal", "Viewer", "principal"]

_LOGIN = "/api/v1/auth/login"
_OWN = frozenset({"get_me"})
"""Endpoints of people that a key may ask too."""


class Recognizes(Protocol):
    """Tells whose a token is."""

    async def person(self, token: str) -> Principal:
        """The user of an access token."""
        ...

    async def machine(self, token: str) -> tuple[Principal, frozenset[str]]:
        """The machine of a key, with what the key opens."""
        ...


async def principal(request: Request) -> Principal:
    """The user or the machine of the request's bearer token, as ``cloud.auth.recognition`` knows them.

    A connection goes back before the endpoint takes its own: nobody waits for a second one while holding a first,
    and nobody without a valid token costs one.

    Raises:
        UnauthenticatedError: no token, a bad one, or a user or key that is gone, disabled, revoked or signed out.
        ForbiddenError: the key is not for this.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise UnauthenticatedError("This needs an access token: Authorization: Bearer ...")
    recognition: Recognizes = request.app.state.recognition
    if token.startswith(KeyTokens.PREFIX):
        found, scopes = await recognition.machine(token)
        tags = route_tags(request.scope)
        endpoint = getattr(request.scope.get("endpoint"), "__name__", "")
        if endpoint not in _OWN and not key_allows(scopes, tags, request.method):
            raise ForbiddenError(f"This key is not for {request.method} of {', '.join(tags) or 'this'}")
    else:
        found = await recognition.person(token)
    request.state.actor = found.actor
    return found


async def person_of(database: Database, tokens: AccessTokens, token: str) -> Principal:
    """The user of an access token.

    Raises:
        UnauthenticatedError: a bad token, or a user or session that is gone.
    """
    claims = tokens.read(token)
    async with database.read() as reader:
        row = await UserRepository(reader).active_by_id(claims.user_id, claims.session_id)
    if row is None:
        raise UnauthenticatedError("The user of this access token has signed out, is disabled or no longer exists")
    # A token tells whole seconds.
    if row["tokens_from"] is not None and claims.issued_at < row["tokens_from"].replace(microsecond=0):
        raise UnauthenticatedError("The password or the rights of this user have changed; sign in again")
    return Principal(**_common(row), id=row["id"], email=row["email"], session_id=claims.session_id)


async def machine_of(database: Database, keys: KeyTokens, token: str) -> tuple[Principal, frozenset[str]]:
    """The machine of a key, with what the key opens.

    Raises:
        UnauthenticatedError: it is not ours, has expired or was revoked.
    """
    key_id, secret = keys.read(token)
    async with database.read() as reader:
        row = await KeyRepository(reader).active(key_id, hash_of(secret), datetime.now(timezone.utc))
    if row is None:
        raise UnauthenticatedError("The key has expired or was revoked")
    found = Principal(**_common(row), id=row["id"], email=f"key:{row['name']}", kind="api_key")
    return found, frozenset(row["scopes"])


def _common(row: Row) -> dict[str, Any]:
    return {
        "name": row["name"],
        "role": Role(row["role"]),
        "organization_id": row["organization_id"],
        "organization": row["organization"],
        "site_ids": None if row["site_ids"] is None else tuple(row["site_ids"]),
    }


async def scope_of(scope: ConnectionScope) -> Scope:
    """What the user or the machine of a request may see.

    Raises:
        ApiError: as ``principal``.
    """
    return (await principal(Request(scope))).scope


class _AtLeast(OAuth2PasswordBearer):
    """The user, if their role reaches a role. One dependency, because FastAPI works each out for every request; a scheme of the
    OpenAPI document, because that is where a client learns how to sign in.
    """

    def __init__(self, needed: Role) -> None:
        super().__init__(tokenUrl=_LOGIN, auto_error=False, scheme_name="login")
        self._needed = needed

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]  # more than the token it stands for
        user = await principal(request)
        if not user.role.reaches(self._needed):
            raise ForbiddenError(f"This needs the role {self._needed.value}; yours is {user.role.value}")
        return user


Viewer = Annotated[Principal, Depends(_AtLeast(Role.VIEWER))]
Operator = Annotated[Principal, Depends(_AtLeast(Role.OPERATOR))]
FarmManager = Annotated[Principal, Depends(_AtLeast(Role.FARM_MANAGER))]
FleetAdmin = Annotated[Principal, Depends(_AtLeast(Role.FLEET_ADMIN))]
PlatformAdmin = Annotated[Principal, Depends(_AtLeast(Role.PLATFORM_ADMIN))]


async def _image_viewer(
    request: Request,
    _documented: Annotated[str | None, Depends(OAuth2PasswordBearer(_LOGIN, "login", auto_error=False))],
    expires: Annotated[int | None, Query(ge=0, description="From the signed address.")] = None,
    signature: Annotated[str | None, Query(max_length=64, description="From the signed address.")] = None,
) -> Scope | None:
    """Whose images may be seen, or None for the holder of a valid signed address.

    Raises:
        InvalidSignatureError: the address is signed, but not by us, not for this path, or not any more.
        UnauthenticatedError: neither a signature nor a valid token.
    """
    if signature is None or expires is None:
        return (await principal(request)).scope
    signer: UrlSigner = request.app.state.signer
    signer.verify(request.url.path, expires, signature, now=datetime.now(timezone.utc))
    return None


ImageViewer = Annotated[Scope | None, Depends(_image_viewer)]
