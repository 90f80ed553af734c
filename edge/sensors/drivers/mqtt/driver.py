"""MQTT messages of farm sensors to deliveries: a session that outlives a restart, acknowledged after persisting.

The broker redelivers what was not acknowledged; the sampler recognises a repeat by its node time. A topic whose numbers carry
no time is heard at QoS 0, which brokers do not queue, and not when retained: what waited there would look fresh.
"""

from __future__ import annotations

import threading

import structlog

from edge.sensors.driver import Delivery, DriverContext, DriverHealth
from edge.sensors.drivers.broker import FarmBroker, Incoming
from edge.sensors.drivers.mqtt.mapping import read
from edge.sensors.drivers.mqtt.settings import MqttSensor

log = structlog.get_logger()


class MqttSensorDriver:
    """Reads one farm broker."""

    def __init__(self, settings: MqttSensor, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        dated = {channel.topic: True for channel in settings.channels}
        for channel in settings.channels:
            dated[channel.topic] &= channel.time_pointer is not None
        self._topics = dated
        self._messages = 0
        self._rejected = 0
        self._broker = FarmBroker(
            settings.broker,
            sensor=settings.name,
            client_id=context.identity,
            clean=False,
            on_connected=self._connected,
            on_message=self._message,
        )

    @property
    def name(self) -> str:
        """Name from the configuration."""
        return self._settings.name

    def health(self) -> DriverHealth:
        """How it is doing right now."""
        return DriverHealth(self.name, self._broker.connected, self._messages, self._rejected)

    def run(self, stop: threading.Event) -> None:
        """Receive until ``stop`` is set."""
        self._broker.run(stop)

    def _connected(self) -> None:
        self._broker.subscribe(sorted(topic for topic, dated in self._topics.items() if dated), qos=1)
        self._broker.subscribe(sorted(topic for topic, dated in self._topics.items() if not dated), qos=0)

    def _message(self, message: Incoming) -> None:
        self._messages += 1
        readings, faults = read(self._settings.channels, message.topic, message.payload)
        if message.retained and (undated := [reading for reading in readings if reading.node_time is None]):
            faults += [f"{reading.channel.name}: a retained value has no age" for reading in undated]
            readings = [reading for reading in readings if reading.node_time is not None]
        if not readings:
            self._rejected += 1
            log.warning("sensor.message_rejected", sensor=self.name, topic=message.topic, faults=faults[:3])
            message.acknowledge()
            return
        clock = self._context.clock
        received_at, timeline = clock.label()
        self._context.deliver(Delivery(tuple(readings), received_at, clock.monotonic(), message.acknowledge, timeline))
