"""Keys of machines on the HTTP API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from cloud.auth.rules import Role
from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import Slug, UtcDatetime

KeyScope = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z-]{0,31}):(read|write)$")]


class NewApiKey(ApiModel):
    """A key to be made."""

    name: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
    """What it is for; histories name the machine by it."""
    role: Role
    """What it may do at most: not above one's own role, and never the platform's administration."""
    scopes: Annotated[list[KeyScope], Field(min_length=1, max_length=50)]
    """What it opens: `{tag}:read` or `{tag}:write` with a tag of this document, such as `telemetry:read`; `*` for every
    tag. Writing includes no reading. Users, keys and the audit log open to no key."""
    sites: Annotated[list[Slug] | None, Field(max_length=500)] = None
    """Slugs of the sites that it is limited to; null for all."""
    days: Annotated[int, Field(ge=1, le=730)] = 365
    """After as many days it stops working; two years at most."""


class ApiKey(ApiModel):
    """A key, without its secret."""

    id: int
    name: str
    role: Role
    scopes: list[str]
    sites: list[str] | None
    created_at: UtcDatetime
    created_by: str
    expires_at: UtcDatetime
    revoked_at: UtcDatetime | None


class ApiKeyPage(Page[ApiKey]):
    """Some keys."""


class MadeApiKey(ApiModel):
    """A new key with its secret, which is shown here and never again."""

    api_key: ApiKey
    key: str
    """Send it as ``Authorization: Bearer <key>``."""
