"""What a sensor driver is: it turns what the world says into deliveries and hands them over; it decides nothing.

Ownership: a delivery belongs to the driver until ``done`` is called, and the agent calls it only after the readings are
persisted. A driver whose source can redeliver (QoS 1) acknowledges there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from contracts.quality import QualityFlag
from edge.clock import Clock
from edge.sensors.settings import ChannelSettings, SensorSettings


@dataclass(frozen=True)
class RawReading:
    """A number as it arrived, scaled into the quantity's unit, not yet judged."""

    channel: ChannelSettings
    value: float
    node_time: datetime | None
    """What the node says; ``None`` when it says nothing."""
    quality: QualityFlag | None = None
    """What the device itself says of the value; None when it says nothing, and then the box alone judges."""
    test: str | None = None
    """Why the device does not call it good (``sentinel``, ``device_quality``)."""
    historical: bool = False
    """The node kept it while it could not send: it joins the record at ``node_time`` and raises no alarm."""


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
    troubles: tuple[str, ...] = ()
    """What is wrong now, for a person; a dead slave, a node that says null."""
    unmatched: tuple[Unmatched, ...] = ()
    """What the driver sees and no channel takes, for adoption."""


@dataclass(frozen=True)
class Unmatched:
    """Something that the driver sees and no channel takes."""

    source: str
    """How the driver addresses it, as a channel's settings would."""
    label: str
    """What it calls itself."""
    quantity: str | None = None
    """Quantity code that fits its unit; None when none does."""


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


@dataclass(frozen=True)
class DriverContext:
    """What the agent gives a driver."""

    identity: str
    """``<site>.<device>.<sensor>``: stable, so a broker can keep a session under it."""
    clock: Clock
    deliver: Deliver


@dataclass(frozen=True)
class Looked:
    """What a driver found when it was asked to look at its devices once (``shoal edge doctor``)."""

    subject: str
    well: bool
    what: str
    remedy: str = ""


def _nothing_to_look_at(_settings: Any) -> Iterable[Looked]:
    """Drivers behind a broker: that the broker answers is looked at for all of them."""
    return ()


def _nothing_to_check(_settings: Any, _field: str) -> None:
    """Most drivers need nothing of the machine before they start."""


@dataclass(frozen=True)
class DriverKind:
    """A driver as the agent finds it: named in its table, or an entry point of the group ``shoal.edge.drivers``.

    Attributes:
        settings: model of a ``sensors:`` entry with this driver; a subclass of SensorSettings.
        open: makes the driver from such settings; connects nothing. Imports its libraries here, not at module level.
        look: asks its devices once, for the doctor.
        check: raises ConfigurationError when this machine lacks what the settings ask for (a file, a serial port); its second
            argument is the field (``sensors.0``).
    """

    settings: type[SensorSettings]
    open: Callable[[Any, DriverContext], SensorDriver]
    check: Callable[[Any, str], None] = _nothing_to_check
    look: Callable[[Any], Iterable[Looked]] = _nothing_to_look_at
