"""Alarms on the wire. Two facts, not one state: is the condition active, and has a person acknowledged it."""

from __future__ import annotations

from enum import Enum
from typing import Literal
from uuid import UUID

from pydantic import Field

from contracts.base import ChannelName, Slug, UtcDatetime, WireModel


class Severity(str, Enum):
    """How fast a person must act. CRITICAL is life-critical for fish."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


class AlarmChange(str, Enum):
    """What happened to an alarm."""

    RAISED = "raised"
    CLEARED = "cleared"
    ACKNOWLEDGED = "acknowledged"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"


class AlarmEvent(WireModel):
    """One change of one alarm. ``alarm_id`` names the occurrence: raise and clear of it share the id."""

    alarm_id: UUID
    definition: str = Field(min_length=1, max_length=128)
    """Stable name of the rule, e.g. ``do.low.critical``; one active alarm per (unit, channel, definition)."""
    change: AlarmChange
    severity: Severity
    unit: Slug | None = None
    channel: ChannelName | None = None
    quantity: str | None = None
    value: float | None = None
    limit: float | None = None
    ucum: str | None = None
    occurred_at: UtcDatetime
    """When the change happened at the tank."""
    condition_since: UtcDatetime | None = None
    """When the condition began, before the on-delay."""
    message: str = Field(max_length=500)
    action: str | None = Field(default=None, max_length=1000)
    """What the person should do."""
    source: str | None = None
    """Where the limit comes from, with its evidence tag."""
    by: str | None = Field(default=None, max_length=200)
    """Who shelved it or took it off the shelf; None: the box itself, because the time was over."""
    reason: str | None = Field(default=None, max_length=500)
    """Why it was shelved."""
    shelved_until: UtcDatetime | None = None
    """Until when it is shelved; with change ``shelved`` alone."""


class AlarmBatch(WireModel):
    """Alarm changes that travel together, in the order they happened."""

    type: Literal["alarms"] = "alarms"
    alarms: tuple[AlarmEvent, ...] = Field(min_length=1, max_length=100)
