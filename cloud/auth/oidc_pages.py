"""The two addresses that a browser visits on its way through the identity provider."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from cloud.auth.endpoints import caller_of
from cloud.auth.oidc import COOKIE, COOKIE_SECONDS, Identity, Oidc
from cloud.auth.repository import AccountRows, UserRepository
from cloud.auth.rules import Role, normal_email
from cloud.auth.sessions import Sessions
from cloud.errors import ForbiddenError, NotInstalledError
from cloud.kit.origin import origin_of
from cloud.kit.repository import Row, database_of
from cloud.metrics import LOGINS
from cloud.settings import CloudSettings

router = APIRouter(prefix="/auth/oidc", include_in_schema=False)

_PATH = "/api/v1/auth/oidc"


@router.get("/start")
async def start(request: Request) -> RedirectResponse:
    """Off to the identity provider."""
    address, cookie = await _oidc(request).start()
    response = RedirectResponse(address, 302, {"Cache-Control": "no-store"})
    secure = str(request.app.state.settings.public_url).startswith("https")
    response.set_cookie(
        COOKIE, cookie, max_age=COOKIE_SECONDS, path=_PATH, httponly=True, samesite="lax", secure=secure
    )
    return response


@router.get("/callback")
async def callback(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4096)] = "",
) -> RedirectResponse:
    """Back from the identity provider: on to the page, with a refresh token in the fragment that works once."""
    oidc = _oidc(request)
    cookie = request.cookies.get(COOKIE, "")
    if not code:
        raise ForbiddenError("The identity provider did not let you in")
    try:
        identity = await oidc.finish(code=code, state=state, cookie=cookie)
        row = await _user(request, identity)
    except ForbiddenError:
        LOGINS.labels("refused").inc()
        raise
    sessions: Sessions = request.app.state.sessions
    answer = await sessions.begin(row, caller_of(request))
    LOGINS.labels("succeeded").inc()
    settings: CloudSettings = request.app.state.settings
    page = f"{str(settings.public_url).rstrip('/')}/#refresh_token={quote(answer.refresh_token)}"
    response = RedirectResponse(page, 303, {"Cache-Control": "no-store"})
    response.delete_cookie(COOKIE, path=_PATH)
    return response


async def _user(request: Request, identity: Identity) -> Row:
    """The user of an identity: known by subject, or by verified e-mail the first time, or made when that is allowed.

    Raises:
        ForbiddenError: there is no such user, and none is made.
    """
    settings: CloudSettings = request.app.state.settings
    database = database_of(request)
    async with database.read() as reader:
        row = await UserRepository(reader).active_by_subject(identity.subject)
    if row is not None:
        return row
    refused = ForbiddenError("You are known to the identity provider, but not here; ask for an invitation")
    if identity.email is None:
        raise refused
    email = normal_email(identity.email)
    if not email.isprintable():
        raise refused
    async with database.write(origin_of(request)) as writer:
        users = UserRepository(writer)
        row = await users.active_by_email(email)
        if row is None and settings.oidc_role is not None:
            await AccountRows(writer).add(
                email=email, name=identity.name, role=Role(settings.oidc_role), organization=settings.oidc_organization,
                now=datetime.now(timezone.utc),
            )  # fmt: skip
            row = await users.active_by_email(email)
        if row is None:
            raise refused
        await users.link_subject(row["id"], identity.subject)
    return row


def _oidc(request: Request) -> Oidc:
    oidc: Oidc | None = request.app.state.oidc
    if oidc is None:
        raise NotInstalledError("No identity provider is set: SHOAL_OIDC_ISSUER")
    return oidc
