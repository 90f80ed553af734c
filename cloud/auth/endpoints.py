"""Signing in and out, and who am I."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import OAuth2PasswordRequestForm

from cloud.auth.dependencies import Viewer
from cloud.auth.repository import SessionRepository, UserRepository
from cloud.auth.schemas import LoginAnswer, NewPassword, RefreshToken, SignInWays, User
from cloud.auth.service import LoginService
from cloud.auth.sessions import Caller, Sessions
from cloud.errors import ForbiddenError
from cloud.kit.origin import origin_of
from cloud.kit.problems import problems
from cloud.kit.repository import Writer, database_of

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", summary="Sign in", responses=problems(401, 429))
async def login(
    request: Request, response: Response, form: Annotated[OAuth2PasswordRequestForm, Depends()]
) -> LoginAnswer:
    """Exchange an e-mail (as `username`) and a password for an access token and a refresh token.

    After repeated failures the account is locked for this address for some minutes (429 with `Retry-After`).
    """
    service: LoginService = request.app.state.login
    response.headers["Cache-Control"] = "no-store"
    return await service.login(form.username, form.password, caller_of(request))


@router.get("/ways", summary="Ways to sign in")
async def list_sign_in_ways(request: Request) -> SignInWays:
    """What a login page may offer beside e-mail and password."""
    return SignInWays(identity_provider=request.app.state.oidc is not None)


@router.post("/refresh", summary="Stay signed in", responses=problems(401))
async def refresh(request: Request, response: Response, given: RefreshToken) -> LoginAnswer:
    """Exchange a refresh token for the next pair. It works once: when it comes again, the session ends (`token_reused`)."""
    sessions: Sessions = request.app.state.sessions
    response.headers["Cache-Control"] = "no-store"
    return await sessions.refresh(given.refresh_token, caller_of(request))


@router.post("/logout", status_code=204, summary="Sign out", responses=problems(401, 403))
async def logout(user: Viewer, writer: Writer) -> None:
    """End the session of the access token: it and the refresh token stop working at once."""
    if user.session_id is not None:
        await SessionRepository(writer).end(user.session_id, because="logout", now=datetime.now(timezone.utc))


@router.get("/me", summary="The signed-in user", responses=problems(401))
async def get_me(request: Request, user: Viewer) -> User:
    """The user behind the access token (or the machine behind a key), with role, organization and sites."""
    sites = None
    if user.site_ids is not None:
        async with database_of(request).read() as reader:
            sites = sorted((await UserRepository(reader).site_slugs(user.site_ids)).values())
    return User(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        organization=user.organization,
        sites=sites,
    )


@router.post("/password", status_code=204, summary="Change my password", responses=problems(400, 401, 403))
async def change_password(request: Request, user: Viewer, writer: Writer, new: NewPassword) -> None:
    """Set a new password; every other session of the user ends, and so do access tokens that were issued before."""
    service: LoginService = request.app.state.login
    if user.kind != "user":
        raise ForbiddenError("A key has no password")
    await service.change_password(writer, user, new)


def caller_of(request: Request) -> Caller:
    """Where a request comes from."""
    address = request.client.host if request.client else "unknown"
    return Caller(address, request.headers.get("user-agent"), origin_of(request))
