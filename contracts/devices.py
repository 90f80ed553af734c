"""The life of a device: birth and last will, heartbeat, events, inventory, desired and reported state."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

from pydantic import Field

from contracts.alarms import Severity
from contracts.base import ChannelName, Sha256Hex, Slug, UtcDatetime, WireModel
from contracts.vision import ModelRef


class CameraInventory(WireModel):
    """A camera that a device was configured with (never its credentials)."""

    name: Slug
    unit: Slug
    kind: str
    calibration_sha256: Sha256Hex | None = None
    """Of the file with its calibration; None while it has none."""


class ChannelInventory(WireModel):
    """A sensor channel that a device was configured with."""

    name: ChannelName
    unit: Slug
    quantity: str
    ucum: str


class LimitInEffect(WireModel):
    """A limit that a box watches on one channel, after the site's own settings: what alarms follow, and what pages show."""

    channel: ChannelName
    definition: str = Field(min_length=1, max_length=128)
    """Name of the alarm that it makes, e.g. ``do.low.critical``."""
    severity: Severity
    side: Literal["low", "high"]
    value: float
    """In the channel's unit; with the law ``los`` what is added to the limiting saturation of the temperature."""
    law: Literal["constant", "los"] = "constant"
    hysteresis: float = Field(default=0.0, ge=0)
    on_delay_s: float = Field(default=0.0, ge=0)
    off_delay_s: float = Field(default=0.0, ge=0)
    source: str | None = Field(default=None, max_length=300)
    """Where it comes from, with its evidence tag; None from a box that does not tell."""


class Inventory(WireModel):
    """What a device is made of, sent at birth."""

    agent_version: str
    python: str = ""
    machine: str = ""
    providers: tuple[str, ...] = ()
    """Inference providers that are available on this box, best first."""
    channels: tuple[ChannelInventory, ...] = ()
    cameras: tuple[CameraInventory, ...] = ()
    model: ModelRef | None = None
    memory_mb: int | None = Field(default=None, ge=0)
    """Memory of the machine; None from a box that does not tell."""
    opset_max: int | None = Field(default=None, ge=0)
    """Highest ONNX operator set that the runtime knows; None when that is not known."""
    agent_updates: bool | None = None
    """Whether its agent can install versions of itself; None from a box that does not tell."""
    unit_trials: bool | None = None
    """Whether it can run another model in some of its units; None from a box that does not tell."""
    limits: tuple[LimitInEffect, ...] | None = Field(default=None, max_length=4000)
    """Limits that the box watches, about 220 bytes each; None from a box that does not tell."""


class DeviceState(str, Enum):
    """Whether the device's agent is connected."""

    ONLINE = "online"
    OFFLINE = "offline"


class Status(WireModel):
    """Retained birth message and last will. Not sequenced: the newest ``boot`` and ``sent_at`` win."""

    v: Literal[1] = 1
    site: Slug
    device: Slug
    boot: str = Field(min_length=8, max_length=64)
    sent_at: UtcDatetime
    """For the last will this is the time of connecting, when the will was written."""
    state: DeviceState
    reason: str | None = None
    """``last_will`` when the broker sent it, ``stopped`` on a clean stop."""
    inventory: Inventory | None = None


class CameraHealth(WireModel):
    """How one camera is doing right now."""

    name: Slug
    state: str
    fps: float = Field(ge=0)
    frames: int = Field(ge=0)
    frames_dropped: int = Field(ge=0)
    reconnects: int = Field(ge=0)
    last_frame_age_s: float | None = Field(default=None, ge=0)


class Health(WireModel):
    """Heartbeat: every 30 s through the outbox."""

    type: Literal["health"] = "health"
    observed_at: UtcDatetime
    uptime_s: float = Field(ge=0)
    rss_bytes: int = Field(ge=0)
    cpu_percent: float = Field(default=0, ge=0)
    disk_free_bytes: int = Field(ge=0)
    outbox_rows: int = Field(ge=0)
    outbox_bytes: int = Field(ge=0)
    outbox_oldest_age_s: float | None = Field(default=None, ge=0)
    outbox_floor: int = Field(ge=1)
    """Lowest sequence the outbox still holds, or will ever send: the store need not wait for anything below it."""
    channel_age_s: dict[str, float] = Field(default_factory=dict)
    """Age of the newest reading of every channel: last seen per data stream, not per connection."""
    cameras: tuple[CameraHealth, ...] = ()
    model: ModelRef | None = None
    unit_models: dict[Slug, ModelRef] = Field(default_factory=dict)
    """By unit, where a trial has the units looked at by another one than ``model``."""
    provider: str | None = None
    config_sha256: Sha256Hex | None = None
    """Of the settings from the fleet that this very agent was started with; None: of its own file alone."""
    agent_sha256: Sha256Hex | None = None
    """Of the wheel that this very agent was installed from by the fleet; None: by the machine's own ways."""
    certificate_expires_at: UtcDatetime | None = None
    """End of the certificate that the box shows to its broker; None when it shows none."""
    temperatures_c: dict[str, float] = Field(default_factory=dict, max_length=64)
    """Degrees Celsius by thermal zone of the machine; empty where the kernel tells none."""
    clock_trusted: bool | None = None
    """Whether the box knows the time; None from an agent that does not tell."""
    degraded: tuple[str, ...] = ()
    """What is not working as configured, in words."""


CLOCK_SYNCED = "clock.synced"
"""Event of a box that has learned the time. Its detail holds ``timeline`` and ``offset_us`` (``envelope.FreeClock``)."""


class DeviceEvent(WireModel):
    """Something that happened on a device and is worth keeping: boot, camera lost, outbox rebuilt, model swapped."""

    name: str = Field(pattern=r"^[a-z0-9_.]{1,64}$")
    severity: Severity | None = None
    unit: Slug | None = None
    occurred_at: UtcDatetime
    message: str = Field(default="", max_length=1000)
    detail: dict[str, str | int | float | bool | None] = Field(default_factory=dict)


class EventBatch(WireModel):
    """Events that travel together."""

    type: Literal["events"] = "events"
    events: tuple[DeviceEvent, ...] = Field(min_length=1, max_length=100)


class Watermark(WireModel):
    """Downlink, retained: what the store has committed of one device's outbox stream.

    Every sequence up to ``committed`` is stored, and those in the inclusive ranges ``above``.
    """

    v: Literal[1] = 1
    site: Slug
    device: Slug
    stream: str
    committed: int = Field(ge=0)
    above: tuple[tuple[int, int], ...] = Field(default=(), max_length=64)


class ShadowState(WireModel):
    """``state`` of an AWS IoT shadow document."""

    desired: dict[str, Any] | None = None
    reported: dict[str, Any] | None = None
    delta: dict[str, Any] | None = None


class ShadowDocument(WireModel):
    """A named shadow in the shape of AWS IoT (Device Shadow service documents)."""

    state: ShadowState
    version: int | None = Field(default=None, ge=1)
    timestamp: int | None = None
    clientToken: str | None = None  # noqa: N815  (the name on the AWS wire)


class JobExecution(WireModel):
    """One execution of an AWS IoT job as the device sees it."""

    jobId: str  # noqa: N815  (the names on the AWS wire)
    status: Literal["QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"]
    versionNumber: int = Field(default=1, ge=1)  # noqa: N815
    executionNumber: int | None = None  # noqa: N815
    queuedAt: int | None = None  # noqa: N815
    jobDocument: dict[str, Any] | None = None  # noqa: N815
    statusDetails: dict[str, str] | None = None  # noqa: N815


class RunningModel(WireModel):
    """What a device reports of the model that its inference session really runs."""

    unit: Slug | None = None
    sha256: Sha256Hex
    name: str
    version: str
    provider: str
    since: UtcDatetime
