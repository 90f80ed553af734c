"""Login and user on the HTTP API."""

from __future__ import annotations

from typing import Literal

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


class LoginAnswer(ApiModel):
    """A successful login."""

    access_token: str
    """Send it as ``Authorization: Bearer <access_token>``."""
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  (the scheme's name, RFC 6750)
    expires_in: int
    """Seconds until the token stops working."""
    user: User
