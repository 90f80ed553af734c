"""Dead letters on the HTTP API."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, TypeAlias
from uuid import UUID

from pydantic import Field, model_validator

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import Slug, UtcDatetime

MAX_NAMED = 200
"""Letters that one order may name."""
LetterId: TypeAlias = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]


class LetterState(str, Enum):
    """What became of a letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    """Its message is stored now."""
    DISCARDED = "discarded"
    """A person decided that it is not wanted; it may still be put back."""


class DeadLetter(ApiModel):
    """A message that could not be processed; it is kept whole."""

    id: str
    received_at: UtcDatetime
    """When it came last."""
    stage: str
    """Step that refused it: ``decode``, ``authorize``, ``route``, ``store`` or ``predict``."""
    reason: str
    """Stable code, e.g. ``bad_json``."""
    detail: str
    origin: str
    """MQTT topic, or Kafka topic/partition/offset."""
    site: str | None
    device: str | None
    count: int
    """How often the same message came."""
    bytes: int
    """Size of the whole message."""
    preview: str
    """Its first 500 bytes as text; what is not UTF-8 is replaced."""
    state: LetterState
    """The same message that comes again as a dead letter is open again."""
    settled_at: UtcDatetime | None
    """When it was put back or discarded."""
    settled_by: str | None
    settled_why: str | None


class DeadLetterPage(Page[DeadLetter]):
    """Some dead letters, newest first."""


class DeadLetterReason(ApiModel):
    """Open letters of one reason."""

    stage: str
    reason: str
    letters: int
    newest_at: UtcDatetime
    sites: list[str]
    """Sites that they name, at most ten."""


class DeadLetterReasons(ApiModel):
    """Why messages are dead letters, the most frequent reason first, at most a hundred."""

    items: list[DeadLetterReason]


class LetterAction(str, Enum):
    """What can be ordered about dead letters."""

    REPLAY = "replay"
    DISCARD = "discard"


class NewDeadLetterOrder(ApiModel):
    """What to do with which letters: those that are named, or all open ones that the other fields select."""

    action: LetterAction
    why: str = Field(default="", max_length=500)
    """For the log; required to discard."""
    letters: list[LetterId] | None = Field(default=None, min_length=1, max_length=MAX_NAMED)
    """Ids. Letters that are discarded already may be put back so."""
    reason: str | None = Field(default=None, min_length=1, max_length=100)
    stage: str | None = Field(default=None, min_length=1, max_length=20)
    site: Slug | None = None
    since: UtcDatetime | None = None
    """Only letters that came then or later."""

    @model_validator(mode="after")
    def _names_some(self) -> NewDeadLetterOrder:
        selected = (self.reason, self.stage, self.site, self.since) != (None, None, None, None)
        if (self.letters is not None) == selected:
            raise ValueError("name either letters, or what selects them: reason, stage, site or since")
        if self.action is LetterAction.DISCARD and not self.why.strip():
            raise ValueError("why: say why these messages are not wanted")
        return self


class RefusedLetter(ApiModel):
    """A letter that was not put back, and why; it stays as it was."""

    id: str
    why: str


class DeadLetterOrder(ApiModel):
    """An order about dead letters, and how far it is."""

    id: UUID
    action: LetterAction
    why: str
    status: str
    """``waiting`` until the ingest takes it, ``running``, ``done``."""
    asked_at: UtcDatetime
    asked_by: str
    finished_at: UtcDatetime | None
    letters: int
    """That belong to it."""
    replayed: int
    """Whose message is stored now; that of another order before counts too."""
    refused: int
    """That were refused again."""
    discarded: int
    left_out: int
    """Letters that were selected too but did not fit one order; order again for them."""
    refused_letters: list[RefusedLetter]
    """The first hundred of those that were refused again."""


class DeadLetterOrders(ApiModel):
    """The newest orders, newest first."""

    items: list[DeadLetterOrder]
