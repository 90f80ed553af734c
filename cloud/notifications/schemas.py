"""Contacts, shifts, ladders and messages on the HTTP API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from cloud.notifications.rules import Channel, Duty, Ladder
from contracts.alarms import Severity
from contracts.base import UtcDatetime

_PLAIN = r"^[^\x00-\x1f]+$"


class NewContact(ApiModel):
    """A person, or a program that listens."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=_PLAIN)]
    email: Annotated[str, Field(max_length=320, pattern=r"^[^@\s\x00]{1,64}@[^@\s\x00]{1,255}$")] | None = None
    phone: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    """With country code, digits only: ``+4712345678``."""
    push_topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    """Topic on the push server (ntfy) that the person's app listens to. Whoever knows it can listen too: make it long and random."""
    webhook_url: Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s\x00/@]+(/[^\s\x00]*)?$")] | None = None

    @model_validator(mode="after")
    def _can_be_reached(self) -> NewContact:
        if not (self.email or self.phone or self.push_topic or self.webhook_url):
            raise ValueError(
                "email, phone, push_topic and webhook_url are all empty; give at least one way to reach the contact"
            )
        return self


class Contact(ApiModel):
    """A contact as it is stored."""

    id: int
    name: str
    email: str | None
    phone: str | None
    push_topic: str | None
    webhook_url: str | None


class AddedContact(Contact):
    """A new contact, with what is shown only once."""

    webhook_key: str | None
    """Signs what is posted to ``webhook_url``; give it to the receiver."""


class Shift(ApiModel):
    """A duty that comes every week, in farm time."""

    model_config = ConfigDict(extra="forbid")

    contact_id: Annotated[int, Field(ge=1, lt=2**31)]
    duty: Duty
    weekdays: Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1, max_length=7)]
    """Days on which it starts; 0 is Monday."""
    start: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    """``HH:MM``."""
    end: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    """``HH:MM``; not after ``start``: on the next day. The same: a whole day."""


class Roster(ApiModel):
    """Who is on call at a site. Empty: everyone of the organization is told of everything."""

    model_config = ConfigDict(extra="forbid")

    shifts: Annotated[list[Shift], Field(max_length=200)]


class SiteLadders(ApiModel):
    """What happens when nobody takes an alarm on, by severity."""

    model_config = ConfigDict(extra="forbid")

    critical: Ladder | None = None
    """Null: the shipped one."""
    major: Ladder | None = None
    minor: Ladder | None = None
    warning: Ladder | None = None


class ShownLadders(ApiModel):
    """The ladders that hold at a site."""

    ladders: dict[Severity, Ladder]
    own: list[Severity]
    """Those that the site has set itself; the others are shipped."""


class Notification(ApiModel):
    """One message to one contact."""

    id: UUID
    kind: str
    """``alarm``, ``cleared``, ``self_test`` or ``rollout``."""
    alarm_id: UUID | None
    contact: str
    channel: Channel
    due_at: UtcDatetime
    attempts: int
    sent_at: UtcDatetime | None
    confirmed_at: UtcDatetime | None
    """When the person opened the link of a test and said that it had come."""
    cancelled_at: UtcDatetime | None
    failed_at: UtcDatetime | None
    error: str | None
    reference: str | None


class NotificationPage(Page[Notification]):
    """Some messages, newest first."""


class PathProof(ApiModel):
    """Whether the way to one contact by one channel was proven to work."""

    contact: str
    channel: Channel
    tested_at: UtcDatetime
    sent_at: UtcDatetime | None
    confirmed_at: UtcDatetime | None
    proven: bool
    """Sent and confirmed within a day."""


class Proofs(ApiModel):
    """The newest test of the alarm path of a site."""

    proofs: list[PathProof]
    planned: int = 0
    """Messages that this request has planned."""
