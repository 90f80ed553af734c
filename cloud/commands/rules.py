"""Where a command stands, and when it is sent again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

FIRST_AGAIN, LAST_AGAIN = timedelta(seconds=15), timedelta(seconds=120)


class CommandState(str, Enum):
    """Where a command stands. What a box has done is known by its answer alone."""

    ORDERED = "ordered"
    """In the database; nothing has been given to the broker yet."""
    SENT = "sent"
    """Given to the broker, again and again until it is answered. Whether the box has it is not known."""
    DONE = "done"
    REFUSED = "refused"
    """The box would not, and says why."""
    FAILED = "failed"
    """The box tried."""
    EXPIRED = "expired"
    """Its time was over before the box could, or no answer has come; one that comes later still counts."""


def state_of(
    outcome: str | None, reason: str | None, sent_at: datetime | None, expires_at: datetime, now: datetime
) -> tuple[CommandState, str]:
    """State and reason of a command."""
    if outcome is not None:
        return CommandState(outcome), reason or ""
    if now < expires_at:
        return (CommandState.ORDERED, "") if sent_at is None else (CommandState.SENT, "")
    if sent_at is None:
        return (
            CommandState.EXPIRED,
            "it was never sent: no process that sends commands runs (box pipeline, cloud ingest)",
        )
    return (
        CommandState.EXPIRED,
        "the box did not answer in time; should it have acted all the same, its answer will show",
    )


def pause(attempts: int) -> timedelta:
    """How long to wait for an answer after so many attempts."""
    doubled: timedelta = FIRST_AGAIN * 2 ** min(attempts - 1, 10)
    return min(LAST_AGAIN, doubled)
