"""Whether another version of a model is better."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Query

from cloud.auth.dependencies import Viewer
from cloud.experiments import service
from cloud.experiments.schemas import SampleSize, TrialByPicture, TrialByUnit
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from contracts.base import Slug, UtcDatetime

router = APIRouter(prefix="/experiments", tags=["experiments"])

OfModel = Annotated[Slug, Query(description="Name of the model.")]
Version = Annotated[str, Query(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$")]
Start = Annotated[UtcDatetime | None, Query(description="First moment; 30 days before the end without it.")]
End = Annotated[UtcDatetime | None, Query(description="Moment after the last; now without it.")]
ToSee = Annotated[float, Query(ge=0.001, le=0.5, description="Difference of the accuracies that is worth seeing.")]


@router.get("/units", summary="A trial by unit", responses=problems(400, 401))
async def compare_by_unit(
    user: Viewer, reader: Reader, model: OfModel, start: Start = None, end: End = None, to_see: ToSee = 0.05
) -> TrialByUnit:
    """The active version and the candidate on different units, by pictures whose label people have accepted; bootstrap by unit."""
    span = service.period(start, end or datetime.now(timezone.utc))
    return await service.by_unit(reader, user, model, span, to_see)


@router.get("/pictures", summary="Two versions on the same pictures", responses=problems(400, 401))
async def compare_by_picture(
    user: Viewer,
    reader: Reader,
    model: OfModel,
    active: Version,
    candidate: Version,
    start: Start = None,
    end: End = None,
    to_see: ToSee = 0.05,
) -> TrialByPicture:
    """Of pictures that both have answered and whose label people have accepted; McNemar's exact test."""
    span = service.period(start, end or datetime.now(timezone.utc))
    return await service.by_picture(reader, user, model, (active, candidate), span, to_see)


@router.get("/sample-size", summary="How many pictures show a difference", responses=problems(400, 401))
async def get_sample_size(
    user: Viewer,
    accuracy: Annotated[float, Query(ge=0, le=1, description="Of the active version.")],
    difference: Annotated[float, Query(ge=-1, le=1, description="Of the candidate to it.")],
    disagreement: Annotated[
        float | None, Query(ge=0, le=1, description="Share of pictures that one alone has right, for a paired trial.")
    ] = None,
    power: Annotated[float, Query(ge=0.5, le=0.99)] = 0.8,
    design_effect: Annotated[float, Query(ge=1, le=1000, description="As a trial by unit tells it.")] = 1.0,
) -> SampleSize:
    """Looked-at answers of each arm on different units, and pictures that both versions answer."""
    del user
    return service.sample_size(accuracy, difference, disagreement, power, design_effect)
