"""Whether models still see what they were made for."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from cloud.auth.dependencies import FarmManager, Viewer
from cloud.auth.tokens import UrlSigner
from cloud.drift import service
from cloud.drift.schemas import DriftAlertOut, DriftAlertPage, DriftHours, DriftSeriesPage
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from contracts.base import Sha256Hex, Slug, UtcDatetime

router = APIRouter(prefix="/drift", tags=["drift"])


def signer_of(request: Request) -> UrlSigner:
    """Signs addresses of images."""
    signer: UrlSigner = request.app.state.signer
    return signer


Signer = Annotated[UrlSigner, Depends(signer_of)]
OfSite = Annotated[Slug | None, Query(description="Only of this site.")]


@router.get("/series", summary="Versions at units, with their signals", responses=problems(400, 401, 404))
async def list_drift_series(
    user: Viewer,
    reader: Reader,
    page: Paging,
    site: OfSite = None,
    model: Annotated[Slug | None, Query(description="Only of this model.")] = None,
) -> DriftSeriesPage:
    """Each version that has worked at a unit, with what the newest judged day says of every signal."""
    return await service.list_series(reader, user, page, site=site, model=model)


@router.get("/series/{unit_id}/{model_sha256}", summary="Signals over time", responses=problems(400, 401, 404))
async def get_drift_hours(
    unit_id: int,
    model_sha256: Sha256Hex,
    user: Viewer,
    reader: Reader,
    start: Annotated[UtcDatetime | None, Query(description="First hour; 35 days before the end without it.")] = None,
    end: Annotated[UtcDatetime | None, Query(description="Hour after the last; now without it.")] = None,
) -> DriftHours:
    """Hourly means of what a version saw and said at a unit."""
    until = end or datetime.now(timezone.utc)
    return await service.get_hours(reader, user, unit_id, model_sha256, start=start, end=until)


@router.get("/alerts", summary="Advice on drift", responses=problems(400, 401, 404))
async def list_drift_alerts(
    user: Viewer,
    reader: Reader,
    page: Paging,
    signer: Signer,
    site: OfSite = None,
    unit_id: Annotated[int | None, Query(description="Only of this unit.")] = None,
    is_open: Annotated[
        bool | None, Query(alias="open", description="true: what goes on; false: what is over; without it, all.")
    ] = None,
) -> DriftAlertPage:
    """Newest first, with images of before and after. Advice calls nobody; a retraining rule may follow it."""
    now = datetime.now(timezone.utc)
    return await service.list_alerts(reader, user, page, signer, now, site=site, unit_id=unit_id, is_open=is_open)


@router.get("/alerts/{alert_id}", summary="One piece of advice", responses=problems(401, 404))
async def get_drift_alert(alert_id: UUID, user: Viewer, reader: Reader, signer: Signer) -> DriftAlertOut:
    """With images of before and after."""
    return await service.get_alert(reader, user, alert_id, signer, datetime.now(timezone.utc))


@router.post(
    "/alerts/{alert_id}/accept", summary="Take a change for the new normal", responses=problems(401, 403, 404, 409)
)
async def accept_drift(alert_id: UUID, user: FarmManager, writer: Writer, signer: Signer) -> DriftAlertOut:
    """The fish were moved, the camera was: what the unit is since the change becomes its reference, after two weeks of learning."""
    return await service.accept(writer, user, alert_id, signer, datetime.now(timezone.utc))
