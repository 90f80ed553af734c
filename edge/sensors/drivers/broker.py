"""The connection of a driver to a farm's MQTT broker: connects, subscribes, hands messages over, comes back by itself.

A paho client serves one connection and is thrown away with it, as in ``edge.messaging.client``; message ids of an old
connection mean nothing on the next one.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.messaging.client import new_client
from edge.messaging.state import Outage, backoff_s
from edge.sections import MqttSettings

log = structlog.get_logger()


@dataclass(frozen=True)
class Incoming:
    """One message."""

    topic: str
    payload: bytes
    retained: bool
    """The broker kept it for new subscribers: nobody knows how old it is."""
    acknowledge: Callable[[], None]
    """Call once, when the message is dealt with; the broker delivers again what was not acknowledged."""


@dataclass(frozen=True)
class Will:
    """What the broker says when the connection is lost."""

    topic: str
    payload: bytes
    retain: bool


class FarmBroker:
    """One driver's connection.

    Args:
        client_id: used when the settings name none; with ``clean`` False the broker keeps the session under it.
        clean: start without what the broker queued while we were away. Right for messages without a time of their own:
            delivered late they would look fresh.
        on_connected: subscribe (to something at least) and say hello here; called from the network thread on every connection.
        on_message: called from the network thread, must return soon.
        will: makes the last will of the next connection; None leaves none.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        sensor: str,
        client_id: str,
        clean: bool,
        on_connected: Callable[[], None],
        on_message: Callable[[Incoming], None],
        will: Callable[[], Will] | None = None,
    ) -> None:
        self._settings = settings
        self._sensor = sensor
        self._client_id = settings.client_id or client_id
        self._clean = clean
        self._on_connected = on_connected
        self._on_message = on_message
        self._will = will
        self._client: Client | None = None
        self._ended = threading.Event()
        self._up = threading.Event()
        self._outage = Outage()

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and what we want to hear."""
        return self._up.is_set()

    def subscribe(self, topics: Iterable[str], *, qos: int = 1) -> None:
        """Ask for these topics on the present connection."""
        wanted = [(topic, qos) for topic in topics]
        if self._client is not None and wanted:
            self._client.subscribe(wanted)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Ask for these topics no longer."""
        unwanted = list(topics)
        if self._client is not None and unwanted:
            self._client.unsubscribe(unwanted)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Say something, if there is a connection to say it on."""
        if self._client is not None:
            self._client.publish(topic, payload, qos=qos, retain=retain)

    def run(self, stop: threading.Event, *, goodbye: Callable[[], None] | None = None) -> None:
        """Stay connected until ``stop`` is set; ``goodbye`` may publish before a clean end."""
        attempt = 0
        while not stop.is_set():
            attempt += 1
            if self._serve(stop, goodbye):
                attempt = 1
            if not stop.is_set():
                jitter = random.random()  # noqa: S311
                stop.wait(backoff_s(attempt, first_s=1.0, longest_s=self._settings.reconnect_max_s, jitter=jitter))

    def _serve(self, stop: threading.Event, goodbye: Callable[[], None] | None) -> bool:
        """One connection, from attempt to end; True when it was ever up."""
        self._ended.clear()
        client = self._new_client()
        was_up = False
        try:
            client.connect(self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s)
        except OSError as error:
            self._failed("sensor.broker_unreachable", str(error))
            return False
        self._client = client
        client.loop_start()
        while not self._ended.wait(0.2) and not stop.is_set():
            was_up = was_up or self._up.is_set()
        if stop.is_set():
            if goodbye is not None and self._up.is_set():
                goodbye()
            client.disconnect()
        client.loop_stop()
        self._up.clear()
        self._client = None
        return was_up

    def _failed(self, event: str, reason: str) -> None:
        if attempts := self._outage.failed(f"{event} {reason}", time.monotonic()):
            log.warning(event, sensor=self._sensor, host=self._settings.host, error=reason, attempts=attempts)

    def _new_client(self) -> Client:
        client = new_client(self._settings, client_id=self._client_id, clean=self._clean, manual_ack=True)
        if self._will is not None:
            will = self._will()
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        return client

    def _connected(
        self,
        _client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._failed("sensor.broker_refused", str(reason))
            return
        self._on_connected()

    def _subscribed(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._failed("sensor.subscription_refused", ", ".join(str(reason) for reason in reasons))
        elif not self._up.is_set():
            self._outage.ended()
            self._up.set()
            log.info("sensor.connected", sensor=self._sensor)

    def _disconnected(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._up.is_set():
            log.info("sensor.disconnected", sensor=self._sensor, reason=str(reason))
        self._up.clear()
        self._ended.set()

    def _message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        mid, qos = message.mid, message.qos

        def acknowledge() -> None:
            # On a client whose connection has ended this does nothing; the broker will deliver again.
            if qos and client.is_connected():
                client.ack(mid, qos)

        self._on_message(Incoming(message.topic, bytes(message.payload), bool(message.retain), acknowledge))
