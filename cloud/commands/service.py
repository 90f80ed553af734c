"""Ordering commands, telling where they stand, and taking and giving the archives that boxes send for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cloud.auth.dependencies import Principal
from cloud.commands.repository import CommandRepository
from cloud.commands.rules import CommandState, state_of
from cloud.commands.schemas import ArchiveOut, CommandList, CommandName, CommandOut, NewCommand
from cloud.db.audit import EVENT
from cloud.devices.repository import DeviceRepository
from cloud.errors import BadRequestError, ChecksumMismatchError, ConflictError, NotFoundError, PayloadTooLargeError
from cloud.kit.repository import ReadConnection, Row, WriteConnection

SHOWN = 20
MAX_UNANSWERED = 10
"""Commands of one device that may wait."""
MAX_ARCHIVE_BYTES = 2_000_000
"""The largest that a box makes (``edge.diagnostics.bundle.MAX_BYTES``)."""
ARCHIVES_KEPT = 5
"""Of one device, the newest."""
ACCEPTED_FOR = timedelta(days=7)
"""How long after its order an archive is taken: a box may have been off the network."""


@dataclass(frozen=True)
class Sent:
    """An archive as a box announces it."""

    command: UUID
    file: str
    sha256: str
    content: bytes


async def order(
    writer: WriteConnection, user: Principal, site: str, device: str, new: NewCommand, now: datetime
) -> CommandOut:
    """Keep a command; it is sent within seconds.

    Raises:
        NotFoundError: there is no such device of theirs.
        ConflictError: too many wait for this device, or the id belongs to another one.
    """
    device_id = await _device(writer, user, site, device)
    repository = CommandRepository(writer, user.scope)
    known = await repository.command(device_id, new.id)
    if known is not None:
        return _out(known, now)
    if await repository.unanswered(device_id, now) >= MAX_UNANSWERED:
        raise ConflictError(
            f"{MAX_UNANSWERED} commands wait for {site}/{device} already; let them be answered or expire"
        )
    of_level = new.name is CommandName.LOG_LEVEL and new.level is not None
    await repository.add(
        {
            "id": new.id,
            "device_id": device_id,
            "name": new.name.value,
            "arguments": {"level": new.level.value, "minutes": new.minutes} if of_level and new.level else {},
            "issued_at": now,
            "issued_by": user.email,
            "expires_at": now + timedelta(seconds=new.lasts_s),
            "next_send_at": now,
        }
    )
    kept = await repository.command(device_id, new.id)
    if kept is None:
        raise ConflictError(f"The id {new.id} belongs to a command of another device")
    return _out(kept, now)


async def list_commands(reader: ReadConnection, user: Principal, site: str, device: str, now: datetime) -> CommandList:
    """The newest commands of a device.

    Raises:
        NotFoundError: there is no such device of theirs.
    """
    device_id = await _device(reader, user, site, device)
    rows = await CommandRepository(reader, user.scope).commands(device_id, rows=SHOWN)
    return CommandList(items=[_out(row, now) for row in rows])


async def get_command(
    reader: ReadConnection, user: Principal, site: str, device: str, command_id: UUID, now: datetime
) -> CommandOut:
    """One command.

    Raises:
        NotFoundError: there is no such device, or no such command to it.
    """
    device_id = await _device(reader, user, site, device)
    row = await CommandRepository(reader, user.scope).command(device_id, command_id)
    if row is None:
        raise NotFoundError(f"There is no command {command_id} to {site}/{device}")
    return _out(row, now)


async def keep_archive(
    writer: WriteConnection, user: Principal, site: str, device: str, sent: Sent, *, max_bytes: int, now: datetime
) -> ArchiveOut:
    """Keep what a box sends for a command; sent twice it is kept once, and the oldest make room.

    Raises:
        NotFoundError: nobody has ordered it here lately.
        ConflictError: another archive is here for this command.
        BadRequestError: it is no ZIP.
        PayloadTooLargeError: it is larger than any box makes.
        ChecksumMismatchError: it was damaged on its way.
    """
    if len(sent.content) > MAX_ARCHIVE_BYTES:
        raise PayloadTooLargeError(f"An archive has at most {MAX_ARCHIVE_BYTES} bytes")
    actual = hashlib.sha256(sent.content).hexdigest()
    if actual != sent.sha256:
        raise ChecksumMismatchError(f"The bytes have the sha256 {actual}, announced was {sent.sha256}; send them anew")
    if not sent.content.startswith(b"PK\x03\x04"):
        raise BadRequestError("An archive is a ZIP")
    device_id = await _device(writer, user, site, device)
    repository = CommandRepository(writer, user.scope)
    row = await repository.command(device_id, sent.command)
    if row is None or row["name"] != CommandName.DIAGNOSTICS.value or row["issued_at"] < now - ACCEPTED_FOR:
        raise NotFoundError(f"Nobody has ordered diagnostics {sent.command} of {site}/{device} here lately")
    if row["sha256"] is None:
        await repository.add_archive(
            {
                "command_id": sent.command,
                "device_id": device_id,
                "file": sent.file,
                "size": len(sent.content),
                "sha256": sent.sha256,
                "content": sent.content,
                "stored_at": now,
                "stored_by": user.email,
            }
        )
        await repository.bound(device_id, most=ARCHIVES_KEPT, max_bytes=max_bytes)
    elif row["sha256"] != sent.sha256:
        raise ConflictError(f"Another archive is here for the command {sent.command}")
    return ArchiveOut(file=sent.file, bytes=len(sent.content), sha256=sent.sha256, stored_at=row["stored_at"] or now)


@dataclass(frozen=True)
class Archive:
    """An archive that may be given."""

    file: str
    content: bytes
    sha256: str


async def give_archive(writer: WriteConnection, user: Principal, site: str, device: str, command_id: UUID) -> Archive:
    """The archive of a command; who takes it is entered in the audit log.

    Raises:
        NotFoundError: there is none: no such command, not sent by the box, or gone by its age.
    """
    device_id = await _device(writer, user, site, device)
    row = await CommandRepository(writer, user.scope).archive(device_id, command_id)
    if row is None:
        raise NotFoundError(f"There is no archive of the command {command_id} to {site}/{device}")
    detail = {"device": f"{site}/{device}", "file": row["file"], "sha256": row["sha256"]}
    key = json.dumps({"command_id": str(command_id)})
    await writer.execute(EVENT, {"subject": "device_archive", "key": key, "detail": json.dumps(detail)})
    return Archive(row["file"], bytes(row["content"]), row["sha256"])


async def _device(connection: ReadConnection | WriteConnection, user: Principal, site: str, device: str) -> int:
    known = await DeviceRepository(connection, user.scope).ids([(site, device)])
    if not known:
        raise NotFoundError(f"There is no device {site}/{device}")
    return known[site, device]


def _out(row: Row, now: datetime) -> CommandOut:
    state, reason = state_of(row["outcome"], row["reason"], row["sent_at"], row["expires_at"], now)
    minutes = row["arguments"].get("minutes")
    ends = state is CommandState.DONE and minutes is not None and row["finished_at"] is not None
    shared = ("id", "name", "arguments", "issued_at", "issued_by", "expires_at", "sent_at", "attempts", "finished_at",
              "archive_stays")  # fmt: skip
    return CommandOut(
        **{name: row[name] for name in shared},
        state=state,
        reason=reason,
        ends_at=row["finished_at"] + timedelta(minutes=minutes) if ends else None,
        archive=None
        if row["file"] is None
        else ArchiveOut(file=row["file"], bytes=row["size"], sha256=row["sha256"], stored_at=row["stored_at"]),
    )
