"""Trials of a release in some units of each box."""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID

from fastapi import APIRouter, Request

from cloud.auth.dependencies import FleetAdmin
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from cloud.rollouts.schemas import RolloutView
from cloud.settings import CloudSettings
from cloud.unit_trials import service
from cloud.unit_trials.schemas import (
    NewUnitTrial,
    TrialAdoption,
    TrialApproval,
    TrialBoxPage,
    TrialComparison,
    TrialEnd,
    UnitTrialPage,
    UnitTrialSummary,
    UnitTrialView,
)

router = APIRouter(prefix="/unit-trials", tags=["fleet"])


@router.get("", summary="Trials in some units", responses=problems(400, 401, 403))
async def list_unit_trials(user: FleetAdmin, reader: Reader, page: Paging) -> UnitTrialPage:
    """Newest first; for fleet admins."""
    return await service.list_trials(reader, user, page)


@router.post("", status_code=201, summary="Try a release in some units", responses=problems(400, 401, 403, 404))
async def ask_unit_trial(request: Request, new: NewUnitTrial, user: FleetAdmin, writer: Writer) -> UnitTrialSummary:
    """Part of the tanks of each box get the release, beside the model of the box, until a moment that is signed with it. It begins within
    seconds, or is refused with the reason. Where two people are the rule it waits for the second one.
    """
    return await service.ask(writer, user, new, _now(), two_people=_settings(request).rollout_two_people)


@router.get("/{trial_id}", summary="A trial in some units", responses=problems(401, 403, 404))
async def get_unit_trial(trial_id: UUID, user: FleetAdmin, reader: Reader) -> UnitTrialView:
    """How it stands, why, and what would end it."""
    return await service.show(reader, user, trial_id)


@router.post("/{trial_id}/approval", summary="Approve a trial", responses=problems(401, 403, 404, 409))
async def approve_unit_trial(
    trial_id: UUID, approval: TrialApproval, user: FleetAdmin, writer: Writer
) -> UnitTrialSummary:
    """Let a proposed trial begin. Whoever proposed it cannot approve it."""
    return await service.approve(writer, user, trial_id, approval, _now())


@router.get("/{trial_id}/boxes", summary="Boxes of a trial", responses=problems(400, 401, 403, 404))
async def list_unit_trial_boxes(trial_id: UUID, user: FleetAdmin, reader: Reader, page: Paging) -> TrialBoxPage:
    """Every box with what it says, and of each unit what should look at it and what does."""
    return await service.list_boxes(reader, user, trial_id, page, _now())


@router.get("/{trial_id}/comparison", summary="What a trial shows", responses=problems(401, 403, 404))
async def compare_unit_trial(trial_id: UUID, user: FleetAdmin, reader: Reader) -> TrialComparison:
    """Units with the release against the other units of the same boxes, hour by hour and over what they were before; one number of each
    box, so boxes are what is resampled. Counts and confidence need no labels; only labels tell who is right.
    """
    return await service.compare(reader, user, trial_id, _now())


@router.post("/{trial_id}/end", status_code=202, summary="End a trial", responses=problems(401, 403, 404, 409))
async def end_unit_trial(trial_id: UUID, wanted: TrialEnd, user: FleetAdmin, writer: Writer) -> UnitTrialSummary:
    """Its units get the models of their boxes again, when their fish are left in peace."""
    return await service.end(writer, user, trial_id, wanted, _now())


@router.post("/{trial_id}/adoption", status_code=201, summary="Adopt a trial", responses=problems(401, 403, 404, 409))
async def adopt_unit_trial(
    request: Request, trial_id: UUID, wanted: TrialAdoption, user: FleetAdmin, writer: Writer
) -> RolloutView:
    """Roll its release out to all units of these boxes, by waves and gates like any other; each box ends the trial for it."""
    two_people = _settings(request).rollout_two_people
    return await service.adopt(writer, user, trial_id, wanted, _now(), two_people=two_people)


def _settings(request: Request) -> CloudSettings:
    settings: CloudSettings = request.app.state.settings
    return settings


def _now() -> datetime:
    return datetime.now(timezone.utc)
