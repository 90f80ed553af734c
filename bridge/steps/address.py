"""A downlink message becomes an MQTT message: its topic, its payload, whether the broker keeps it, and how long it counts.

Topics and payloads are those of AWS IoT, so the device's code is the same there and here: a shadow's document on
``get/accepted`` (retained, where AWS would be asked for it), the next job on ``notify-next``. On AWS IoT Core itself these topics are
its own: desired state goes to ``update``, and its shadow service tells the device; jobs are given through its API.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pydantic_core import to_json

from contracts.devices import Watermark
from contracts.downlink import DesiredState, Downlink, JobNotice
from contracts.errors import InvalidMessageError
from contracts.topics import commands, committed, jobs, shadow, thing_name

if TYPE_CHECKING:
    from datetime import datetime


LARGEST_AWS_SHADOW = 8_000
"""Bytes; AWS refuses documents above 8 KB."""


class Shadows(str, Enum):
    """Who keeps what is desired of a device until it asks."""

    RETAINED = "retained"
    """The broker, as a retained message."""
    AWS_IOT = "aws_iot"
    """The shadow service of AWS IoT Core."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One MQTT message to a device.

    Attributes:
        retain: the broker keeps the newest for a device that connects later, so a newer one replaces it everywhere.
        expires_at: not sent after this; None for what holds until it is replaced.
        newest_counts: what waits on its topic is replaced, never queued.
    """

    topic: str
    payload: bytes
    retain: bool
    expires_at: datetime | None = None
    newest_counts: bool = False


def address(message: Downlink | Watermark, shadows: Shadows = Shadows.RETAINED) -> Outgoing:
    """Where and how ``message`` is published.

    Raises:
        InvalidMessageError: AWS IoT Core does not take it.
    """
    if isinstance(message, Watermark):
        topic = committed(message.site, message.device)
        return Outgoing(topic, message.model_dump_json().encode(), retain=True, newest_counts=True)
    thing = thing_name(message.site, message.device)
    body = message.body
    if isinstance(body, DesiredState) and shadows is Shadows.AWS_IOT:
        # Without its version: AWS counts versions itself and refuses any other. A null takes a field away there, as it should.
        payload = to_json({"state": {"desired": body.document.state.desired}})
        if len(payload) > LARGEST_AWS_SHADOW:
            raise InvalidMessageError(
                "too_large", f"{thing}: {len(payload)} bytes desired; AWS takes {LARGEST_AWS_SHADOW}"
            )
        return Outgoing(shadow(thing, body.shadow, "update"), payload, retain=False, newest_counts=True)
    if isinstance(body, DesiredState):
        payload = body.document.model_dump_json(exclude_none=True).encode()
        return Outgoing(shadow(thing, body.shadow, "get/accepted"), payload, retain=True, newest_counts=True)
    if isinstance(body, JobNotice) and shadows is Shadows.AWS_IOT:
        raise InvalidMessageError("not_on_aws", f"{thing}: jobs on AWS IoT Core are given through its own API")
    if isinstance(body, JobNotice):
        execution = {} if body.execution is None else {"execution": body.execution.model_dump(exclude_none=True)}
        return Outgoing(jobs(thing, "notify-next"), to_json(execution), retain=False, expires_at=message.expires_at)
    command = body.command
    ends = min(moment for moment in (command.expires_at, message.expires_at) if moment is not None)
    payload = command.model_dump_json(exclude_none=True).encode()
    return Outgoing(commands(message.site, message.device), payload, retain=False, expires_at=ends)
