"""A downlink message becomes an MQTT message: its topic, its payload, whether the broker keeps it, and how long it counts.

Topics and payloads are those of AWS IoT, so the device's code is the same there and here: a shadow's document on
``get/accepted`` (retained, where AWS would be asked for it), the next job on ``notify-next``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic_core import to_json

from contracts.devices import Watermark
from contracts.downlink import DesiredState, Downlink, JobNotice
from contracts.topics import commands, committed, jobs, shadow, thing_name

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One MQTT message to a device.

    Attributes:
        retain: the broker keeps the newest for a device that connects later, so a newer one replaces it everywhere.
        expires_at: not sent after this; None for what holds until it is replaced.
    """

    topic: str
    payload: bytes
    retain: bool
    expires_at: datetime | None = None


def address(message: Downlink | Watermark) -> Outgoing:
    """Where and how ``message`` is published."""
    if isinstance(message, Watermark):
        return Outgoing(committed(message.site, message.device), message.model_dump_json().encode(), retain=True)
    thing = thing_name(message.site, message.device)
    body = message.body
    if isinstance(body, DesiredState):
        payload = body.document.model_dump_json(exclude_none=True).encode()
        return Outgoing(shadow(thing, body.shadow, "get/accepted"), payload, retain=True)
    if isinstance(body, JobNotice):
        execution = {} if body.execution is None else {"execution": body.execution.model_dump(exclude_none=True)}
        return Outgoing(jobs(thing, "notify-next"), to_json(execution), retain=False, expires_at=message.expires_at)
    command = body.command
    ends = min(moment for moment in (command.expires_at, message.expires_at) if moment is not None)
    payload = command.model_dump_json(exclude_none=True).encode()
    return Outgoing(commands(message.site, message.device), payload, retain=False, expires_at=ends)
