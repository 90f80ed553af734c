"""Commands to boxes on the HTTP API."""

from __future__ import annotations

from enum import Enum
from uuid import UUID, uuid4

from pydantic import Field, model_validator

from cloud.commands.rules import CommandState
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime


class CommandName(str, Enum):
    """What may be ordered here. Actuators and alarms of a farm are not run from afar by this way."""

    DIAGNOSTICS = "diagnostics"
    LOG_LEVEL = "log.level"


class LogLevelName(str, Enum):
    """Least severe line that a box logs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class NewCommand(ApiModel):
    """What a box should do."""

    id: UUID = Field(default_factory=uuid4)
    """Chosen by the caller, or made here. The same id again orders nothing new."""
    name: CommandName
    level: LogLevelName | None = None
    """For ``log.level``, which needs it."""
    minutes: int = Field(default=30, ge=1, le=1440)
    """For ``log.level``: after that the box logs as before."""
    lasts_s: int = Field(default=600, ge=30, le=3600)
    """Seconds until it expires; a box that was away longer does not do it."""

    @model_validator(mode="after")
    def _says_the_level(self) -> NewCommand:
        if (self.name is CommandName.LOG_LEVEL) != (self.level is not None):
            raise ValueError("level: log.level needs one, and nothing else takes one")
        return self


class ArchiveOut(ApiModel):
    """An archive that is here."""

    file: str
    bytes: int
    sha256: str
    stored_at: UtcDatetime


class CommandOut(ApiModel):
    """A command and where it stands."""

    id: UUID
    name: str
    arguments: dict[str, str | int | float | bool | None]
    state: CommandState
    """``ordered``, ``sent``, then the box's answer: ``done``, ``refused``, ``failed`` or ``expired``."""
    reason: str
    """In the box's words, or why there is no answer."""
    issued_at: UtcDatetime
    issued_by: str
    expires_at: UtcDatetime
    sent_at: UtcDatetime | None
    attempts: int
    """How often it was given to the broker."""
    finished_at: UtcDatetime | None
    """When the box ended it, by its own clock."""
    ends_at: UtcDatetime | None
    """When a level of the log ends that the box has set."""
    archive: ArchiveOut | None
    """The whole archive of ``diagnostics``, when the box is set up to send it (``diagnostics.upload``) and it has come."""
    archive_stays: str | None
    """Why the box keeps the whole archive of ``diagnostics``, and what to set up; null while it may still come."""


class CommandList(ApiModel):
    """The newest commands of a box, newest first."""

    items: list[CommandOut]
