"""Plays a recorded series into the agent, as live readings or as history."""

from __future__ import annotations

import threading

import structlog

from edge.sensors.driver import Delivery, DriverContext, DriverHealth, RawReading
from edge.sensors.drivers.replay.series import Moment, Pace, SeriesError, play
from edge.sensors.drivers.replay.settings import ReplaySensor

log = structlog.get_logger()

UNPERSISTED = 200
"""Deliveries that may wait to be persisted; the series waits rather than fill the box's queue."""


class ReplayDriver:
    """Plays one file."""

    def __init__(self, settings: ReplaySensor, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._channels = {channel.name: channel for channel in settings.channels}
        self._room = threading.BoundedSemaphore(UNPERSISTED)
        self._trouble = ""
        self._messages = 0
        self._rejected = 0

    @property
    def name(self) -> str:
        """Name from the configuration."""
        return self._settings.name

    def health(self) -> DriverHealth:
        """How it is doing right now; a series that has ended stays connected and is silent."""
        troubles = (self._trouble,) if self._trouble else ()
        return DriverHealth(self.name, not self._trouble, self._messages, self._rejected, troubles)

    def run(self, stop: threading.Event) -> None:
        """Play until the end, or until ``stop`` is set."""
        settings = self._settings
        pace = Pace(speed=settings.speed, max_gap_s=settings.max_gap_s, now_s=self._context.clock.monotonic())
        while not stop.is_set():
            try:
                for moment in play(settings):
                    if stop.wait(max(0.0, pace.due_s(moment.at) - self._context.clock.monotonic())):
                        return
                    self._deliver(moment, stop)
            except (OSError, SeriesError) as error:
                self._trouble = f"{settings.file}: {error}"
                log.warning("sensor.series_unreadable", sensor=self.name, error=str(error))
                return
            if not settings.loop:
                log.info("sensor.series_ended", sensor=self.name, moments=self._messages)
                return
            pace.again()
            stop.wait(0.01)  # a file without a single moment must not spin

    def _deliver(self, moment: Moment, stop: threading.Event) -> None:
        self._messages += 1
        self._rejected += moment.faults
        readings = readings_of(self._settings, moment)
        if not readings:
            return
        while not self._room.acquire(timeout=0.2):
            if stop.is_set():
                return
        received_at, timeline = self._context.clock.label()
        received_s = self._context.clock.monotonic()
        self._context.deliver(Delivery(readings, received_at, received_s, self._room.release, timeline))


def readings_of(settings: ReplaySensor, moment: Moment) -> tuple[RawReading, ...]:
    """What was recorded at one moment, with the stamps that the settings want."""
    historical = settings.stamps == "historical"
    return tuple(
        RawReading(channel, moment.numbers[channel.name], moment.at if historical else None, historical=historical)
        for channel in settings.channels
        if channel.name in moment.numbers
    )
