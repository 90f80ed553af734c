"""Who is told of alarms, and what was told."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from cloud.auth.dependencies import FarmManager, Operator, Viewer
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from cloud.notifications import service
from cloud.notifications.schemas import (
    AddedContact,
    Contact,
    NewContact,
    NotificationPage,
    Proofs,
    Roster,
    ShownLadders,
    SiteLadders,
)
from contracts.base import Slug

router = APIRouter(tags=["notifications"])


@router.get("/contacts", summary="Contacts", responses=problems(401, 403))
async def list_contacts(user: Operator, reader: Reader) -> list[Contact]:
    """People and programs that can be told, by name."""
    return await service.list_contacts(reader, user)


@router.post("/contacts", status_code=201, summary="Add a contact", responses=problems(401, 403, 409))
async def add_contact(request: Request, new: NewContact, user: FarmManager, writer: Writer) -> AddedContact:
    """Add a person or a program. The webhook's signing key is shown here and never again."""
    return await service.add_contact(writer, user, new, request.app.state.secret)


@router.put("/contacts/{contact_id}", summary="Change a contact", responses=problems(401, 403, 404, 409))
async def change_contact(
    request: Request, contact_id: int, new: NewContact, user: FarmManager, writer: Writer
) -> AddedContact:
    """Replace what is known of a contact. A new webhook address gets a new signing key."""
    return await service.change_contact(writer, user, contact_id, new, request.app.state.secret)


@router.delete("/contacts/{contact_id}", status_code=204, summary="Remove a contact", responses=problems(401, 403, 404))
async def remove_contact(contact_id: int, user: FarmManager, writer: Writer) -> None:
    """Remove a contact with its shifts and the record of what was sent to it."""
    await service.remove_contact(writer, user, contact_id)


@router.get("/sites/{site}/on-call", summary="Who is on call", responses=problems(401, 404))
async def get_roster(site: Slug, user: Viewer, reader: Reader) -> Roster:
    """Weekly shifts in farm time."""
    return await service.get_roster(reader, user, site)


@router.put("/sites/{site}/on-call", summary="Set who is on call", responses=problems(401, 403, 404))
async def set_roster(site: Slug, roster: Roster, user: FarmManager, writer: Writer) -> Roster:
    """Replace the shifts of a site. While nobody has a duty, everyone on the roster has it."""
    return await service.set_roster(writer, user, site, roster)


@router.get("/sites/{site}/ladders", summary="Escalation ladders", responses=problems(401, 404))
async def get_ladders(site: Slug, user: Viewer, reader: Reader) -> ShownLadders:
    """Who is told when, and what follows when nobody takes the alarm on."""
    return await service.get_ladders(reader, user, site)


@router.put("/sites/{site}/ladders", summary="Set escalation ladders", responses=problems(401, 403, 404))
async def set_ladders(site: Slug, ladders: SiteLadders, user: FarmManager, writer: Writer) -> ShownLadders:
    """Set the site's own ladders; null goes back to the shipped one."""
    return await service.set_ladders(writer, user, site, ladders)


@router.get("/sites/{site}/notifications", summary="Messages", responses=problems(400, 401, 403, 404))
async def list_notifications(
    site: Slug,
    user: Operator,
    reader: Reader,
    page: Paging,
    alarm: Annotated[UUID | None, Query(description="Of one alarm; without it, all.")] = None,
) -> NotificationPage:
    """Every message that was or will be sent, newest first."""
    return await service.list_notifications(reader, user, site, page, alarm_id=alarm)


@router.get("/sites/{site}/alarm-path", summary="Is the alarm path proven?", responses=problems(401, 403, 404))
async def get_proofs(site: Slug, user: Operator, reader: Reader) -> Proofs:
    """The newest weekly test by contact and channel: sent, and confirmed by the person."""
    return await service.get_proofs(reader, user, site)


@router.post("/sites/{site}/alarm-path/test", summary="Test the alarm path", responses=problems(401, 403, 404))
async def test_alarm_path(site: Slug, user: FarmManager, writer: Writer) -> Proofs:
    """Send the weekly test now, to everyone on the roster by every way they have."""
    return await service.plan_test(writer, user, site, datetime.now(timezone.utc))
