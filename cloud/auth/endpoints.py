"""Signing in, and who am I."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import OAuth2PasswordRequestForm

from cloud.auth.dependencies import Viewer
from cloud.auth.schemas import LoginAnswer, User
from cloud.auth.service import LoginService
from cloud.kit.problems import problems

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", summary="Sign in", responses=problems(401, 429))
async def login(
    request: Request, response: Response, form: Annotated[OAuth2PasswordRequestForm, Depends()]
) -> LoginAnswer:
    """Exchange an e-mail (as `username`) and a password for an access token.

    After repeated failures the account is locked for this address for some minutes (429 with `Retry-After`).
    """
    service: LoginService = request.app.state.login
    response.headers["Cache-Control"] = "no-store"
    address = request.client.host if request.client else "unknown"
    return await service.login(form.username, form.password, address=address)


@router.get("/me", summary="The signed-in user", responses=problems(401))
async def get_me(user: Viewer) -> User:
    """The user behind the access token, with role and organization."""
    return User(id=user.id, email=user.email, name=user.name, role=user.role, organization=user.organization)
