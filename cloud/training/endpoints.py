"""Training again: runs, candidates, and when."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from cloud.auth.dependencies import FleetAdmin, PlatformAdmin
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from cloud.training import service
from cloud.training.rules import Outcome
from cloud.training.schemas import (
    NewTrainingRun,
    RetrainRuleBody,
    RetrainRuleOut,
    RetrainRules,
    TrainingRunDetail,
    TrainingRunPage,
)
from cloud.training.work import Training
from contracts.base import Slug

router = APIRouter(prefix="/training", tags=["training"])


def training_of(request: Request) -> Training:
    """How this installation trains."""
    training: Training = request.app.state.training
    return training


HowToTrain = Annotated[Training, Depends(training_of)]


@router.get("/runs", summary="Training runs", responses=problems(400, 401, 403))
async def list_training_runs(
    user: FleetAdmin,
    reader: Reader,
    page: Paging,
    model: Annotated[Slug | None, Query(description="Only of this model.")] = None,
    state: Annotated[list[Outcome] | None, Query(max_length=10, description="Only in these states.")] = None,
) -> TrainingRunPage:
    """Newest first. ``proposed`` is a candidate that passed the gate; only people's signatures make it a release. What learns from
    the labels of one organization is shown to that one, unless its recipe shares it.
    """
    return await service.list_runs(reader, user, page, model=model, states=state or ())


@router.post("/runs", summary="Ask for a training run", status_code=202, responses=problems(401, 403, 404, 409))
async def ask_training_run(
    new: NewTrainingRun, user: PlatformAdmin, writer: Writer, training: HowToTrain
) -> TrainingRunDetail:
    """By the recipe of the model in the settings; it begins within a minute."""
    return await service.ask(writer, user, training, new, datetime.now(timezone.utc))


@router.get("/runs/{run_id}", summary="One training run", responses=problems(401, 403, 404))
async def get_training_run(run_id: UUID, user: PlatformAdmin, reader: Reader) -> TrainingRunDetail:
    """With lineage, figures by slice and site, and every reason of the gate. Slices name sites, so it is not for everybody."""
    del user
    return await service.get_run(reader, run_id)


@router.post("/runs/{run_id}/cancel", summary="Cancel a training run", responses=problems(401, 403, 404))
async def cancel_training_run(
    run_id: UUID, user: PlatformAdmin, writer: Writer, training: HowToTrain
) -> TrainingRunDetail:
    """What it has made stays in its folder and is not read. One that is over stays as it is."""
    return await service.cancel(writer, user, training, run_id, datetime.now(timezone.utc))


@router.get("/rules", summary="When models are trained again", responses=problems(401, 403))
async def list_retrain_rules(user: FleetAdmin, reader: Reader, training: HowToTrain) -> RetrainRules:
    """Of every model with a recipe, and what the last look said. Looked at every quarter of an hour."""
    return await service.list_rules(reader, user, training)


@router.put("/rules/{model}", summary="Set when a model is trained again", responses=problems(401, 403, 404))
async def set_retrain_rule(
    model: Slug, body: RetrainRuleBody, user: PlatformAdmin, writer: Writer, training: HowToTrain
) -> RetrainRuleOut:
    """Triggers with their cool-downs and the daily bound; it replaces what was set."""
    return await service.set_rule(writer, user, training, model, body, datetime.now(timezone.utc))
