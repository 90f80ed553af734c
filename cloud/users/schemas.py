"""People and organizations on the HTTP API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from cloud.auth.rules import Role
from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import Slug, UtcDatetime

Email = Annotated[str, StringConstraints(pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,255}$")]
PersonName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")]
Sites = Annotated[list[Slug] | None, Field(max_length=500)]


class Organization(ApiModel):
    """A company or institute that runs sites."""

    id: int
    slug: str
    name: str


class OrganizationPage(Page[Organization]):
    """Some organizations."""


class NewOrganization(ApiModel):
    """An organization to be made."""

    slug: Slug
    name: PersonName


class Person(ApiModel):
    """A user, as those see them who administer the organization."""

    id: int
    email: str
    name: str
    role: Role
    sites: list[str] | None
    """Slugs of the sites that they are limited to; null for all."""
    created_at: UtcDatetime
    disabled_at: UtcDatetime | None
    has_password: bool
    """False: signs in through the identity provider alone."""
    last_seen_at: UtcDatetime | None
    """When a login of theirs was last begun or carried on."""


class PersonPage(Page[Person]):
    """Some users."""


class PersonChange(ApiModel):
    """What is to change; what is left out stays."""

    name: PersonName | None = None
    role: Role | None = None
    sites: Sites = None
    """Slugs of sites; null for all of the organization."""
    disabled: bool | None = None


class NewInvitation(ApiModel):
    """Somebody who is to be let in."""

    email: Email
    role: Role
    sites: Sites = None
    """Slugs of the sites that they will be limited to; null for all."""
    organization: Slug | None = None
    """Another organization than one's own; for platform admins."""
    days: Annotated[int, Field(ge=1, le=30)] = 7
    """How long it can be used."""


class Invitation(ApiModel):
    """An invitation, or a reset of a password."""

    id: int
    email: str
    role: Role
    sites: list[str] | None
    is_reset: bool
    """True: it sets a new password for a user who exists."""
    created_at: UtcDatetime
    created_by: str
    expires_at: UtcDatetime
    used_at: UtcDatetime | None


class InvitationPage(Page[Invitation]):
    """Some invitations."""


class OneTimeToken(ApiModel):
    """What to hand to the person; it is shown here and never again."""

    id: int
    email: str
    token: str
    expires_at: UtcDatetime


class Registration(ApiModel):
    """Somebody who comes in for the first time."""

    token: Annotated[str, Field(max_length=200)]
    """Of the invitation; or the server's setup token, while there is no user at all."""
    name: PersonName
    password: Annotated[str, Field(max_length=1000)]
    """At least 12 characters, at most 128, and none that is tried first."""
    email: Email | None = None
    """For the first user alone; an invitation knows it."""
    organization: Slug | None = None
    """For the first user alone: slug of the organization that is made."""


class PasswordReset(ApiModel):
    """A new password by a one-time token."""

    token: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=1000)]
