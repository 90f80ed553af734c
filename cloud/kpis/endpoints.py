"""The figures of a farm over HTTP."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Query

from cloud.auth.dependencies import Viewer
from cloud.husbandry.records import Code
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from cloud.kpis import service
from cloud.kpis.schemas import SiteKpis
from cloud.kpis.service import Question
from contracts.base import Slug, UtcDatetime

router = APIRouter(tags=["husbandry"])


@router.get("/sites/{site}/kpis", summary="How the farm does", responses=problems(400, 401, 404))
async def get_kpis(
    site: Slug,
    user: Viewer,
    reader: Reader,
    start: Annotated[UtcDatetime, Query(description="First moment.")],
    end: Annotated[UtcDatetime, Query(description="Moment after the last.")],
    unit: Annotated[Slug | None, Query(description="Slug of a unit; without it, all of the site.")] = None,
    batch: Annotated[Code | None, Query(description="Code of a batch; without it, all.")] = None,
    cost: Annotated[
        float | None, Query(ge=0, le=1e12, description="All costs of the period, in your currency.")
    ] = None,
) -> SiteKpis:
    """Mortality, feed conversion, growth, water and streams: each with its target and what it was computed from.

    Water is judged by the limits in effect at the site, as its boxes tell them, and by the shipped table only where a box tells
    none; ``computed_from`` says which. A figure that cannot be told has no value and says what is missing.
    """
    now = datetime.now(timezone.utc)
    question = Question(site=site, unit=unit, batch=batch, start=start, end=min(end, now), cost=cost)
    return await service.get_kpis(reader, user, question)
