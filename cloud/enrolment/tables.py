"""One-time tokens for devices, and every certificate that was issued."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, IntId


class EnrolmentToken(Base):
    """Lets one device ask for its first certificate, once."""

    __tablename__ = "enrolment_token"

    id: Mapped[IntId]
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    device: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class DeviceCertificate(Base):
    """A certificate of a device. The private key has never left the device."""

    __tablename__ = "device_certificate"
    __table_args__ = (Index("ix_device_certificate_site_id", "site_id", "device"),)

    serial: Mapped[str] = mapped_column(primary_key=True)
    """Hexadecimal, as openssl shows it in lower case."""
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    device: Mapped[str]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    renews: Mapped[str | None]
    """Serial of the certificate that asked for it; None for the first."""
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None]
