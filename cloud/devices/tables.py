"""Devices with their channels and cameras, their health and events, and the ledger of the messages they sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, BigId, IntId


class Device(Base):
    """One edge box of a site."""

    __tablename__ = "device"
    __table_args__ = (
        UniqueConstraint("site_id", "slug"),
        CheckConstraint("state in ('unknown', 'online', 'offline')", name="state"),
    )

    id: Mapped[IntId]
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    slug: Mapped[str]
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="unknown")
    state_at: Mapped[datetime | None]
    """Since when the state holds, as well as it is known: for a last will, when it was received."""
    status_sent_at: Mapped[datetime | None]
    """``sent_at`` of the status that made the state; orders births of different boots."""
    boot: Mapped[str | None]
    agent_version: Mapped[str | None]
    inventory: Mapped[dict[str, Any] | None]
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime | None]
    """When the store last received anything that the device itself sent."""


class DeviceGroup(Base):
    """Devices that people name together, to roll something out to them."""

    __tablename__ = "device_group"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IntId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class DeviceGroupMember(Base):
    """A device in a group."""

    __tablename__ = "device_group_member"
    __table_args__ = (Index("ix_device_group_member_device", "device_id"),)

    group_id: Mapped[int] = mapped_column(ForeignKey("device_group.id", ondelete="CASCADE"), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True)


class DeviceTag(Base):
    """A word that a person put on a device."""

    __tablename__ = "device_tag"
    __table_args__ = (Index("ix_device_tag_tag", "tag"),)

    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class Channel(Base):
    """One series of readings: a quantity in one unit of measure, in one rearing unit."""

    __tablename__ = "channel"
    __table_args__ = (UniqueConstraint("device_id", "name"),)

    id: Mapped[IntId]
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    name: Mapped[str]
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    quantity: Mapped[str]
    ucum: Mapped[str]
    derived: Mapped[bool] = mapped_column(server_default=text("false"))


class Camera(Base):
    """One camera of a device."""

    __tablename__ = "camera"
    __table_args__ = (UniqueConstraint("device_id", "name"),)

    id: Mapped[IntId]
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    name: Mapped[str]
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)


class DeviceEventRow(Base):
    """Something that happened on a device. The key is a second guard behind the ledger."""

    __tablename__ = "device_event"
    __table_args__ = (
        UniqueConstraint("device_id", "name", "occurred_at"),
        Index("ix_device_event_recent", "device_id", text("occurred_at DESC")),
        Index(  # of the conductor of trials, which asks every few seconds for the newest word of every box
            "ix_device_event_trial",
            "device_id",
            text("(detail ->> 'deployment')"),
            text("occurred_at DESC"),
            text("id DESC"),
            postgresql_where=text("name = 'trial.status'"),
        ),
    )

    id: Mapped[BigId]
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str]
    severity: Mapped[str | None]
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime]
    message: Mapped[str] = mapped_column(server_default="")
    detail: Mapped[dict[str, Any]]


class DeviceHealth(Base):
    """Heartbeats: a time series (hypertable, or partitions)."""

    __tablename__ = "device_health"

    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True)
    observed_at: Mapped[datetime] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]
    """``contracts.devices.Health`` as it came."""


class IngestStream(Base):
    """Ledger: which sequences of one outbox stream have been stored. Its row lock orders the writers of a device."""

    __tablename__ = "ingest_stream"

    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    seen: Mapped[Any] = mapped_column(INT8MULTIRANGE, server_default="{}")
    floor: Mapped[int] = mapped_column(BigInteger, server_default="1")
    """The device will never send a sequence below this one again (again: ``Health.outbox_floor``)."""
    messages: Mapped[int] = mapped_column(BigInteger, server_default="0")
    repeats: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Readings, observations, images, alarm changes, events and heartbeats that the new messages carried."""
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DeviceTimeline(Base):
    """A free-running clock of a device, and what to add to its stamps."""

    __tablename__ = "device_timeline"

    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True, autoincrement=False)
    timeline: Mapped[str] = mapped_column(primary_key=True)
    offset_us: Mapped[int | None] = mapped_column(BigInteger)
    """None while the device does not know the time itself. The first that it names holds for good."""
    learned_at: Mapped[datetime | None]


class FreeMessage(Base):
    """A message without readings whose stamps are not final."""

    __tablename__ = "message_free"
    __table_args__ = (Index("ix_message_free_timeline", "device_id", "timeline"),)

    id: Mapped[BigId]
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    timeline: Mapped[str]
    received_at: Mapped[datetime]
    shown: Mapped[bool]
    """Whether all of it stands in its table too, by its own stamps or by its receipt, until the offset is known."""
    envelope: Mapped[dict[str, Any]]
    """``contracts.envelope.Envelope`` as it came; an evidence image without its data."""
