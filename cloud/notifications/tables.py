"""Contacts, who is on call when, a site's own ladders, and every message that was or will be sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, IntId


class Contact(Base):
    """A person, or a program that listens."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IntId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    """E.164, for text messages and calls."""
    push_topic: Mapped[str | None]
    """Topic on the push server; whoever knows it can listen, so it is as secret as a password."""
    webhook_url: Mapped[str | None]
    webhook_nonce: Mapped[str]
    """With the server's secret key it makes the webhook's signing key, which is stored nowhere."""


class OnCall(Base):
    """One shift, repeated every week."""

    __tablename__ = "on_call"
    __table_args__ = (Index("ix_on_call_site_id", "site_id"),)

    id: Mapped[IntId]
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"))
    duty: Mapped[str]
    weekdays: Mapped[list[Any]]
    """Days on which it starts; 0 is Monday."""
    from_minute: Mapped[int]
    to_minute: Mapped[int]


class SiteLadder(Base):
    """A site's own ladder for one severity, instead of the shipped one."""

    __tablename__ = "site_ladder"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), primary_key=True)
    severity: Mapped[str] = mapped_column(primary_key=True)
    ladder: Mapped[dict[str, Any]]


class Notification(Base):
    """One message to one contact by one channel: written before it is sent, kept afterwards."""

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint(
            "alarm_id", "kind", "step", "round", "contact_id", "channel", "due_at",
            name="uq_notification_key", postgresql_nulls_not_distinct=True,
        ),
        Index("ix_notification_recent", "site_id", text("due_at DESC"), text("id DESC")),
        Index(
            "ix_notification_waiting", "next_try_at",
            postgresql_where=text("sent_at IS NULL AND cancelled_at IS NULL AND failed_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    alarm_id: Mapped[UUID | None]
    kind: Mapped[str]
    """``alarm``, ``cleared``, ``self_test`` or ``rollout``."""
    step: Mapped[int]
    round: Mapped[int]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"))
    channel: Mapped[str]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_try_at: Mapped[datetime]
    """Also until when the process that delivers it now has it for itself."""
    sent_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    """When the person opened the link and said so."""
    error: Mapped[str | None]
    reference: Mapped[str | None]
    """What the provider calls it."""
    told: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What a message of the kind ``rollout`` says; None where it follows from the alarm."""
