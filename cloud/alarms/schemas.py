"""Alarms on the HTTP API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from cloud.farms.schemas import UnitRef
from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.alarms import Severity
from contracts.base import UtcDatetime


class Assignee(ApiModel):
    """A person whose work an alarm is, or could be."""

    id: int
    email: str
    name: str


class NewAssignee(ApiModel):
    """Whose work an alarm shall be."""

    model_config = ConfigDict(extra="forbid")

    user_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None
    """A user of the organization who may see the site; null takes the alarm from whoever has it."""


class Alarm(ApiModel):
    """One occurrence of an alarm. Two facts, not one state: is it active, and has a person acknowledged it."""

    id: UUID
    site: str
    """Slug of the site."""
    unit: UnitRef | None
    subject: str | None
    """What it is about, as the box names it: a channel, a camera (``camera.cam-1``), an actuator; null when it is about the unit
    or the box."""
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
    shelved_until: UtcDatetime | None
    """Until then it calls nobody, by the word of a person."""
    shelved_by: str | None
    shelved_because: str | None
    assignee: Assignee | None
    """Whose work it is; they may not have taken it on yet."""
    assigned_at: UtcDatetime | None
    assigned_by: str | None


class AlarmPage(Page[Alarm]):
    """Some alarms, newest first."""


class Shelf(ApiModel):
    """Why an alarm shall call nobody for a while. It stays in the list, and comes back by itself."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=3, max_length=500, pattern=r"^[^\x00]+$")]
    minutes: Annotated[int, Field(ge=1, le=8 * 60)] = 60
    """At most a shift."""


class AlarmStep(ApiModel):
    """One change of an alarm."""

    change: str
    occurred_at: UtcDatetime
    recorded_at: UtcDatetime
    actor: str | None
    assignee: str | None
    """E-mail of the person that it was assigned to; with the change ``assigned`` alone."""


class NewRationale(ApiModel):
    """Why an alarm exists (ISA-18.2 rationalization)."""

    model_config = ConfigDict(extra="forbid")

    consequence: Annotated[str, Field(min_length=3, max_length=1000, pattern=r"^[^\x00]+$")]
    """What happens if nobody answers. If nothing does, it should not be an alarm."""
    respond_within_s: Annotated[int, Field(ge=10, le=30 * 86400)]
    instruction: Annotated[str, Field(min_length=3, max_length=2000, pattern=r"^[^\x00]+$")]
    owner: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class Rationale(NewRationale):
    """Why an alarm exists, and who said so."""

    definition: str
    """Name of the alarm; a ``*`` stands for anything."""
    shipped: bool
    """Nobody of the organization has reviewed it yet."""
    reviewed_at: UtcDatetime | None
    reviewed_by: str | None


class ReportedActor(ApiModel):
    """An alarm that is raised more than others."""

    definition: str
    unit: str | None
    subject: str | None
    times: int
    share: float
    """Of all alarms of the time."""


class ChatteringAlarm(ApiModel):
    """An alarm that came three times in a minute."""

    definition: str
    unit: str | None
    subject: str | None


class AlarmPerformance(ApiModel):
    """How well the alarms of a site serve its people."""

    start: UtcDatetime
    end: UtcDatetime
    alarms: int
    per_day: float
    by_severity: dict[str, int]
    acknowledged: int
    acknowledge_p50_s: float | None
    acknowledge_p95_s: float | None
    unanswered: int
    """Ended without anybody having taken them on."""
    bad_actors: list[ReportedActor]
    chattering: list[ChatteringAlarm]
    floods: int
    """Times when more than ten came in ten minutes."""
    flood_share: float
    """Share of the time in which a flood was under way; the target is below 0.01."""
    stale: int
    """Active for more than a day at the end; the target is below 5."""
    suppressed: int
    """Explained by another alarm; they called nobody."""
    shelved: list[Alarm]
    """Shelved now."""


class AlarmCounts(ApiModel):
    """Active alarms by severity."""

    critical: int = 0
    major: int = 0
    minor: int = 0
    warning: int = 0
