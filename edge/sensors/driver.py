"""What a sensor driver is: it turns the world's messages into deliveries and hands them over; it decides nothing.

Ownership: a delivery belongs to the driver until ``done`` is called, and the agent calls it only after the readings are
persisted. A driver whose source can redeliver (QoS 1) acknowledges there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from edge.settings import ChannelSettings


@dataclass(frozen=True)
class RawReading:
    """A number as it arrived, scaled into the quantity's unit, not yet judged."""

    channel: ChannelSettings
    value: float
    node_time: datetime | None
    """What the node says; ``None`` when it says nothing."""


@dataclass(frozen=True)
class Delivery:
    """The readings of one message."""

    readings: tuple[RawReading, ...]
    received_at: datetime
    received_s: float
    """Monotonic time of arrival."""
    done: Callable[[], None]
    """Call once, after the readings are persisted or refused for good."""
    timeline: str | None = None
    """The free-running clock that ``received_at`` is on; None when it is the time."""


Deliver: TypeAlias = Callable[[Delivery], None]
"""Takes a delivery over for processing; returns at once."""


@dataclass(frozen=True)
class DriverHealth:
    """How a driver is doing, for the page and the heartbeat."""

    name: str
    connected: bool
    messages: int
    rejected: int
    """Messages that fit no mapping or held no number."""


class SensorDriver(Protocol):
    """One source of sensor messages."""

    @property
    def name(self) -> str:
        """Name from the configuration."""
        ...

    def run(self, stop: threading.Event) -> None:
        """Receive and deliver until ``stop`` is set; reconnects by itself."""
        ...

    def health(self) -> DriverHealth:
        """How it is doing right now."""
        ...
