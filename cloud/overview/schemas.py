"""Sites and their newest state on the HTTP API."""

from __future__ import annotations

from cloud.alarms.schemas import AlarmCounts
from cloud.devices.schemas import Device
from cloud.farms.schemas import Unit
from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from cloud.observations.schemas import ObservationOut
from cloud.telemetry.schemas import LatestReading
from contracts.alarms import Severity
from contracts.base import UtcDatetime


class Site(ApiModel):
    """A farm, with how much of it there is."""

    id: int
    slug: str
    name: str
    timezone: str
    """IANA name, e.g. ``Europe/Oslo``."""
    latitude: float | None
    longitude: float | None
    units: int
    devices_online: int
    devices: int
    open_alarms: int
    """Alarms that are active or that nobody has acknowledged yet."""


class SitePage(Page[Site]):
    """Some sites."""


class UnitLatest(ApiModel):
    """The newest of everything in one unit."""

    unit: Unit
    readings: list[LatestReading]
    """One per channel, measured channels before derived ones."""
    observation: ObservationOut | None
    """The newest observation; its image may still be on the way."""
    evidence: ObservationOut | None
    """The newest observation whose image has arrived: what to show as the last picture."""
    alarms: AlarmCounts
    """Active alarms."""
    worst_severity: Severity | None
    """Of the active alarms."""


class SiteLatest(ApiModel):
    """The newest of everything at one site."""

    site: Site
    server_time: UtcDatetime
    """When this answer was made; every ``age_s`` counts to it."""
    devices: list[Device]
    units: list[UnitLatest]
