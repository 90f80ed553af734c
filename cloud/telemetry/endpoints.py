"""Readings over time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cloud.auth.dependencies import Viewer
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from cloud.telemetry import service
from cloud.telemetry.schemas import Series
from contracts.base import UtcDatetime

router = APIRouter(tags=["telemetry"])


@router.get("/channels/{channel_id}/series", summary="A channel over time", responses=problems(400, 401, 404))
async def get_channel_series(
    channel_id: int,
    user: Viewer,
    reader: Reader,
    start: Annotated[UtcDatetime, Query(description="First moment, ISO 8601 with a time zone.")],
    end: Annotated[UtcDatetime, Query(description="Moment after the last.")],
    max_points: Annotated[int, Query(ge=2, le=2000, description="Buckets at most; the width follows from it.")] = 500,
) -> Series:
    """Count, least, most, mean and last of every bucket that has readings; buckets without readings are absent."""
    return await service.get_series(reader, user, channel_id, start=start, end=end, max_points=max_points)
