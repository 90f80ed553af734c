"""Enrolment on the HTTP API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import Slug, UtcDatetime

Pem = Annotated[str, Field(max_length=16_384)]


class NewEnrolment(ApiModel):
    """A device that is to get its first certificate."""

    site: Slug
    device: Slug
    hours: Annotated[int, Field(ge=1, le=24 * 14)] = 24
    """How long the token can be used."""


class EnrolmentToken(ApiModel):
    """What to hand to the device; it is shown here and never again."""

    token: str
    site: str
    device: str
    expires_at: UtcDatetime


class Enrolment(ApiModel):
    """A device that asks for its first certificate."""

    token: Annotated[str, Field(max_length=200)]
    request: Pem
    """Certificate request in PEM, made with a key that stays on the device. Its subject is ignored."""


class Renewal(ApiModel):
    """A device that asks for its next certificate."""

    certificate: Pem
    """The present one, in PEM."""
    request: Pem
    """Certificate request in PEM, made with a new key."""
    signature: Annotated[str, Field(max_length=2048)]
    """Base64 of the present key's signature (ECDSA or RSA with SHA-256, or Ed25519) over the bytes of ``request``."""


class IssuedCertificate(ApiModel):
    """A certificate, and whom to trust."""

    site: str
    device: str
    certificate: str
    """PEM."""
    authority: str
    """Certificate of the authority in PEM."""
    serial: str
    expires_at: UtcDatetime


class DeviceCertificate(ApiModel):
    """A certificate that was issued."""

    serial: str
    site: str
    device: str
    issued_at: UtcDatetime
    expires_at: UtcDatetime
    renews: str | None
    """Serial of the one before; null for the first."""
    revoked_at: UtcDatetime | None
    revoked_because: str | None


class CertificatePage(Page[DeviceCertificate]):
    """Some certificates."""


class Revocation(ApiModel):
    """Why a certificate is to be refused."""

    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
