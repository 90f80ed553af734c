"""Readings over time: as buckets for a chart, and as files."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from cloud.auth.dependencies import Viewer
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, database_of
from cloud.settings import CloudSettings
from cloud.telemetry import exports, service
from cloud.telemetry.exports import Format
from cloud.telemetry.rules import Kept, Resolution
from cloud.telemetry.schemas import CalibrationChange, Series
from cloud.telemetry.service import Selection
from contracts.base import Slug, UtcDatetime

router = APIRouter(tags=["telemetry"])

Start = Annotated[UtcDatetime, Query(description="First moment, ISO 8601 with a time zone.")]
End = Annotated[UtcDatetime, Query(description="Moment after the last.")]
Rows = Annotated[
    Resolution, Query(description="`raw`: every reading. `1m`, `1h`, `1d`: its rollup, which is kept for longer.")
]
Quantities = Annotated[
    list[str] | None,
    Query(max_length=100, description="Codes such as `do`; repeat it for several. Without it, all."),
]


def _file(kind: Format) -> dict[str, Any]:
    """OpenAPI of an endpoint that answers with a file."""
    content = {kind.media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}}
    return {
        "response_class": StreamingResponse,
        "responses": {200: {"description": "The file", "content": content}, **problems(400, 401, 404, 501)},
    }


@router.get("/channels/{channel_id}/series", summary="A channel over time", responses=problems(400, 401, 404))
async def get_channel_series(
    request: Request,
    channel_id: int,
    user: Viewer,
    reader: Reader,
    start: Start,
    end: End,
    max_points: Annotated[int, Query(ge=2, le=2000, description="Buckets at most; the width follows from it.")] = 500,
) -> Series:
    """Count, least, most, mean and last of every bucket that has readings; buckets without readings are absent."""
    settings: CloudSettings = request.app.state.settings
    return await service.get_series(
        reader,
        user,
        channel_id,
        start=start,
        end=end,
        max_points=max_points,
        kept=_kept(settings),
        now=datetime.now(timezone.utc),
    )


@router.get(
    "/channels/{channel_id}/calibrations", summary="What a channel's values rest on", responses=problems(400, 401, 404)
)
async def list_channel_calibrations(channel_id: int, user: Viewer, reader: Reader) -> list[CalibrationChange]:
    """Changes of the calibration behind a channel, newest first: each holds until the one before it in the list."""
    return await service.list_calibrations(reader, user, channel_id)


@router.get("/channels/{channel_id}/series.csv", summary="A channel as a CSV file", **_file(Format.CSV))
async def get_channel_csv(
    request: Request,
    channel_id: int,
    user: Viewer,
    reader: Reader,
    start: Start,
    end: End,
    resolution: Rows = Resolution.RAW,
) -> StreamingResponse:
    """Every reading with its time and quality flag (QARTOD), or the rows of a rollup; sent while it is read."""
    selection = await service.select_channel(reader, user, channel_id, start=start, end=end)
    return _download(request, selection, resolution, Format.CSV)


@router.get("/channels/{channel_id}/series.parquet", summary="A channel as a Parquet file", **_file(Format.PARQUET))
async def get_channel_parquet(
    request: Request,
    channel_id: int,
    user: Viewer,
    reader: Reader,
    start: Start,
    end: End,
    resolution: Rows = Resolution.RAW,
) -> StreamingResponse:
    """The same as CSV, smaller and with types."""
    selection = await service.select_channel(reader, user, channel_id, start=start, end=end)
    return _download(request, selection, resolution, Format.PARQUET)


@router.get("/sites/{site}/export.csv", summary="All channels of a site as a CSV file", **_file(Format.CSV))
async def export_site_csv(
    request: Request,
    site: Slug,
    user: Viewer,
    reader: Reader,
    start: Start,
    end: End,
    quantities: Quantities = None,
    resolution: Rows = Resolution.RAW,
) -> StreamingResponse:
    """One channel after the other, each by time; sent while it is read, so a year of a farm is no load."""
    selection = await service.select_site(reader, user, site, quantities=quantities or (), start=start, end=end)
    return _download(request, selection, resolution, Format.CSV)


@router.get("/sites/{site}/export.parquet", summary="All channels of a site as a Parquet file", **_file(Format.PARQUET))
async def export_site_parquet(
    request: Request,
    site: Slug,
    user: Viewer,
    reader: Reader,
    start: Start,
    end: End,
    quantities: Quantities = None,
    resolution: Rows = Resolution.RAW,
) -> StreamingResponse:
    """The same as CSV, smaller and with types."""
    selection = await service.select_site(reader, user, site, quantities=quantities or (), start=start, end=end)
    return _download(request, selection, resolution, Format.PARQUET)


def _download(request: Request, selection: Selection, resolution: Resolution, kind: Format) -> StreamingResponse:
    pieces = exports.stream(
        database_of(request),
        selection.channels,
        resolution,
        exports.encoder(kind, resolution),
        start=selection.start,
        end=selection.end,
        limiter=request.app.state.export_limiter,
    )
    days = f"{selection.start:%Y%m%d}-{selection.end:%Y%m%d}"
    name = f"{selection.name}-{days}-{resolution.value}.{kind.value}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=kind.media_type, headers=headers)


def _kept(settings: CloudSettings) -> Kept:
    return Kept(
        raw=settings.retention_raw_days,
        minute=settings.retention_1m_days,
        hour=settings.retention_1h_days,
        day=settings.retention_1d_days,
    )
