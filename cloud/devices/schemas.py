"""Devices on the HTTP API."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import Slug, UtcDatetime

DeviceName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,63}/[a-z0-9_-]{1,63}$")]
"""``site/device``."""


class Device(ApiModel):
    """An edge box at a farm."""

    id: int
    slug: str
    name: str
    site: str
    """Slug of the site."""
    state: Literal["unknown", "online", "offline"]
    """Whether its agent is connected; ``unknown`` until it has said so."""
    state_at: UtcDatetime | None
    """Since when."""
    last_seen_at: UtcDatetime | None
    """When anything that the device sent was last stored."""
    agent_version: str | None
    tags: list[str] = Field(default_factory=list)
    """Words that people put on it."""
    groups: list[str] = Field(default_factory=list)
    """Names of its groups."""


class CameraNow(ApiModel):
    """How a camera of a box does."""

    name: str
    state: str
    fps: float
    last_frame_age_s: float | None
    """When the box said so; null where no frame has come."""


class DeviceHealth(ApiModel):
    """What a box last said of itself in a heartbeat; one is sent every 30 s."""

    site: str
    device: str
    state: Literal["unknown", "online", "offline"]
    observed_at: UtcDatetime | None
    """When it said this, by its clock; null when no heartbeat of the last seven days is here."""
    degraded: list[str]
    """What is not working as configured, in the box's words; empty is well, as long as ``observed_at`` is fresh."""
    certificate_expires_at: UtcDatetime | None
    """End of the certificate that it shows to its broker; null when it shows none."""
    uptime_s: float | None
    outbox_rows: int | None
    """Messages that wait on the box for the store."""
    outbox_bytes: int | None
    outbox_oldest_age_s: float | None
    disk_free_bytes: int | None
    rss_bytes: int | None
    """Memory of the agent."""
    cpu_percent: float | None
    model: str | None
    """Name and version of the model that runs; null where none does."""
    provider: str | None
    """What the model runs on."""
    last_seen_at: UtcDatetime | None
    """When anything that the box sent was last stored."""
    agent_version: str | None
    clock_trusted: bool | None
    """Whether the box knows the time; null where its agent does not tell."""
    temperatures_c: dict[str, float]
    """Degrees Celsius by thermal zone; empty where the machine, or an older agent, tells none."""
    cameras: list[CameraNow]
    channel_age_s: dict[str, float]
    """Seconds since the newest reading of every channel, at ``observed_at``."""


class DeviceHealthPage(Page[DeviceHealth]):
    """Some boxes, by site and name."""


class Diagnostics(ApiModel):
    """What a box that was asked for diagnostics told of itself."""

    made_at: UtcDatetime
    message: str
    file: str
    """Archive in the folder ``diagnostics`` of the box's data; the box keeps the newest five."""
    bytes: int
    sha256: str
    summary: dict[str, Any] | None
    """What of the archive fitted an event: ``about``, ``status``, ``configuration``, ``versions``, ``findings``, ``machine``,
    ``errors`` and ``log``; parts that did not fit are absent. None when it cannot be read."""


class DeviceDiagnostics(ApiModel):
    """The newest diagnostics of a box, newest first."""

    items: list[Diagnostics]


class DeviceGroup(ApiModel):
    """Devices that people name together."""

    name: Slug
    note: str
    devices: list[str]
    """``site/device``, those that you may see."""
    created_at: UtcDatetime
    created_by: str


class DeviceGroupPage(Page[DeviceGroup]):
    """Some groups, by name."""


class GroupMembers(ApiModel):
    """What a group should be."""

    note: str = Field(default="", max_length=500)
    devices: list[DeviceName] = Field(max_length=10_000)
    """``site/device`` of every member; those that were members and are not named are members no longer."""


class DeviceTags(ApiModel):
    """The tags of a device, all of them."""

    tags: list[Slug] = Field(max_length=20)


class DevicePage(Page[Device]):
    """Some devices."""
