"""Messages of the live interface, both ways. docs/live.md tells them in order.

Everything on a stream is state, not a log: a snapshot says how things stand, every delta what became different, and of
several changes within one interval the last one counts.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from cloud.alarms.schemas import Alarm
from cloud.devices.schemas import Device
from cloud.farms.schemas import Unit
from cloud.kit.schemas import ApiModel
from cloud.observations.schemas import ObservationOut
from cloud.telemetry.schemas import FailedTest, LatestReading
from contracts.base import Slug, UtcDatetime
from contracts.quality import QualityFlag

MAX_SITES = 100
MAX_UNITS = 5000


class Authenticate(ApiModel):
    """The access token, for clients that cannot offer it as a subprotocol; again: the next token of the same user."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["authenticate"]
    token: Annotated[str, Field(max_length=4096)]


class Subscribe(ApiModel):
    """What to watch. A second one replaces the first."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["subscribe"]
    sites: Annotated[tuple[Slug, ...], Field(max_length=MAX_SITES)] | None = None
    """Slugs; null: those of ``units``, or without units every site that the user may see."""
    units: Annotated[tuple[Annotated[int, Field(ge=1, lt=2**31)], ...], Field(max_length=MAX_UNITS)] | None = None
    """Ids; null: every unit of the sites, those that come later too."""
    resume: Annotated[str, Field(max_length=200)] | None = None
    """``resume`` of the last message that arrived; what was missed follows, or a snapshot where that is too long ago."""


class LiveChannel(LatestReading):
    """The newest value of a channel with everything that is needed to show it."""

    unit_id: int


class LiveReading(ApiModel):
    """A new value of a channel that an earlier message described."""

    channel_id: int
    unit_id: int
    value: float
    observed_at: UtcDatetime
    age_s: float
    """Seconds between ``observed_at`` and the message's ``server_time``."""
    quality: QualityFlag
    tests: list[FailedTest] = Field(default_factory=list)
    """Why it is flagged; absent when nothing failed."""


class LiveObservation(ApiModel):
    """The newest of the cameras of a unit."""

    unit_id: int
    observation: ObservationOut | None
    """The newest observation; its image may still be on the way."""
    evidence: ObservationOut | None
    """The newest observation whose image has arrived."""


class LiveSite(ApiModel):
    """A site that is watched, with the watched units."""

    site: str
    units: list[Unit]


class Snapshot(ApiModel):
    """How things stand. It replaces everything that the client knew."""

    type: Literal["snapshot"] = "snapshot"
    seq: int
    """Number of the last change that is in it; the next delta has the next number."""
    resume: str
    """Give it with the next ``subscribe`` to go on from here."""
    server_time: UtcDatetime
    """Every ``age_s`` counts to it."""
    interval_s: float
    """Shortest time between two deltas."""
    sites: list[LiveSite]
    channels: list[LiveChannel]
    observations: list[LiveObservation]
    alarms: list[Alarm]
    """Those that are active or that nobody has acknowledged."""
    devices: list[Device]


class Delta(ApiModel):
    """What became different since the message before, whose ``seq`` is one less. Lists without entries are absent."""

    type: Literal["delta"] = "delta"
    seq: int
    resume: str
    server_time: UtcDatetime
    channels: list[LiveChannel] = Field(default_factory=list)
    """Channels that are new, or whose limits or description changed."""
    readings: list[LiveReading] = Field(default_factory=list)
    observations: list[LiveObservation] = Field(default_factory=list)
    alarms: list[Alarm] = Field(default_factory=list)
    """Raised, acknowledged, shelved or cleared; one that is neither active nor unacknowledged is off the list."""
    devices: list[Device] = Field(default_factory=list)
    """Boxes whose link or version changed, or that were heard of again."""


class Heartbeat(ApiModel):
    """Nothing changed. A client that hears nothing for three heartbeats should connect again."""

    type: Literal["heartbeat"] = "heartbeat"
    seq: int
    server_time: UtcDatetime
    store: Literal["ok", "unavailable"]
    """``unavailable``: the server cannot see changes right now, so that what is shown only grows older."""


class Closing(ApiModel):
    """Why the server ends the stream; the last message."""

    type: Literal["closing"] = "closing"
    code: Literal[
        "unauthenticated", "forbidden", "not_found", "invalid_message", "too_slow", "too_many_clients", "unavailable"
    ]
    detail: str


ClientMessage = Annotated[Authenticate | Subscribe, Field(discriminator="type")]
LiveMessage = Annotated[Snapshot | Delta | Heartbeat | Closing, Field(discriminator="type")]
