"""The guard's own connection to the farm's broker: relays obey it, contacts report on it, nodes hear its heartbeat.

One for each broker, apart from the uplink and from the sensors: a flood of readings or a cloud that is away holds up no relay.
Commands that cannot be sent now are not kept: the outputs say what they want again at the next connection.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import LinkDownError
from edge.messaging.client import new_client
from edge.messaging.routes import Handler, Routes
from edge.messaging.state import Outage, backoff_s
from edge.sections import MqttSettings
from edge.sensors.drivers.mqtt.mapping import resolve

log = structlog.get_logger()

LONGEST_WAIT_S = 5.0
"""A relay waits for this connection: knock more often than an uplink does."""


def text_of(payload: bytes, pointer: str) -> str | None:
    """The state that a node reports, as text: the payload, or what is at a JSON pointer in it; None when there is none."""
    text = payload.decode(errors="replace").strip()
    if not pointer:
        return text or None
    try:
        found = resolve(json.loads(text), pointer)
    except ValueError:
        return None
    return json.dumps(found) if isinstance(found, (bool, int, float)) else str(found)


class FarmLink:
    """Connection to one broker on the farm.

    Args:
        client_id: stable and unique; two clients with one id disconnect each other.
    """

    def __init__(self, settings: MqttSettings, *, client_id: str) -> None:
        self.settings = settings
        self._client_id = client_id
        self._routes = Routes()
        self._listeners: list[Callable[[], None]] = []
        self._ended = threading.Event()
        self._up = threading.Event()
        self._outage = Outage()
        self._client: Client | None = None

    @property
    def connected(self) -> bool:
        """Whether the broker is connected now."""
        return self._up.is_set()

    def route(self, topic: str, handler: Handler) -> None:
        """Hand the messages of a topic to ``handler``, in the network thread; before ``run``."""
        self._routes.add(topic, handler)

    def on_connected(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at every connection, in the network thread; before ``run``."""
        self._listeners.append(listener)

    def publish(self, topic: str, payload: str | bytes) -> None:
        """Send one message with QoS 1, not retained; returns at once.

        Raises:
            LinkDownError: not connected; nothing was sent.
        """
        client = self._client
        if client is None or not self._up.is_set():
            raise LinkDownError(f"the farm's broker at {self.settings.host}:{self.settings.port} is not connected")
        client.publish(topic, payload, qos=1)

    def run(self, stop: threading.Event) -> None:
        """Stay connected until ``stop`` is set."""
        attempt = 0
        while not stop.is_set():
            self._ended.clear()
            client = self._client = self._new_client()
            try:
                client.connect(self.settings.host, self.settings.port, keepalive=self.settings.keepalive_s)
            except OSError as error:
                self._failed("farm.unreachable", str(error))
            else:
                client.loop_start()
                while not self._ended.wait(0.2) and not stop.is_set():
                    if self._up.is_set():
                        attempt = 0
                client.disconnect()
                client.loop_stop()
            self._up.clear()
            attempt += 1
            if not stop.is_set():
                longest_s = min(LONGEST_WAIT_S, self.settings.reconnect_max_s)
                stop.wait(backoff_s(attempt, first_s=0.5, longest_s=longest_s, jitter=random.random()))  # noqa: S311

    def _failed(self, event: str, reason: str) -> None:
        if attempts := self._outage.failed(f"{event} {reason}", time.monotonic()):
            log.warning(event, host=self.settings.host, port=self.settings.port, error=reason, attempts=attempts)

    def _new_client(self) -> Client:
        client = new_client(self.settings, client_id=self._client_id, clean=True)
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
            self._failed("farm.refused", str(reason))
            return
        filters = self._routes.filters()
        if filters:
            client.subscribe([(topic, 1) for topic in filters])
        self._outage.ended()
        self._up.set()
        log.info("farm.connected", host=self.settings.host, port=self.settings.port)
        for listener in self._listeners:
            listener()

    def _disconnected(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._up.is_set():
            log.info("farm.disconnected", host=self.settings.host, reason=str(reason))
        self._up.clear()
        self._ended.set()

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._routes.dispatch(message.topic, bytes(message.payload))


class FarmLinks:
    """One link for every broker that the guard's settings name.

    Args:
        identity: beginning of the client ids.
        usual: broker of everything that names none.
    """

    def __init__(self, identity: str, *, usual: MqttSettings) -> None:
        self._identity = identity
        self._usual = usual
        self._links: dict[tuple[str, int, str | None], FarmLink] = {}

    def to(self, broker: MqttSettings | None) -> FarmLink:
        """The link to this broker, or to the usual one."""
        settings = broker or self._usual
        key = (settings.host, settings.port, settings.username)
        if key not in self._links:
            name = settings.client_id or f"{self._identity}.guard{len(self._links) or ''}"
            self._links[key] = FarmLink(settings, client_id=name)
        return self._links[key]

    def all(self) -> tuple[FarmLink, ...]:
        """Every link that was asked for."""
        return tuple(self._links.values())
