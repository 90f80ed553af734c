"""Certificates for devices."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from cloud.auth.dependencies import FleetAdmin
from cloud.enrolment import service
from cloud.enrolment.authority import Authority
from cloud.enrolment.schemas import (
    CertificatePage,
    Enrolment,
    EnrolmentToken,
    IssuedCertificate,
    NewEnrolment,
    Renewal,
    Revocation,
)
from cloud.errors import NotInstalledError
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from contracts.base import Slug

router = APIRouter(prefix="/enrolment", tags=["enrolment"])


async def _authority(request: Request) -> Authority:
    authority: Authority | None = request.app.state.authority
    if authority is None:
        raise NotInstalledError("This server has no authority: shoal cloud ca init, then set SHOAL_CA_DIR")
    return authority


TheAuthority = Annotated[Authority, Depends(_authority)]
Serial = Annotated[str, Path(pattern=r"^[0-9a-f]{1,40}$")]


@router.post("/tokens", status_code=201, summary="Let a device enrol", responses=problems(400, 401, 403, 404))
async def make_enrolment_token(new: NewEnrolment, user: FleetAdmin, writer: Writer) -> EnrolmentToken:
    """A one-time token, shown here alone: `shoal edge enroll` on the device exchanges it for a certificate."""
    return await service.make_token(writer, user, new, _now())


@router.post("/certificate", status_code=201, summary="Enrol", responses=problems(400, 403, 501))
async def enrol_device(
    request: Request, asked: Enrolment, authority: TheAuthority, writer: Writer
) -> IssuedCertificate:
    """A device's first certificate, for its one-time token. The device's key never leaves it."""
    issued, organization_id = await service.enrol(writer, authority, asked, now=_now(), lasts=_lasts(request))
    request.state.actor = _device(issued, organization_id)
    return issued


@router.post("/renewal", status_code=201, summary="Renew a certificate", responses=problems(400, 403, 501))
async def renew_certificate(
    request: Request, asked: Renewal, authority: TheAuthority, writer: Writer
) -> IssuedCertificate:
    """A device's next certificate: the present key signs the request for the next. A revoked one gets nothing."""
    issued, organization_id = await service.renew(writer, authority, asked, now=_now(), lasts=_lasts(request))
    request.state.actor = _device(issued, organization_id)
    return issued


@router.get("/certificates", summary="Certificates of devices", responses=problems(400, 401, 403, 404))
async def list_certificates(
    user: FleetAdmin,
    reader: Reader,
    page: Paging,
    site: Annotated[Slug | None, Query(description="Of one site; without it, all.")] = None,
) -> CertificatePage:
    """Every certificate that was issued, newest first."""
    return await service.list_certificates(reader, user, page, site=site)


@router.post(
    "/certificates/{serial}/revoke", status_code=204, summary="Revoke a certificate", responses=problems(401, 403, 404)
)
async def revoke_certificate(serial: Serial, why: Revocation, user: FleetAdmin, writer: Writer) -> None:
    """Refuse a certificate: it gets no other from now on, and brokers refuse it once they have the new list."""
    await service.revoke(writer, user, serial, why.reason, _now())


@router.get(
    "/revoked.pem",
    summary="Revoked certificates",
    response_class=Response,
    responses={200: {"description": "The list", "content": {"application/x-pem-file": {}}}, **problems(501)},
)
async def get_revocation_list(authority: TheAuthority, reader: Reader) -> Response:
    """The list in PEM that a broker refuses by (Mosquitto: `crlfile`), made now; good for 30 days. It is no secret."""
    return Response(await service.revocation_list(reader, authority, _now()), media_type="application/x-pem-file")


def _device(issued: IssuedCertificate, organization_id: int) -> dict[str, Any]:
    return {
        "actor": f"device:{issued.site}/{issued.device}",
        "actor_kind": "device",
        "organization_id": organization_id,
    }


def _lasts(request: Request) -> timedelta:
    return timedelta(days=request.app.state.settings.device_certificate_days)


def _now() -> datetime:
    return datetime.now(timezone.utc)
