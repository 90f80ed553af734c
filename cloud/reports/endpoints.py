"""Reports over HTTP."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from cloud.auth.dependencies import Principal, Viewer
from cloud.husbandry.records import Code
from cloud.kit.problems import problems
from cloud.kit.repository import database_of
from cloud.reports import service
from cloud.reports.service import Format, Name, Order
from contracts.base import Slug, UtcDatetime

router = APIRouter(tags=["husbandry"])

Start = Annotated[UtcDatetime, Query(description="First moment, ISO 8601 with a time zone.")]
End = Annotated[UtcDatetime, Query(description="Moment after the last.")]
OfBatch = Annotated[Code | None, Query(description="Code of a batch; the traceability report needs it.")]
Region = Annotated[str | None, Query(max_length=64, description="Region of the lice limits, e.g. `norway-south`.")]


def _file(kind: Format) -> dict[str, Any]:
    content = {kind.media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}}
    return {
        "response_class": Response,
        "responses": {200: {"description": "The file", "content": content}, **problems(400, 401, 404, 501, 503)},
    }


@router.get("/sites/{site}/reports/{name}.pdf", summary="A report as PDF", **_file(Format.PDF))
async def get_report_pdf(
    request: Request,
    site: Slug,
    name: Name,
    user: Viewer,
    start: Start,
    end: End,
    batch: OfBatch = None,
    region: Region = None,
) -> Response:
    """For authorities, customers and the folder: local time of the farm and UTC side by side, with where figures come from."""
    return await _made(request, user, Order(name, site, start, end, batch, region), Format.PDF)


@router.get("/sites/{site}/reports/{name}.csv", summary="A report as CSV", **_file(Format.CSV))
async def get_report_csv(
    request: Request,
    site: Slug,
    name: Name,
    user: Viewer,
    start: Start,
    end: End,
    batch: OfBatch = None,
    region: Region = None,
) -> Response:
    """The same tables to compute with."""
    return await _made(request, user, Order(name, site, start, end, batch, region), Format.CSV)


async def _made(request: Request, user: Principal, order: Order, kind: Format) -> Response:
    made = await service.make(
        database_of(request),
        user,
        order,
        kind,
        limiter=request.app.state.report_limiter,
        now=datetime.now(timezone.utc),
    )
    name = f"{order.site}-{order.name.value}-{order.start:%Y%m%d}-{order.end:%Y%m%d}.{kind.value}"
    return Response(made, media_type=kind.media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
