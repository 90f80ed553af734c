"""MQTT messages of farm sensors to deliveries: QoS 1, a session that outlives a restart, acknowledged after persisting.

The broker redelivers what was not acknowledged; the sampler recognises a repeat by its node time.
"""

from __future__ import annotations

import random
import threading

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.clock import Clock
from edge.messaging.client import new_client
from edge.messaging.state import backoff_s
from edge.sensors.driver import Deliver, Delivery, DriverHealth
from edge.sensors.drivers.mqtt.mapping import read
from edge.sensors.drivers.mqtt.settings import MqttSensor

log = structlog.get_logger()


class MqttSensorDriver:
    """Reads one farm broker.

    Args:
        client_id: used when the settings name none; must be stable, the broker keeps the session under it.
    """

    def __init__(self, settings: MqttSensor, *, client_id: str, clock: Clock, deliver: Deliver) -> None:
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._topics = sorted({channel.topic for channel in settings.channels})
        self._ended = threading.Event()
        self._up = threading.Event()
        self._messages = 0
        self._rejected = 0
        self._client_id = settings.broker.client_id or client_id

    @property
    def name(self) -> str:
        """Name from the configuration."""
        return self._settings.name

    def health(self) -> DriverHealth:
        """How it is doing right now."""
        return DriverHealth(self.name, self._up.is_set(), self._messages, self._rejected)

    def run(self, stop: threading.Event) -> None:
        """Receive until ``stop`` is set."""
        broker = self._settings.broker
        attempt = 0
        while not stop.is_set():
            self._ended.clear()
            client = self._new_client()
            try:
                client.connect(broker.host, broker.port, keepalive=broker.keepalive_s)
            except OSError as error:
                log.info("sensor.broker_unreachable", sensor=self.name, host=broker.host, error=str(error))
            else:
                client.loop_start()
                while not self._ended.wait(0.2) and not stop.is_set():
                    if self._up.is_set():
                        attempt = 0
                if stop.is_set():
                    client.disconnect()
                client.loop_stop()
            self._up.clear()
            attempt += 1
            if not stop.is_set():
                stop.wait(
                    backoff_s(attempt, first_s=1.0, longest_s=broker.reconnect_max_s, jitter=random.random())  # noqa: S311
                )

    def _new_client(self) -> Client:
        """One client per connection: message ids of an old connection mean nothing on the next one."""
        client = new_client(self._settings.broker, client_id=self._client_id, clean=False, manual_ack=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        return client

    def _connected(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning("sensor.broker_refused", sensor=self.name, reason=str(reason))
            return
        client.subscribe([(topic, 1) for topic in self._topics])
        self._up.set()
        log.info("sensor.connected", sensor=self.name, topics=len(self._topics))

    def _disconnected(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._up.clear()
        log.info("sensor.disconnected", sensor=self.name, reason=str(reason))
        self._ended.set()

    def _message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._messages += 1
        mid, qos = message.mid, message.qos

        def acknowledge() -> None:
            # On a client whose connection has ended this does nothing; the broker will deliver again.
            if qos and client.is_connected():
                client.ack(mid, qos)

        readings, faults = read(self._settings.channels, message.topic, bytes(message.payload))
        if not readings:
            self._rejected += 1
            log.warning("sensor.message_rejected", sensor=self.name, topic=message.topic, faults=faults[:3])
            acknowledge()
            return
        received_at, timeline = self._clock.label()
        self._deliver(Delivery(tuple(readings), received_at, self._clock.monotonic(), acknowledge, timeline))
