"""Commands from a person or the cloud to a device. Each has a time to live and an idempotency key."""

from __future__ import annotations

from enum import Enum
from typing import Literal
from uuid import UUID

from pydantic import Field

from contracts.base import Slug, UtcDatetime, WireModel


class Command(WireModel):
    """Ask a device to do something. Ignored after ``expires_at``; the same ``id`` acts once."""

    v: Literal[1] = 1
    id: UUID
    site: Slug
    device: Slug
    name: Literal[
        "actuator.set",
        "siren.silence",
        "maintenance.begin",
        "maintenance.end",
        "alarm.acknowledge",
        "alarm.shelve",
        "alarm.unshelve",
        "diagnostics",
        "log.level",
    ]
    """What to do. ``actuator.set`` takes ``state`` (``on``, ``off`` or ``auto``), ``minutes`` and ``reason``;
    ``alarm.shelve`` takes ``minutes`` and ``reason``; ``log.level`` takes ``level`` and ``minutes``, after which the box logs as before."""
    target: str | None = None
    """The actuator, channel or alarm id that it is about."""
    arguments: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    issued_at: UtcDatetime
    expires_at: UtcDatetime
    issued_by: str


class CommandOutcome(str, Enum):
    """How a command ended."""

    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    FAILED = "failed"


COMMAND_RESULT = "command.result"
"""Event that carries a result: its detail holds ``id``, ``outcome`` and ``reason`` (decision 0019)."""


ARCHIVE_STAYS = "archive_stays"
"""Detail of the result of ``diagnostics``: why the whole archive stays on the box, with the remedy; absent when it is sent."""


class CommandResult(WireModel):
    """The device's answer, with the reason when it did not act."""

    v: Literal[1] = 1
    id: UUID
    site: Slug
    device: Slug
    outcome: CommandOutcome
    reason: str | None = None
    finished_at: UtcDatetime
