"""Settings of the outbox: what it may hold, how fast it may send."""

from __future__ import annotations

from datetime import time
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from contracts.base import Fraction
from edge.outbox.rules import Priority
from edge.sections import Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class OutboxShares(Section):
    """Part of ``max_bytes`` that each class may take, so that none crowds the others out. Alarms take what they need."""

    counts: Fraction = 0.5
    """Observations of the cameras."""
    telemetry: Fraction = 0.9
    """Readings, events and heartbeats; above 80 % of it the oldest readings are thinned to least, greatest and mean a minute."""
    evidence: Fraction = 0.5
    """Images."""


class BandwidthWindow(Section):
    """A rate for a part of every day."""

    begins: time
    """Local time of day, ``22:00``."""
    ends: time
    """Local time of day that no longer belongs to it; before ``begins`` it is on the next day."""
    max_bytes_per_s: int | None = Field(default=None, ge=100)
    """Bytes per second that the uplink may send meanwhile; alarms never wait for it. None: no bound."""

    @field_validator("begins", "ends", mode="before")
    @classmethod
    def _is_quoted(cls, value: object) -> object:
        if isinstance(value, (int, float)):  # YAML reads 22:00 without quotes as the number 1320
            raise ValueError('Write the time in quotes: "22:00"')  # noqa: TRY004  (pydantic takes ValueError)
        return value

    @model_validator(mode="after")
    def _has_a_length(self) -> BandwidthWindow:
        if self.begins == self.ends:
            raise ValueError(
                "A window ends at another time than it begins; for the whole day set outbox.max_bytes_per_s"
            )
        if self.begins.tzinfo is not None or self.ends.tzinfo is not None:
            raise ValueError("Write local times without an offset, e.g. 22:00; the zone is outbox.timezone")
        return self


class OutboxSettings(Section):
    """The durable queue towards the cloud."""

    max_bytes: int = Field(default=2_000_000_000, ge=1_000_000)
    """Quota of stored messages in bytes; beyond it images go first, then the oldest telemetry, alarms never."""
    shares: OutboxShares = OutboxShares()
    """Quota of each class."""
    min_free_bytes: int = Field(default=200_000_000, ge=0)
    """Free disk space in bytes below which the outbox stops growing; 0 leaves the check out."""
    window: int = Field(default=100, ge=1, le=1000)
    """Messages in flight to the broker; more than 100 measured slower, not faster."""
    resend_after_s: float = Field(default=30.0, gt=0)
    """Seconds after the broker's acknowledgement after which a message that the store has not confirmed is sent again."""
    backfill_after_s: float = Field(default=30.0, gt=0)
    """Messages older than this in seconds when they are sent are flagged as backfill."""
    max_bytes_per_s: int | None = Field(default=None, ge=100)
    """Bytes per second that the uplink may send, a bound for what a mobile contract costs; alarms never wait for it.
    None: no bound."""
    evidence_share: Fraction = 0.5
    """Part of ``max_bytes_per_s`` that images may take."""
    windows: tuple[BandwidthWindow, ...] = Field(default=(), max_length=24)
    """Other rates at times of day; of two that overlap the later one in the list holds. While the box does not know the time, the
    strictest rate of all holds."""
    timezone: str | None = None
    """IANA name of the zone that ``windows`` are in (``Europe/Oslo``); None takes the machine's."""

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError("No such time zone; write an IANA name, e.g. Europe/Oslo")
        return value


class TraceSettings(Section):
    """Traces of what the box sends, to see where a message spends its time between tank and store.

    They need a broker with MQTT 5 (``mqtt.protocol`` 5, or AWS IoT Core), or a box (``shoal up``) that stores itself.
    """

    share: Fraction = 0.01
    """Part of the messages that is traced, from 0 to 1; alarms always are, unless it is 0. The store's own share must be the same
    where the broker carries no user properties."""
    endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Address of an OpenTelemetry collector that takes OTLP over HTTP, ``http://collector:4318/v1/traces``: it gets a span of every
    traced message, from its persisting to the broker's acknowledgement. Needs ``shoal[otel]``. None: messages carry the name of
    their trace and the box itself sends no spans, which costs nothing."""
    timeout_s: float = Field(default=5.0, gt=0, le=60)
    """Longest wait in seconds for the collector. One that is away costs spans, never messages."""


def shares_of(settings: OutboxSettings) -> dict[Priority, float]:
    """The quota of each class as a part of the whole."""
    shares = settings.shares
    return {
        Priority.COUNT: shares.counts,
        Priority.TELEMETRY: shares.telemetry,
        Priority.EVIDENCE: shares.evidence,
    }
