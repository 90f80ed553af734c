"""Typed parameters that say who may call an endpoint: ``user: Viewer``, ``user: Operator`` and so on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.security import OAuth2PasswordBearer

from cloud.auth.repository import UserRepository
from cloud.auth.rules import Role
from cloud.auth.scope import Scope
from cloud.auth.tokens import AccessTokens, UrlSigner
from cloud.errors import ForbiddenError, UnauthenticatedError
from cloud.kit.repository import database_of

_BEARER = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/login", auto_error=False, scheme_name="login")


@dataclass(frozen=True)
class Principal:
    """The signed-in user behind a request."""

    id: int
    email: str
    name: str
    role: Role
    organization_id: int
    organization: str
    site_ids: tuple[int, ...] | None = None
    """Sites that the user is limited to; None for all of the organization."""

    @property
    def scope(self) -> Scope:
        """What the user may see and touch."""
        return Scope(self.organization_id, self.site_ids)


async def principal(request: Request, token: Annotated[str | None, Depends(_BEARER)]) -> Principal:
    """The user of the request's bearer token, read fresh: a disabled user is out at once.

    The connection goes back before the endpoint takes its own: nobody waits for a second one while holding a first,
    and nobody without a valid token costs one.

    Raises:
        UnauthenticatedError: no token, a bad one, or a user who is gone or disabled.
    """
    if not token:
        raise UnauthenticatedError("This needs an access token: Authorization: Bearer ...")
    tokens: AccessTokens = request.app.state.tokens
    user_id = tokens.user_id(token)
    async with database_of(request).read() as reader:
        row = await UserRepository(reader).active_by_id(user_id)
    if row is None:
        raise UnauthenticatedError("The user of this access token no longer exists or is disabled")
    return Principal(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        organization_id=row["organization_id"],
        organization=row["organization"],
    )


def _at_least(needed: Role) -> Callable[[Principal], Coroutine[Any, Any, Principal]]:
    async def check(user: Annotated[Principal, Depends(principal)]) -> Principal:
        if not user.role.reaches(needed):
            raise ForbiddenError(f"This needs the role {needed.value}; yours is {user.role.value}")
        return user

    return check


Viewer = Annotated[Principal, Depends(_at_least(Role.VIEWER))]
Operator = Annotated[Principal, Depends(_at_least(Role.OPERATOR))]
FarmManager = Annotated[Principal, Depends(_at_least(Role.FARM_MANAGER))]
FleetAdmin = Annotated[Principal, Depends(_at_least(Role.FLEET_ADMIN))]
PlatformAdmin = Annotated[Principal, Depends(_at_least(Role.PLATFORM_ADMIN))]


async def _image_viewer(
    request: Request,
    token: Annotated[str | None, Depends(_BEARER)],
    expires: Annotated[int | None, Query(ge=0, description="From the signed address.")] = None,
    signature: Annotated[str | None, Query(max_length=64, description="From the signed address.")] = None,
) -> Scope | None:
    """Whose images may be seen, or None for the holder of a valid signed address.

    Raises:
        InvalidSignatureError: the address is signed, but not by us, not for this path, or not any more.
        UnauthenticatedError: neither a signature nor a valid token.
    """
    if signature is None or expires is None:
        return (await principal(request, token)).scope
    signer: UrlSigner = request.app.state.signer
    signer.verify(request.url.path, expires, signature, now=datetime.now(timezone.utc))
    return None


ImageViewer = Annotated[Scope | None, Depends(_image_viewer)]
