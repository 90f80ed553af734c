"""Alarms, and acknowledging them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from cloud.alarms import service
from cloud.alarms.schemas import (
    Alarm,
    AlarmPage,
    AlarmPerformance,
    AlarmStep,
    Assignee,
    NewAssignee,
    NewRationale,
    Rationale,
    Shelf,
)
from cloud.auth.dependencies import FarmManager, Operator, Viewer
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from cloud.kit.shared_answers import shared
from contracts.base import Slug, UtcDatetime

router = APIRouter(tags=["alarms"])

Definition = Annotated[str, Path(pattern=r"^[a-z0-9_*]+(\.[a-z0-9_*]+)*$", max_length=128)]


@router.get("/alarms", summary="Alarms", responses=problems(400, 401, 404))
@shared
async def list_alarms(
    user: Viewer,
    reader: Reader,
    page: Paging,
    site: Annotated[Slug | None, Query(description="Slug of a site; without it, all of the organization.")] = None,
    is_open: Annotated[
        bool | None,
        Query(alias="open", description="true: active or not acknowledged yet; false: the others; without it, all."),
    ] = None,
    assignee: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Id of a user: the alarms that are assigned to them.")
    ] = None,
) -> AlarmPage:
    """Alarms, newest first."""
    return await service.list_alarms(reader, user, page, site=site, is_open=is_open, assignee_id=assignee)


@router.post("/alarms/{alarm_id}/acknowledge", summary="Take an alarm on", responses=problems(401, 403, 404))
async def acknowledge_alarm(alarm_id: UUID, user: Operator, writer: Writer) -> Alarm:
    """Record that the user has taken the alarm on. Doing it again changes nothing: the first person stays on record."""
    return await service.acknowledge_alarm(writer, user, alarm_id)


@router.post("/alarms/{alarm_id}/shelve", summary="Shelve an alarm", responses=problems(401, 403, 404))
async def shelve_alarm(alarm_id: UUID, shelf: Shelf, user: Operator, writer: Writer) -> Alarm:
    """Let it call nobody for a while, with a reason. It stays in the list and comes back by itself."""
    return await service.shelve_alarm(writer, user, alarm_id, shelf, _now())


@router.post("/alarms/{alarm_id}/unshelve", summary="Take an alarm off the shelf", responses=problems(401, 403, 404))
async def unshelve_alarm(alarm_id: UUID, user: Operator, writer: Writer) -> Alarm:
    """Let it call again."""
    return await service.unshelve_alarm(writer, user, alarm_id, _now())


@router.get("/alarms/{alarm_id}/assignees", summary="Who could do it", responses=problems(401, 403, 404))
async def list_alarm_assignees(alarm_id: UUID, user: Operator, reader: Reader) -> list[Assignee]:
    """People of the organization who may see the alarm's site, by e-mail."""
    return await service.list_assignees(reader, user, alarm_id)


@router.put("/alarms/{alarm_id}/assignee", summary="Assign an alarm", responses=problems(400, 401, 403, 404))
async def set_alarm_assignee(alarm_id: UUID, assignee: NewAssignee, user: Operator, writer: Writer) -> Alarm:
    """Make it a person's work, or nobody's. It calls as before until somebody takes it on: assigning is not acknowledging."""
    return await service.assign_alarm(writer, user, alarm_id, assignee, _now())


@router.get("/alarms/{alarm_id}/history", summary="What happened to an alarm", responses=problems(401, 404))
async def get_alarm_history(alarm_id: UUID, user: Viewer, reader: Reader) -> list[AlarmStep]:
    """Raised, cleared, acknowledged, shelved, assigned: when, and by whom."""
    return await service.get_history(reader, user, alarm_id)


@router.get("/sites/{site}/alarm-performance", summary="Do the alarms serve?", responses=problems(400, 401, 404))
async def get_alarm_performance(
    site: Slug,
    user: Viewer,
    reader: Reader,
    start: Annotated[UtcDatetime, Query(description="First moment.")],
    end: Annotated[UtcDatetime, Query(description="Moment after the last.")],
) -> AlarmPerformance:
    """Rate, time until somebody takes an alarm on, bad actors, chattering, floods, stale and shelved alarms."""
    return await service.get_performance(reader, user, site, start, end, _now())


@router.get("/alarm-rationales", summary="Why each alarm exists", responses=problems(401))
async def list_rationales(user: Viewer, reader: Reader) -> list[Rationale]:
    """Consequence, time to respond, instruction and owner, shipped or reviewed."""
    return await service.list_rationales(reader, user)


@router.put("/alarm-rationales/{definition}", summary="Review why an alarm exists", responses=problems(401, 403))
async def set_rationale(definition: Definition, new: NewRationale, user: FarmManager, writer: Writer) -> Rationale:
    """Write down what happens if nobody answers, how soon somebody must, what to do, and who owns it."""
    return await service.set_rationale(writer, user, definition, new, _now())


def _now() -> datetime:
    return datetime.now(timezone.utc)
