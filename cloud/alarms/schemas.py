"""Alarms on the HTTP API."""

from __future__ import annotations

from uuid import UUID

from cloud.farms.schemas import UnitRef
from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.alarms import Severity
from contracts.base import UtcDatetime


class Alarm(ApiModel):
    """One occurrence of an alarm. Two facts, not one state: is it active, and has a person acknowledged it."""

    id: UUID
    site: str
    """Slug of the site."""
    unit: UnitRef | None
    definition: str
    """Stable name of the rule, e.g. ``do.low.critical``."""
    severity: Severity
    active: bool
    """The condition holds now."""
    acknowledged: bool
    """A person has taken it on."""
    raised_at: UtcDatetime
    cleared_at: UtcDatetime | None
    acknowledged_at: UtcDatetime | None
    acknowledged_by: str | None
    """E-mail of the person, or ``device:<slug>`` when it was acknowledged at the tank."""
    value: float | None
    """The value that raised it."""
    limit: float | None
    """The limit that the value crossed."""
    ucum: str | None
    quantity: str | None
    message: str
    action: str | None
    """What to do."""
    source: str | None
    """Where the limit comes from."""
    origin: str
    """Who saw it: ``edge``, ``cloud`` or ``both``."""
    suppressed_by: UUID | None
    """The alarm that explains this one, which calls nobody while that lasts."""


class AlarmPage(Page[Alarm]):
    """Some alarms, newest first."""


class AlarmCounts(ApiModel):
    """Active alarms by severity."""

    critical: int = 0
    major: int = 0
    minor: int = 0
    warning: int = 0
