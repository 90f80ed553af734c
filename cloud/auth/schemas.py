"""Login and user on the HTTP API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cloud.auth.rules import Role
from cloud.kit.schemas import ApiModel


class User(ApiModel):
    """A person who may sign in."""

    id: int
    email: str
    name: str
    role: Role
    organization: str
    """Slug of the organization; everything the user sees belongs to it."""
    sites: list[str] | None = None
    """Slugs of the sites that the user is limited to; null for all of the organization."""


class LoginAnswer(ApiModel):
    """A successful login."""

    access_token: str
    """Send it as ``Authorization: Bearer <access_token>``."""
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  (the scheme's name, RFC 6750)
    expires_in: int
    """Seconds until the token stops working."""
    refresh_token: str
    """Works once, for the next pair of tokens (`POST /auth/refresh`)."""
    refresh_expires_in: int
    """Seconds until the refresh token stops working when it is not used."""
    user: User


class SignInWays(ApiModel):
    """How people come in here; nothing about who they are."""

    identity_provider: bool
    """There is one: send the browser to ``/api/v1/auth/oidc/start``."""


class RefreshToken(ApiModel):
    """A refresh token, to be used or to be given up."""

    refresh_token: str = Field(max_length=200)


class NewPassword(ApiModel):
    """A change of one's own password."""

    current: str = Field(max_length=1000)
    password: str = Field(max_length=1000)
    """At least 12 characters, at most 128, and none that is tried first."""
