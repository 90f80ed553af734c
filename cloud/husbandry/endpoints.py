"""Batches and the farm's diary."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from cloud.auth.dependencies import FarmManager, Operator, Principal, Viewer
from cloud.husbandry import service, withdrawals, writing
from cloud.husbandry.records import AnyRecord, Code, Kind
from cloud.husbandry.schemas import (
    Batch,
    BatchPage,
    Holding,
    Imported,
    LiceStatus,
    NewBatch,
    Recorded,
    RecordHistory,
    RecordPage,
    Strike,
    Withdrawal,
)
from cloud.husbandry.withdrawals import DailyTemperatures
from cloud.husbandry.writing import Writing
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from contracts.base import Slug, UtcDatetime

router = APIRouter(tags=["husbandry"])


@router.get("/batches", summary="Batches", responses=problems(400, 401))
async def list_batches(user: Viewer, reader: Reader, page: Paging) -> BatchPage:
    """Batches of the organization by code, with where their fish are."""
    return await service.list_batches(reader, user, page)


@router.post("/batches", status_code=201, summary="Begin a batch", responses=problems(401, 403, 409))
async def add_batch(new: NewBatch, user: FarmManager, writer: Writer) -> Batch:
    """Begin to follow fish of one species and origin. The same batch again changes nothing."""
    return await service.add_batch(writer, user, new, _now())


@router.get("/batches/{code}", summary="One batch", responses=problems(401, 404))
async def get_batch(code: Code, user: Viewer, reader: Reader) -> Batch:
    """A batch with its holdings; stocked + adjusted - dead - culled - escaped - harvested is what is present."""
    return await service.get_batch(reader, user, code)


@router.get("/sites/{site}/holdings", summary="What the units hold", responses=problems(401, 404))
async def list_holdings(site: Slug, user: Viewer, reader: Reader) -> list[Holding]:
    """Fish by unit and batch, with biomass and density where weight and volume are known."""
    return await service.list_holdings(reader, user, site)


@router.get("/sites/{site}/records", summary="The diary", responses=problems(400, 401, 404))
async def list_records(
    site: Slug,
    user: Viewer,
    reader: Reader,
    page: Paging,
    kind: Annotated[Kind | None, Query(description="One kind; without it, all.")] = None,
    unit: Annotated[Slug | None, Query(description="Slug of a unit; a transfer belongs to both its units.")] = None,
    batch: Annotated[Code | None, Query(description="Code of a batch.")] = None,
    start: Annotated[UtcDatetime | None, Query(description="First moment.")] = None,
    end: Annotated[UtcDatetime | None, Query(description="Moment after the last.")] = None,
) -> RecordPage:
    """Records of a site, newest first, struck-out ones included."""
    return await service.list_records(reader, user, site, page, kind=kind, unit=unit, batch=batch, start=start, end=end)


@router.post(
    "/sites/{site}/records",
    status_code=201,
    summary="Write a record down",
    responses={
        200: {"model": Recorded, "description": "It was in the diary already"},
        **problems(400, 401, 403, 404, 409),
    },
)
async def add_record(
    request: Request, response: Response, site: Slug, new: AnyRecord, user: Operator, writer: Writer
) -> Recorded:
    """Write down what happened. Send the same record again as often as you like: its id makes it one record.

    Refused with 409 when the batch would have fewer than no fish at any time, and for a harvest while a treatment's
    withdrawal runs.
    """
    recorded, is_new = await writing.record(writer, _writing(request, user), site, new, _temperatures(request))
    if not is_new:
        response.status_code = 200
    return recorded


@router.post("/sites/{site}/records/import", summary="Import a CSV file", responses=problems(400, 401, 403, 404))
async def import_records(
    request: Request,
    site: Slug,
    kind: Annotated[Kind, Query(description="Kind of every row.")],
    user: Operator,
    writer: Writer,
    text: Annotated[str, Body(media_type="text/csv", description="First line: names of the kind's fields.")],
    dry_run: Annotated[bool, Query(description="Check alone; answers the faults.")] = False,  # noqa: FBT002
) -> Imported:
    """Every row of a file, or none: faults are answered by row, field and value with 422 and nothing is recorded."""
    return await writing.import_rows(
        writer, _writing(request, user), site, text, _temperatures(request), kind=kind, dry_run=dry_run
    )


@router.get("/records/{record_id}", summary="A record and its history", responses=problems(401, 404))
async def get_record(record_id: UUID, user: Viewer, reader: Reader) -> RecordHistory:
    """Who wrote it down or struck it out, when and from where."""
    return await service.get_record(reader, user, record_id)


@router.post("/records/{record_id}/strike", summary="Strike a record out", responses=problems(401, 403, 404, 409))
async def strike_record(request: Request, record_id: UUID, why: Strike, user: Operator, writer: Writer) -> Recorded:
    """Take a wrong record out of every count; it stays readable. Refused when later records need its fish."""
    return await writing.strike(writer, _writing(request, user), record_id, why)


@router.get("/sites/{site}/withdrawals", summary="Running withdrawals", responses=problems(401, 404))
async def list_withdrawals(request: Request, site: Slug, user: Viewer, reader: Reader) -> list[Withdrawal]:
    """Treatments that forbid a harvest now, with their clocks in degree-days of measured water."""
    return await withdrawals.list_withdrawals(reader, user, site, _temperatures(request), _now())


@router.get("/sites/{site}/lice", summary="Lice by pen", responses=problems(401, 404))
async def list_lice(
    site: Slug,
    user: Viewer,
    reader: Reader,
    region: Annotated[
        str | None, Query(max_length=64, description="Region of the limits, e.g. `norway-south`.")
    ] = None,
) -> list[LiceStatus]:
    """The newest count of every pen with its interval, against the limit of its week."""
    return await service.list_lice(reader, user, site, region=region, now=_now())


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _writing(request: Request, user: Principal) -> Writing:
    return Writing(user, request.client.host if request.client else None, _now())


def _temperatures(request: Request) -> DailyTemperatures:
    temperatures: DailyTemperatures = request.app.state.daily_temperatures
    return temperatures
