"""A host for nodes that announce themselves for Home Assistant: ESPHome, Tasmota and zigbee2mqtt nodes work unchanged.

Their values carry no time, so the session is clean: a value that waited in the broker would look fresh when it came.
"""

from __future__ import annotations

import threading

import structlog

from edge.sensors.driver import Delivery, DriverContext, DriverHealth
from edge.sensors.drivers.broker import FarmBroker, Incoming
from edge.sensors.drivers.home_assistant.discovery import discovery_filters, source_of
from edge.sensors.drivers.home_assistant.settings import HomeAssistantSensor
from edge.sensors.drivers.home_assistant.state import DiscoveryHost

log = structlog.get_logger()


class HomeAssistantDriver:
    """Listens on one broker."""

    def __init__(self, settings: HomeAssistantSensor, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._host = DiscoveryHost(settings.channels, settings.prefix)
        self._lock = threading.Lock()  # the page reads while the network thread writes
        self._subscribed: set[str] = set()
        self._messages = 0
        self._rejected = 0
        self._broker = FarmBroker(
            settings.broker,
            sensor=settings.name,
            client_id=context.identity,
            clean=True,
            on_connected=self._connected,
            on_message=self._message,
        )

    @property
    def name(self) -> str:
        """Name from the configuration."""
        return self._settings.name

    def health(self) -> DriverHealth:
        """How it is doing right now, with what it has discovered and no channel takes."""
        with self._lock:
            troubles = self._host.troubles(self._context.clock.monotonic())
            unmatched = self._host.unmatched()
        return DriverHealth(
            self.name, self._broker.connected, self._messages, self._rejected, tuple(troubles), unmatched
        )

    def run(self, stop: threading.Event) -> None:
        """Listen until ``stop`` is set."""
        self._broker.run(stop)

    def _connected(self) -> None:
        self._broker.subscribe([*discovery_filters(self._settings.prefix), *sorted(self._subscribed)])

    def _message(self, message: Incoming) -> None:
        clock = self._context.clock
        now_s = clock.monotonic()
        if source_of(message.topic, self._settings.prefix) is not None:
            with self._lock:
                self._host.announce(message.topic, message.payload, now_s)
                wanted = self._host.topics()
            self._broker.unsubscribe(sorted(self._subscribed - wanted))
            self._broker.subscribe(sorted(wanted - self._subscribed))
            self._subscribed = wanted
            message.acknowledge()
            return
        with self._lock:
            heard = self._host.hear(message.topic, message.payload, retained=message.retained, now_s=now_s)
        self._messages += 1
        if heard.faults:
            self._rejected += 1
            log.info("sensor.message_rejected", sensor=self.name, topic=message.topic, faults=heard.faults[:3])
        if not heard.readings:
            message.acknowledge()
            return
        received_at, timeline = clock.label()
        self._context.deliver(Delivery(heard.readings, received_at, now_s, message.acknowledge, timeline))
