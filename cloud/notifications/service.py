"""Contacts, shifts and ladders, and the record of every message."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

import structlog

from cloud.auth.dependencies import Principal
from cloud.errors import ConflictError, InvalidCursorError, NotFoundError
from cloud.farms.service import checked_id, find_site_id
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, WriteConnection
from cloud.notifications.links import webhook_key
from cloud.notifications.notifier import shipped_ladders
from cloud.notifications.repository import NotificationRepository
from cloud.notifications.rules import CONFIRM_WITHIN, Channel, Duty, Ladder
from cloud.notifications.schemas import (
    AddedContact,
    Contact,
    NewContact,
    Notification,
    NotificationPage,
    PathProof,
    Proofs,
    Roster,
    Shift,
    ShownLadders,
    SiteLadders,
)
from contracts.alarms import Severity

log = structlog.get_logger()

_HOUR = 60
_COLUMNS = ("id", "name", "email", "phone", "push_topic", "webhook_url")


async def list_contacts(reader: ReadConnection, user: Principal) -> list[Contact]:
    """Contacts of the organization, by name."""
    rows = await NotificationRepository(reader, user.scope).contacts()
    return [Contact(**{name: row[name] for name in _COLUMNS}) for row in rows]


async def add_contact(writer: WriteConnection, user: Principal, new: NewContact, secret: bytes) -> AddedContact:
    """Store a contact.

    Raises:
        ConflictError: the name is taken.
    """
    nonce = secrets.token_hex(8)
    values = {**new.model_dump(), "webhook_nonce": nonce}
    contact_id = await NotificationRepository(writer, user.scope).add_contact(values)
    if contact_id is None:
        raise ConflictError(f"name = {new.name!r}: another contact has this name; choose another")
    key = webhook_key(secret, contact_id, nonce).decode() if new.webhook_url else None
    return AddedContact(id=contact_id, **new.model_dump(), webhook_key=key)


async def change_contact(
    writer: WriteConnection, user: Principal, contact_id: int, new: NewContact, secret: bytes
) -> AddedContact:
    """Change a contact; its webhook key changes with its webhook's address.

    Raises:
        NotFoundError: the organization has no such contact.
        ConflictError: another contact has the name.
    """
    repository = NotificationRepository(writer, user.scope)
    known = await repository.contact(checked_id(contact_id, "contact"))
    if known is None:
        raise NotFoundError(f"There is no contact {contact_id}")
    if any(row["name"] == new.name and row["id"] != contact_id for row in await repository.contacts()):
        raise ConflictError(f"name = {new.name!r}: another contact has this name; choose another")
    renewed = new.webhook_url is not None and new.webhook_url != known["webhook_url"]
    nonce = secrets.token_hex(8) if renewed else known["webhook_nonce"]
    await repository.change_contact(contact_id, {**new.model_dump(), "webhook_nonce": nonce})
    key = webhook_key(secret, contact_id, nonce).decode() if renewed else None
    return AddedContact(id=contact_id, **new.model_dump(), webhook_key=key)


async def remove_contact(writer: WriteConnection, user: Principal, contact_id: int) -> None:
    """Remove a contact, its shifts and what was sent to it.

    Raises:
        NotFoundError: the organization has no such contact.
    """
    if not await NotificationRepository(writer, user.scope).remove_contact(checked_id(contact_id, "contact")):
        raise NotFoundError(f"There is no contact {contact_id}")


async def get_roster(reader: ReadConnection, user: Principal, site: str) -> Roster:
    """Who is on call at a site.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    rows = await NotificationRepository(reader, user.scope).shifts(site_id)
    return Roster(
        shifts=[
            Shift(
                contact_id=row["contact_id"],
                duty=Duty(row["duty"]),
                weekdays=row["weekdays"],
                start=_clock(row["from_minute"]),
                end=_clock(row["to_minute"]),
            )
            for row in rows
        ]
    )


async def set_roster(writer: WriteConnection, user: Principal, site: str, roster: Roster) -> Roster:
    """Replace the roster of a site.

    Raises:
        NotFoundError: the organization has no such site or contact.
    """
    site_id = await find_site_id(ReadConnection(writer), user, site)
    repository = NotificationRepository(writer, user.scope)
    known = {row["id"] for row in await repository.contacts()}
    for number, shift in enumerate(roster.shifts):
        if shift.contact_id not in known:
            raise NotFoundError(
                f"shifts.{number}.contact_id = {shift.contact_id}: there is no such contact; add it first"
            )
    await repository.replace_shifts(
        site_id,
        [
            {
                "contact_id": shift.contact_id,
                "duty": shift.duty.value,
                "weekdays": sorted(set(shift.weekdays)),
                "from_minute": _minute(shift.start),
                "to_minute": _minute(shift.end),
            }
            for shift in roster.shifts
        ],
    )
    log.info("roster_changed", site=site, user=user.id, shifts=len(roster.shifts))
    return roster


async def get_ladders(reader: ReadConnection, user: Principal, site: str) -> ShownLadders:
    """The ladders that hold at a site.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    rows = await NotificationRepository(reader, user.scope).ladders(site_id)
    own = {Severity(row["severity"]): Ladder.model_validate(row["ladder"]) for row in rows}
    return ShownLadders(ladders={**shipped_ladders(), **own}, own=list(own))


async def set_ladders(writer: WriteConnection, user: Principal, site: str, ladders: SiteLadders) -> ShownLadders:
    """Replace a site's own ladders.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(ReadConnection(writer), user, site)
    own = {name: ladder.model_dump(mode="json") for name, ladder in ladders if ladder is not None}
    rows = [{"severity": name, "ladder": ladder} for name, ladder in own.items()]
    await NotificationRepository(writer, user.scope).replace_ladders(site_id, rows)
    log.info("ladders_changed", site=site, user=user.id, own=list(own))
    return await get_ladders(ReadConnection(writer), user, site)


async def list_notifications(
    reader: ReadConnection, user: Principal, site: str, page: PageQuery, *, alarm_id: UUID | None
) -> NotificationPage:
    """Messages of a site, newest first.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    before = None if page.cursor is None else _position(page.cursor)
    rows = await NotificationRepository(reader, user.scope).messages(
        site_id, alarm_id=alarm_id, before=before, rows=page.rows
    )
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["due_at"].isoformat(), str(row["id"])))
    return NotificationPage(items=[Notification(**row) for row in shown], next_cursor=cursor)


async def get_proofs(reader: ReadConnection, user: Principal, site: str) -> Proofs:
    """The newest test of every way to every contact.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    rows = await NotificationRepository(reader, user.scope).newest_tests(site_id)
    return Proofs(
        proofs=[
            PathProof(
                contact=row["contact"],
                channel=row["channel"],
                tested_at=row["due_at"],
                sent_at=row["sent_at"],
                confirmed_at=row["confirmed_at"],
                proven=row["sent_at"] is not None
                and row["confirmed_at"] is not None
                and row["confirmed_at"] - row["due_at"] <= CONFIRM_WITHIN,
            )
            for row in rows
        ]
    )


async def plan_test(writer: WriteConnection, user: Principal, site: str, now: datetime) -> Proofs:
    """Send the test of the alarm path now: to every contact that is on the roster, by every way it has.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(ReadConnection(writer), user, site)
    repository = NotificationRepository(writer, user.scope)
    named = {row["contact_id"] for row in await repository.shifts(site_id)}
    rows = []
    for contact in await repository.contacts():
        if named and contact["id"] not in named:
            continue
        ways = {
            Channel.PUSH: "push_topic",
            Channel.EMAIL: "email",
            Channel.SMS: "phone",
            Channel.VOICE: "phone",
            Channel.WEBHOOK: "webhook_url",
        }
        rows += [
            {
                "site_id": site_id,
                "kind": "self_test",
                "step": 0,
                "round": 0,
                "contact_id": contact["id"],
                "channel": channel.value,
                "due_at": now,
                "next_try_at": now,
            }
            for channel, column in ways.items()
            if contact[column]
        ]
    await repository.plan_tests(rows)
    log.info("alarm_path_test", site=site, user=user.id, messages=len(rows))
    proofs = await get_proofs(ReadConnection(writer), user, site)
    return proofs.model_copy(update={"planned": len(rows)})


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * _HOUR + int(minute)


def _clock(minute: int) -> str:
    return f"{minute // _HOUR:02d}:{minute % _HOUR:02d}"


def _position(cursor: str) -> tuple[datetime, UUID]:
    moment, key = decode_moment_cursor(cursor)
    try:
        return moment, UUID(key)
    except ValueError as error:
        raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from error
