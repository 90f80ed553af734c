"""People: registering, inviting, changing what they may do; organizations."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from cloud.auth.dependencies import FarmManager, PlatformAdmin
from cloud.auth.endpoints import caller_of
from cloud.auth.repository import UserRepository
from cloud.auth.schemas import LoginAnswer
from cloud.auth.service import LoginService
from cloud.auth.sessions import Sessions
from cloud.kit.origin import declaration, origin_of
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer, database_of
from cloud.users import service
from cloud.users.schemas import (
    InvitationPage,
    NewInvitation,
    NewOrganization,
    OneTimeToken,
    Organization,
    OrganizationPage,
    PasswordReset,
    Person,
    PersonChange,
    PersonPage,
    Registration,
)

router = APIRouter()


@router.post("/auth/register", status_code=201, tags=["auth"], summary="Register", responses=problems(400, 403, 409))
async def register(request: Request, response: Response, new: Registration) -> LoginAnswer:
    """Come in by an invitation, and be signed in. The first user of an empty platform comes in by the setup token."""
    login: LoginService = request.app.state.login
    sessions: Sessions = request.app.state.sessions
    setup: SecretStr | None = request.app.state.settings.setup_token
    response.headers["Cache-Control"] = "no-store"
    database = database_of(request)
    async with database.write(origin_of(request)) as writer:
        email = await service.register(
            writer,
            new,
            passwords=login.passwords,
            setup_token=None if setup is None else setup.get_secret_value(),
            now=_now(),
        )
        request.state.actor = _person(email)
        await writer.execute(*declaration(origin_of(request)))
    async with database.read() as reader:
        row = await UserRepository(reader).active_by_email(email)
    assert row is not None  # noqa: S101  (just made)
    return await sessions.begin(row, caller_of(request))


@router.post(
    "/auth/password/reset",
    status_code=204,
    tags=["auth"],
    summary="Set a forgotten password",
    responses=problems(400, 403),
)
async def reset_password(request: Request, reset: PasswordReset, writer: Writer) -> None:
    """Set a new password by the one-time token that an administrator has made. Every session of the user ends."""
    login: LoginService = request.app.state.login
    request.state.actor = _person(await service.reset_password(writer, reset, passwords=login.passwords, now=_now()))


@router.get("/organizations", tags=["access"], summary="Organizations", responses=problems(400, 401, 403))
async def list_organizations(user: PlatformAdmin, reader: Reader, page: Paging) -> OrganizationPage:
    """Every organization of the platform, by slug; for platform admins."""
    del user
    return await service.list_organizations(reader, page)


@router.post(
    "/organizations",
    status_code=201,
    tags=["access"],
    summary="Make an organization",
    responses=problems(401, 403, 409),
)
async def add_organization(new: NewOrganization, user: PlatformAdmin, writer: Writer) -> Organization:
    """Make an organization; then invite its first people into it."""
    del user
    return await service.add_organization(writer, new)


@router.get("/users", tags=["access"], summary="Users", responses=problems(400, 401, 403))
async def list_users(user: FarmManager, reader: Reader, page: Paging) -> PersonPage:
    """Users of the organization by e-mail, those who are disabled included."""
    return await service.list_people(reader, user, page)


@router.get("/users/{user_id}", tags=["access"], summary="One user", responses=problems(401, 403, 404))
async def get_user(user_id: int, user: FarmManager, reader: Reader) -> Person:
    """One user of the organization."""
    return await service.get_person(reader, user, user_id)


@router.patch("/users/{user_id}", tags=["access"], summary="Change a user", responses=problems(400, 401, 403, 404))
async def change_user(user_id: int, change: PersonChange, user: FarmManager, writer: Writer) -> Person:
    """Change name, role or sites, or disable. What is left out stays.

    It holds from the next request on; other processes of the API notice within two seconds.
    """
    return await service.change_person(writer, user, user_id, change, _now())


@router.post(
    "/users/{user_id}/reset",
    status_code=201,
    tags=["access"],
    summary="Reset a password",
    responses=problems(401, 403, 404),
)
async def reset_user(user_id: int, user: FarmManager, writer: Writer) -> OneTimeToken:
    """A one-time token, shown here alone, with which the user sets a new password within a day."""
    return await service.reset_person(writer, user, user_id, _now())


@router.post(
    "/users/{user_id}/sign-out",
    status_code=204,
    tags=["access"],
    summary="Sign a user out",
    responses=problems(401, 403, 404),
)
async def sign_user_out(user_id: int, user: FarmManager, writer: Writer) -> None:
    """End every session of a user: a lost phone must not stay signed in."""
    await service.sign_person_out(writer, user, user_id, _now())


@router.get("/invitations", tags=["access"], summary="Invitations", responses=problems(400, 401, 403))
async def list_invitations(user: FarmManager, reader: Reader, page: Paging) -> InvitationPage:
    """Invitations and resets, newest first."""
    return await service.list_invitations(reader, user, page)


@router.post(
    "/invitations", status_code=201, tags=["access"], summary="Invite somebody", responses=problems(401, 403, 404, 409)
)
async def invite(new: NewInvitation, user: FarmManager, writer: Writer) -> OneTimeToken:
    """A one-time token, shown here alone, with which somebody registers. Nobody gives more than they have."""
    return await service.invite(writer, user, new, _now())


@router.delete(
    "/invitations/{invitation_id}",
    status_code=204,
    tags=["access"],
    summary="Withdraw an invitation",
    responses=problems(401, 403, 404),
)
async def withdraw_invitation(invitation_id: int, user: FarmManager, writer: Writer) -> None:
    """Make an invitation, or a reset, useless."""
    await service.withdraw(writer, user, invitation_id, _now())


def _person(email: str) -> dict[str, Any]:
    """How the audit log names whoever came by a one-time token."""
    return {"actor": email, "actor_kind": "user", "organization_id": None}


def _now() -> datetime:
    return datetime.now(timezone.utc)
