"""What the cloud sends to devices through Kafka ``device-downlink``: desired state, jobs, commands, and watermarks.

Watermarks are older than this model and travel bare (``contracts.devices.Watermark``); everything else is a ``Downlink``
with a body. ``decode`` reads both.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator
from pydantic_core import from_json

from contracts.base import Slug, UtcDatetime, WireModel
from contracts.commands import Command
from contracts.devices import JobExecution, ShadowDocument, Watermark
from contracts.errors import InvalidMessageError


class DesiredState(WireModel):
    """A named shadow as it should be seen now; retained, the newest replaces what was there."""

    type: Literal["desired"] = "desired"
    shadow: Slug
    document: ShadowDocument


class JobNotice(WireModel):
    """The job that the device should do next; None tells that there is none any more."""

    type: Literal["job"] = "job"
    execution: JobExecution | None = None


class CommandNotice(WireModel):
    """A command; it expires with itself."""

    type: Literal["command"] = "command"
    command: Command


DownlinkBody: TypeAlias = Annotated[DesiredState | JobNotice | CommandNotice, Field(discriminator="type")]


class Downlink(WireModel):
    """One message for one device. What is not retained expires: a device that was away must not act on old news."""

    v: Literal[1] = 1
    site: Slug
    device: Slug
    expires_at: UtcDatetime | None = None
    """When it stops being worth telling. Required for jobs; a command brings its own; desired state has none."""
    body: DownlinkBody

    @model_validator(mode="after")
    def _fits_its_body(self) -> Downlink:
        if isinstance(self.body, JobNotice) and self.expires_at is None:
            raise ValueError("a job needs expires_at")
        if isinstance(self.body, DesiredState) and self.expires_at is not None:
            raise ValueError("desired state holds until it is replaced: no expires_at")
        if isinstance(self.body, CommandNotice):
            command = self.body.command
            if (command.site, command.device) != (self.site, self.device):
                raise ValueError("the command is for another device than the message")
        return self


def decode(value: bytes) -> Downlink | Watermark:
    """Read one record of ``device-downlink``.

    Raises:
        InvalidMessageError: ``bad_json`` or ``bad_schema``.
    """
    try:
        raw: Any = from_json(value)
    except ValueError as error:
        raise InvalidMessageError("bad_json", str(error)) from error
    model: type[Downlink | Watermark] = Downlink if isinstance(raw, dict) and "body" in raw else Watermark
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidMessageError("bad_schema", f"{where}: {first['msg']} ({error.error_count()} faults)") from error
