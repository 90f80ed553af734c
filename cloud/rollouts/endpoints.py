"""Rollouts of models: asking, watching, pausing, rolling back."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from cloud.auth.dependencies import FleetAdmin, Viewer
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from cloud.rollouts import service
from cloud.rollouts.schemas import (
    Approval,
    CountResolution,
    CountSeries,
    DecisionPage,
    DeviceStandingPage,
    ModelChanges,
    NewRollout,
    Order,
    RolloutDevicePage,
    RolloutPage,
    RolloutView,
)
from cloud.settings import CloudSettings
from contracts.base import Slug, UtcDatetime

router = APIRouter(tags=["fleet"])


@router.get("/rollouts", summary="Rollouts", responses=problems(400, 401, 403))
async def list_rollouts(user: FleetAdmin, reader: Reader, page: Paging) -> RolloutPage:
    """Newest first; for fleet admins."""
    return await service.list_rollouts(reader, user, page)


@router.post("/rollouts", status_code=201, summary="Roll out a release", responses=problems(401, 403, 404))
async def ask_rollout(request: Request, new: NewRollout, user: FleetAdmin, writer: Writer) -> RolloutView:
    """Ask for a rollout. The controller begins it within seconds, or refuses it: the release must be published, signed by enough
    people, and every device must be able to take it. Where two people are the rule it waits for the second one.
    """
    settings: CloudSettings = request.app.state.settings
    return await service.ask(writer, user, new, _now(), two_people=settings.rollout_two_people)


@router.post("/rollouts/{rollout_id}/approval", summary="Approve a rollout", responses=problems(401, 403, 404, 409))
async def approve_rollout(rollout_id: UUID, approval: Approval, user: FleetAdmin, writer: Writer) -> RolloutView:
    """Let a proposed rollout begin. Whoever proposed it cannot approve it."""
    return await service.approve(writer, user, rollout_id, approval, _now())


@router.get("/rollouts/{rollout_id}", summary="A rollout", responses=problems(401, 403, 404))
async def get_rollout(rollout_id: UUID, user: FleetAdmin, reader: Reader) -> RolloutView:
    """Waves with the steps of their devices, and every gate in every stratum."""
    return await service.show(reader, user, rollout_id)


@router.get("/rollouts/{rollout_id}/devices", summary="Devices of a rollout", responses=problems(400, 401, 403, 404))
async def list_rollout_devices(rollout_id: UUID, user: FleetAdmin, reader: Reader, page: Paging) -> RolloutDevicePage:
    """Every device with its step, why, and its newest numbers."""
    return await service.list_devices(reader, user, rollout_id, page)


@router.get("/rollouts/{rollout_id}/decisions", summary="Decision log", responses=problems(400, 401, 403, 404))
async def list_rollout_decisions(rollout_id: UUID, user: FleetAdmin, reader: Reader, page: Paging) -> DecisionPage:
    """What was decided, when and why, newest first."""
    return await service.list_decisions(reader, user, rollout_id, page)


@router.get("/device-deployments", summary="Deployments of devices", responses=problems(400, 401, 403, 404))
async def list_device_deployments(
    user: FleetAdmin,
    reader: Reader,
    page: Paging,
    site: Annotated[Slug | None, Query(description="Slug of a site; without it, all of the organization.")] = None,
) -> DeviceStandingPage:
    """What every device should run, what it last said of that, what it has verified and what really runs, side by side."""
    return await service.list_standings(reader, user, site, page, _now())


@router.get("/units/{unit_id}/model-changes", summary="Changes of models", responses=problems(401, 404))
async def list_model_changes(
    unit_id: int,
    user: Viewer,
    reader: Reader,
    start: Annotated[UtcDatetime, Query(description="First moment.")],
    end: Annotated[UtcDatetime, Query(description="Moment after the last.")],
) -> ModelChanges:
    """When another model began to look at a unit: the marks that a chart of counts needs, or a change of eyes is taken for one of fish."""
    return await service.model_changes(reader, user, unit_id, start, end)


@router.get("/units/{unit_id}/counts", summary="Counts over time", responses=problems(400, 401, 404))
async def get_counts(
    unit_id: int,
    user: Viewer,
    reader: Reader,
    start: Annotated[UtcDatetime, Query(description="First moment.")],
    end: Annotated[UtcDatetime, Query(description="Moment after the last.")],
    resolution: Annotated[
        CountResolution,
        Query(description="Width of the buckets; an answer holds 3 days of five minutes, 31 of hours or 92 of days."),
    ] = CountResolution.HOUR,
    *,
    cast_back: Annotated[
        bool, Query(description="Add what the newest model would have counted before it came: derived, not counted.")
    ] = False,
) -> CountSeries:
    """Fish that cameras saw at a time, with a mark and a ratio wherever another model began to look. Where models were compared on
    the same frames before one took over, counts of before can be cast back into its eyes, so that the chart has no step.
    """
    return await service.counts(reader, user, unit_id, start, end, resolution=resolution, cast_back=cast_back)


@router.post(
    "/rollouts/{rollout_id}/orders", status_code=202, summary="Order a rollout", responses=problems(401, 403, 404, 409)
)
async def order_rollout(rollout_id: UUID, order: Order, user: FleetAdmin, writer: Writer) -> RolloutView:
    """Pause, resume, cancel or roll back, with a reason. The controller does it within seconds."""
    return await service.order(writer, user, rollout_id, order, _now())


def _now() -> datetime:
    return datetime.now(timezone.utc)
