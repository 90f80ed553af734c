"""Letting people in, changing what they may do, and letting them go."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from cloud.auth.passwords import PasswordChecker
from cloud.auth.principal import Principal
from cloud.auth.repository import SessionRepository, UserRepository
from cloud.auth.rules import Role, grant_fault, normal_email
from cloud.auth.scope import Scope
from cloud.auth.service import check_password
from cloud.auth.tokens import hash_of
from cloud.errors import BadRequestError, ConflictError, ForbiddenError, InvalidTokenError, NotFoundError
from cloud.kit.ids import decode_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.users.repository import EntranceRepository, PeopleRepository, slugs_of
from cloud.users.schemas import (
    Invitation,
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

log = structlog.get_logger()

_RESET_LASTS = timedelta(hours=24)
_MAX_ID = 2**31 - 1


async def list_organizations(reader: ReadConnection, page: PageQuery) -> OrganizationPage:
    """Every organization, by slug."""
    after = None if page.cursor is None else decode_cursor(page.cursor, 1)[0]
    rows = await EntranceRepository(reader).organizations(after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["slug"]))
    return OrganizationPage(items=[Organization(**row) for row in shown], next_cursor=cursor)


async def add_organization(writer: WriteConnection, new: NewOrganization) -> Organization:
    """Make an organization.

    Raises:
        ConflictError: the slug is taken.
    """
    key, is_new = await EntranceRepository(writer).ensure_organization(new.slug, new.name)
    if not is_new:
        raise ConflictError(f"slug = {new.slug!r}: there is an organization of this name")
    return Organization(id=key, slug=new.slug, name=new.name)


async def list_people(reader: ReadConnection, user: Principal, page: PageQuery) -> PersonPage:
    """Users of the organization, by e-mail."""
    after = None if page.cursor is None else decode_cursor(page.cursor, 1)[0]
    rows = await PeopleRepository(reader, user.scope).people(after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["email"]))
    return PersonPage(items=await _people(reader, shown), next_cursor=cursor)


async def get_person(reader: ReadConnection, user: Principal, user_id: int) -> Person:
    """One user.

    Raises:
        NotFoundError: the organization has no such user.
    """
    return (await _people(reader, [await _find(reader, user, user_id)]))[0]


async def change_person(
    writer: WriteConnection, user: Principal, user_id: int, change: PersonChange, now: datetime
) -> Person:
    """Change name, role, sites, or whether they may sign in. Fewer rights hold at once, everywhere.

    Raises:
        NotFoundError: the organization has no such user.
        ForbiddenError: they are above, or what is to be given is more than one has.
        BadRequestError: it is oneself.
    """
    row = await _find(writer, user, user_id, lock=True)
    if user_id == user.id and change.model_fields_set - {"name"}:
        raise BadRequestError("Nobody changes their own role, sites or state; ask another administrator")
    role = change.role or Role(row["role"])
    sites = row["site_ids"]
    if "sites" in change.model_fields_set:
        sites = await site_keys(writer, user.organization_id, change.sites)
    _check_grant(user, Role(row["role"]), row["site_ids"])
    _check_grant(user, role, sites)
    values: Row = {}
    if change.name is not None:
        values["name"] = change.name
    if role.value != row["role"] or sites != row["site_ids"]:
        values |= {"role": role.value, "site_ids": sites}
    if change.disabled is not None and change.disabled != (row["disabled_at"] is not None):
        values["disabled_at"] = now if change.disabled else None
    if values:
        await PeopleRepository(writer, user.scope).change_person(user_id, values)
    if values.get("disabled_at") is not None:
        await SessionRepository(writer).end_all(user_id, because="disabled", now=now)
    log.info("user_changed", user=user_id, by=user.id, fields=sorted(values))
    changed = await PeopleRepository(writer, Scope(user.organization_id)).person(user_id)
    assert changed is not None  # noqa: S101
    return (await _people(writer, [changed]))[0]


async def sign_person_out(writer: WriteConnection, user: Principal, user_id: int, now: datetime) -> None:
    """End every session of a user, and refuse every access token that is out.

    Raises:
        NotFoundError: the organization has no such user.
        ForbiddenError: they are above.
    """
    row = await _find(writer, user, user_id, lock=True)
    _check_grant(user, Role(row["role"]), row["site_ids"])
    await PeopleRepository(writer, user.scope).change_person(user_id, {"tokens_from": now})
    await SessionRepository(writer).end_all(user_id, because="rights", now=now)


async def reset_person(writer: WriteConnection, user: Principal, user_id: int, now: datetime) -> OneTimeToken:
    """A one-time token with which a user sets a new password; until then the old one works.

    Raises:
        NotFoundError: the organization has no such user.
        ForbiddenError: they are above.
    """
    row = await _find(writer, user, user_id)
    _check_grant(user, Role(row["role"]), row["site_ids"])
    return await _issue(
        writer,
        user,
        {
            "organization_id": user.organization_id,
            "user_id": user_id,
            "email": row["email"],
            "role": row["role"],
            "site_ids": row["site_ids"],
        },
        now=now,
        lasts=_RESET_LASTS,
    )


async def list_invitations(reader: ReadConnection, user: Principal, page: PageQuery) -> InvitationPage:
    """Invitations of the organization, newest first."""
    before = None if page.cursor is None else _number(decode_cursor(page.cursor, 1)[0])
    rows = await PeopleRepository(reader, user.scope).invitations(before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(str(row["id"])))
    slugs = await _slugs(reader, shown)
    return InvitationPage(
        items=[
            Invitation(
                **{
                    key: row[key]
                    for key in ("id", "email", "role", "created_at", "created_by", "expires_at", "used_at")
                },
                is_reset=row["user_id"] is not None,
                sites=slugs_of(row["site_ids"], slugs),
            )
            for row in shown
        ],
        next_cursor=cursor,
    )


async def invite(writer: WriteConnection, user: Principal, new: NewInvitation, now: datetime) -> OneTimeToken:
    """A one-time token with which somebody registers.

    Raises:
        ForbiddenError: what is to be given is more than one has, or another organization's.
        NotFoundError: there is no such site or organization.
        ConflictError: a user has this e-mail.
    """
    organization_id = user.organization_id
    if new.organization is not None and new.organization != user.organization:
        if not user.role.reaches(Role.PLATFORM_ADMIN):
            raise ForbiddenError("organization: only a platform admin invites into another one")
        found = await EntranceRepository(writer).organization_id(new.organization)
        if found is None:
            raise NotFoundError(f"organization = {new.organization!r}: there is none; make it first")
        organization_id = found
    sites = await site_keys(writer, organization_id, new.sites)
    _check_grant(user, new.role, sites)
    email = normal_email(new.email)
    if await EntranceRepository(writer).has_user(email):
        raise ConflictError("email: a user has it already")
    values = {"organization_id": organization_id, "email": email, "role": new.role.value, "site_ids": sites}
    return await _issue(writer, user, values, now=now, lasts=timedelta(days=new.days))


async def withdraw(writer: WriteConnection, user: Principal, invitation_id: int, now: datetime) -> None:
    """Make an invitation useless.

    Raises:
        NotFoundError: the organization has none that could still be used.
    """
    known = 0 < invitation_id <= _MAX_ID
    if not known or not await PeopleRepository(writer, user.scope).withdraw(invitation_id, now):
        raise NotFoundError(f"There is no open invitation {invitation_id}")


async def register(
    writer: WriteConnection,
    new: Registration,
    *,
    passwords: PasswordChecker,
    setup_token: str | None,
    now: datetime,
) -> str:
    """Make the user of an invitation, or the first user of an empty platform; answers the e-mail.

    Raises:
        InvalidTokenError: the token is unknown, used or too old.
        WeakPasswordError: the password is refused.
        BadRequestError: the first user names no e-mail.
    """
    entrance = EntranceRepository(writer)
    values: Row
    if setup_token is not None and secrets.compare_digest(new.token.encode(), setup_token.encode()):
        if not await entrance.is_empty():
            raise InvalidTokenError("There are users already; ask one of them for an invitation")
        if new.email is None:
            raise BadRequestError("email: the first user must name it")
        organization_id, _ = await entrance.ensure_organization(
            new.organization or "shoal", new.organization or "Shoal"
        )
        values = {
            "organization_id": organization_id,
            "email": normal_email(new.email),
            "role": Role.PLATFORM_ADMIN.value,
            "site_ids": None,
        }
    else:
        taken = await entrance.take(hash_of(new.token), now, is_reset=False)
        if taken is None:
            raise InvalidTokenError("The invitation is not valid, has been used or is too old; ask for another")
        values = {key: taken[key] for key in ("organization_id", "email", "role", "site_ids")}
    check_password(new.password, email=values["email"])
    values |= {"name": new.name, "password_hash": await passwords.hashed(new.password)}
    if await entrance.add_user(values) is None:
        raise ConflictError("email: a user has it already")
    log.info("user_registered", role=values["role"])
    email: str = values["email"]
    return email


async def reset_password(
    writer: WriteConnection, reset: PasswordReset, *, passwords: PasswordChecker, now: datetime
) -> str:
    """Set a password by a one-time token; every session of the user ends. Answers the e-mail.

    Raises:
        InvalidTokenError: the token is unknown, used or too old.
        WeakPasswordError: the password is refused.
    """
    taken = await EntranceRepository(writer).take(hash_of(reset.token), now, is_reset=True)
    if taken is None:
        raise InvalidTokenError("The token is not valid, has been used or is too old; ask for another")
    check_password(reset.password, email=taken["email"])
    hashed = await passwords.hashed(reset.password)
    await UserRepository(writer).set_password_hash(taken["user_id"], hashed, now)
    await SessionRepository(writer).end_all(taken["user_id"], because="password", now=now)
    email: str = taken["email"]
    return email


async def site_keys(
    connection: ReadConnection | WriteConnection, organization_id: int, slugs: Sequence[str] | None
) -> list[int] | None:
    """Keys of an organization's sites, or None for all.

    Raises:
        NotFoundError: one of them does not exist.
    """
    if slugs is None:
        return None
    known = await UserRepository(connection).site_keys(slugs, organization_id=organization_id)
    for slug in slugs:
        if slug not in known:
            raise NotFoundError(f"sites: there is no site {slug!r}")
    return sorted(set(known.values()))


def _check_grant(user: Principal, role: Role, sites: Collection[int] | None) -> None:
    fault = grant_fault(user.role, user.site_ids, granted=role, granted_sites=sites)
    if fault is not None:
        raise ForbiddenError(fault)


async def _find(
    connection: ReadConnection | WriteConnection, user: Principal, user_id: int, *, lock: bool = False
) -> Row:
    row = None
    if 0 < user_id <= _MAX_ID:
        row = await PeopleRepository(connection, user.scope).person(user_id, lock=lock)
    if row is None:
        raise NotFoundError(f"There is no user {user_id}")
    return row


async def _issue(
    writer: WriteConnection, user: Principal, values: Row, *, now: datetime, lasts: timedelta
) -> OneTimeToken:
    token = secrets.token_urlsafe(32)
    stored = {
        **values,
        "token_hash": hash_of(token),
        "created_at": now,
        "created_by": user.email,
        "expires_at": now + lasts,
    }
    key = await EntranceRepository(writer).add_invitation(stored)
    return OneTimeToken(id=key, email=values["email"], token=token, expires_at=now + lasts)


async def _people(connection: ReadConnection | WriteConnection, rows: Sequence[Row]) -> list[Person]:
    slugs = await _slugs(connection, rows)
    return [
        Person(
            **{key: row[key] for key in row if key != "site_ids"},
            sites=slugs_of(row["site_ids"], slugs),
        )
        for row in rows
    ]


async def _slugs(connection: ReadConnection | WriteConnection, rows: Sequence[Row]) -> dict[int, str]:
    keys = {key for row in rows for key in row["site_ids"] or ()}
    return await UserRepository(connection).site_slugs(keys) if keys else {}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and int(text) <= _MAX_ID else 0
