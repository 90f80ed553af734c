"""Tokens for devices, certificates for tokens, new certificates for old ones, and revocation."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime, timedelta

import structlog

from cloud.auth.principal import Principal
from cloud.auth.tokens import hash_of
from cloud.enrolment.authority import MAX_NAME, Authority
from cloud.enrolment.repository import CertificateRepository, EnrolmentRepository
from cloud.enrolment.schemas import (
    CertificatePage,
    DeviceCertificate,
    Enrolment,
    EnrolmentToken,
    IssuedCertificate,
    NewEnrolment,
    Renewal,
)
from cloud.errors import BadRequestError, InvalidTokenError, NotFoundError
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection

log = structlog.get_logger()


async def make_token(writer: WriteConnection, user: Principal, new: NewEnrolment, now: datetime) -> EnrolmentToken:
    """A one-time token for a device of a site.

    Raises:
        NotFoundError: the organization has no such site.
        BadRequestError: the names are too long for a certificate.
    """
    if len(f"{new.site}/{new.device}") > MAX_NAME:
        raise BadRequestError(f"device: {new.site}/{new.device} has more than {MAX_NAME} characters; shorten it")
    site_id = await find_site_id(ReadConnection(writer), user, new.site)
    token = secrets.token_urlsafe(32)
    expires_at = now + timedelta(hours=new.hours)
    await EnrolmentRepository(writer).add_token(
        {
            "site_id": site_id,
            "device": new.device,
            "token_hash": hash_of(token),
            "created_at": now,
            "created_by": user.email,
            "expires_at": expires_at,
        }
    )
    return EnrolmentToken(token=token, site=new.site, device=new.device, expires_at=expires_at)


async def enrol(
    writer: WriteConnection, authority: Authority, asked: Enrolment, *, now: datetime, lasts: timedelta
) -> tuple[IssuedCertificate, int]:
    """The first certificate of a device, and its organization.

    Raises:
        InvalidTokenError: the token is unknown, used or too old.
        BadRequestError: the request cannot be signed; the token stays good.
    """
    row = await EnrolmentRepository(writer).take_token(hash_of(asked.token), now)
    if row is None:
        raise InvalidTokenError("The token is not valid, has been used or is too old; ask for another")
    return await _issue(writer, authority, row, asked.request, now=now, lasts=lasts, renews=None)


async def renew(
    writer: WriteConnection, authority: Authority, asked: Renewal, *, now: datetime, lasts: timedelta
) -> tuple[IssuedCertificate, int]:
    """The next certificate of a device that proves to hold the present one's key, and its organization.

    Raises:
        BadRequestError: the proof fails, or the request cannot be signed.
        InvalidTokenError: the certificate was revoked.
    """
    try:
        signature = base64.b64decode(asked.signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequestError("signature: it is not base64") from error
    serial = authority.prove(asked.certificate, asked.request.encode(), signature, now=now)
    row = await EnrolmentRepository(writer).good(serial)
    if row is None:
        raise InvalidTokenError("The certificate was revoked; ask for a token and enrol again")
    return await _issue(writer, authority, row, asked.request, now=now, lasts=lasts, renews=serial)


async def list_certificates(
    reader: ReadConnection, user: Principal, page: PageQuery, *, site: str | None
) -> CertificatePage:
    """Certificates that were issued, newest first.

    Raises:
        NotFoundError: the organization has no such site.
    """
    if site is not None:
        await find_site_id(reader, user, site)
    before = None if page.cursor is None else decode_moment_cursor(page.cursor)
    rows = await CertificateRepository(reader, user.scope).certificates(site=site, before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["issued_at"].isoformat(), row["serial"]))
    return CertificatePage(items=[DeviceCertificate(**row) for row in shown], next_cursor=cursor)


async def revoke(writer: WriteConnection, user: Principal, serial: str, reason: str, now: datetime) -> None:
    """Refuse a certificate from the next list on.

    Raises:
        NotFoundError: the organization has no such certificate that is good.
    """
    if not await CertificateRepository(writer, user.scope).revoke(serial, reason=reason, now=now):
        raise NotFoundError(f"There is no good certificate {serial}")
    log.info("certificate_revoked", serial=serial, user=user.id)


async def revocation_list(reader: ReadConnection, authority: Authority, now: datetime) -> str:
    """The list that brokers refuse by, in PEM."""
    return authority.revocation_list(await EnrolmentRepository(reader).revoked(now), now=now)


async def _issue(
    writer: WriteConnection,
    authority: Authority,
    row: Row,
    request: str,
    *,
    now: datetime,
    lasts: timedelta,
    renews: str | None,
) -> tuple[IssuedCertificate, int]:
    site, device = row["slug"], row["device"]
    issued = authority.sign(request, f"{site}/{device}", now=now, lasts=lasts)
    await EnrolmentRepository(writer).add_certificate(
        {
            "serial": issued.serial,
            "site_id": row["site_id"],
            "device": device,
            "issued_at": now,
            "expires_at": issued.expires_at,
            "renews": renews,
        }
    )
    log.info("certificate_issued", site=site, device=device, serial=issued.serial)
    answer = IssuedCertificate(
        site=site,
        device=device,
        certificate=issued.pem,
        authority=authority.pem,
        serial=issued.serial,
        expires_at=issued.expires_at,
    )
    return answer, row["organization_id"]
