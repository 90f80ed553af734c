"""The MQTT connection: last will, birth, the committed watermark in, outbox messages out; reconnects by itself.

A paho client serves one connection and is thrown away with it: reconnecting is ours, so that the back-off has jitter, a stop
is prompt, and no message hides in a client. Callbacks only pass events on; nothing is decided here.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import ValidationError

from contracts.devices import DeviceState, Inventory, Status, Watermark
from contracts.envelope import encode
from contracts.topics import Kind, committed, uplink
from edge.clock import Clock
from edge.errors import LinkDownError
from edge.messaging.routes import Handler, Routes
from edge.messaging.state import Acknowledged, Committed, Connected, Disconnected, LinkEvent, backoff_s
from edge.sections import MqttSettings

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 10.0


def new_client(settings: MqttSettings, *, client_id: str, clean: bool, manual_ack: bool = False) -> Client:
    """A paho client with the credentials, TLS and socket options of the settings; not connected."""
    version = MQTTProtocolVersion.MQTTv5 if settings.protocol == "5" else MQTTProtocolVersion.MQTTv311
    options: dict[str, Any] = {} if version is MQTTProtocolVersion.MQTTv5 else {"clean_session": clean}
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=version,
        manual_ack=manual_ack,
        reconnect_on_failure=False,
        **options,
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    password = settings.secret()
    if settings.username is not None:
        client.username_pw_set(settings.username, password)
    if settings.tls is not None:
        context = ssl.create_default_context(cafile=str(settings.tls.ca_file) if settings.tls.ca_file else None)
        if settings.tls.cert_file is not None:
            context.load_cert_chain(settings.tls.cert_file, settings.tls.key_file)
        client.tls_set_context(context)
    client.on_socket_open = _no_delay
    return client


def _no_delay(_client: Client, _userdata: object, sock: Any) -> None:
    """Without this the first large message after a SUBACK waits 40 ms for Nagle's algorithm."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class MqttLink:
    """The uplink of one device.

    Args:
        inventory: makes the inventory of the birth message, at the moment of connecting.
        on_event: gets every link event; called from the network thread, must return at once.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        site: str,
        device: str,
        boot: str,
        clock: Clock,
        inventory: Callable[[], Inventory],
        on_event: Callable[[LinkEvent], None],
        window: int = 100,
    ) -> None:
        self.connected = threading.Event()
        self._ended = threading.Event()
        self._accepted = False
        self._leaving = False
        self._settings = settings
        self._site, self._device, self._boot = site, device, boot
        self._clock = clock
        self._inventory = inventory
        self._on_event = on_event
        self._status_topic = uplink(site, device, Kind.STATUS)
        self._routes = Routes()
        self._routes.add(committed(site, device), self._hear_watermark)
        self._routes.add(self._status_topic, self._contradict)
        self._jitter = random.Random()  # noqa: S311  (spreads reconnects)
        self._window = window
        self._client = self._new_client()

    def route(self, topic_filter: str, handler: Handler) -> None:
        """Subscribe to ``topic_filter`` (QoS 1) at every connection and hand its messages to ``handler``; before ``run``.

        The handler gets topic and payload in the network thread and must return at once. A message may come twice, and a
        retained one comes again at every connection.
        """
        self._routes.add(topic_filter, handler)

    def run(self, stop: threading.Event) -> None:
        """Stay connected until ``stop`` is set."""
        attempt = 0
        while not stop.is_set():
            self._client = self._new_client()
            # The will is written at every connection: its sent_at is the time of connecting.
            self._client.will_set(
                self._status_topic, encode(self._status(DeviceState.OFFLINE, "last_will")), qos=1, retain=True
            )
            try:
                self._client.connect(self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s)
            except OSError as error:
                attempt += 1
                log.info("mqtt.unreachable", host=self._settings.host, port=self._settings.port, error=str(error))
            else:
                attempt = 0 if self._serve(stop) else attempt + 1
            if not stop.is_set():
                stop.wait(
                    backoff_s(
                        max(1, attempt),
                        first_s=1.0,
                        longest_s=self._settings.reconnect_max_s,
                        jitter=self._jitter.random(),
                    )
                )

    def publish(self, topic: str, payload: bytes) -> int:
        """Hand one QoS 1 message to the client; returns its message id.

        Raises:
            LinkDownError: not connected; nothing was handed over.
        """
        if not self.connected.is_set():
            raise LinkDownError("the broker is not connected")
        return self._client.publish(topic, payload, qos=1).mid

    def announce(self) -> None:
        """Publish the birth message again because the inventory has changed; without a connection the next birth says it."""
        if self.connected.is_set():
            birth = self._status(DeviceState.ONLINE, None, self._inventory())
            self._client.publish(self._status_topic, encode(birth), qos=1, retain=True)

    def say_goodbye(self, *, timeout_s: float = 1.0) -> None:
        """Publish the clean offline status and disconnect; without a connection the last will says it."""
        if not self.connected.is_set():
            return
        self._leaving = True
        message = self._client.publish(
            self._status_topic, encode(self._status(DeviceState.OFFLINE, "stopped")), qos=1, retain=True
        )
        try:
            message.wait_for_publish(timeout_s)
        except (RuntimeError, ValueError) as error:
            log.info("mqtt.goodbye_not_sent", error=str(error))
        self._client.disconnect()

    # -- the network loop ----------------------------------------------------------------------------------------

    def _new_client(self) -> Client:
        """One client per connection: what the old one still held is the publisher's to send again."""
        identity = self._settings.client_id or f"{self._site}.{self._device}"
        client = new_client(self._settings, client_id=identity, clean=True)
        client.max_inflight_messages_set(self._window)
        client.max_queued_messages_set(0)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        client.on_message = self._message
        return client

    def _serve(self, stop: threading.Event) -> bool:
        """Serve one connection until it ends; returns whether the broker had accepted it."""
        self._ended.clear()
        self._accepted = False
        self._client.loop_start()
        while not self._ended.wait(0.2):
            if stop.is_set():
                self._client.disconnect()
                break
        self._client.loop_stop()
        if self.connected.is_set():
            self._lost("stopped")
        return self._accepted

    def _connected(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning("mqtt.refused", host=self._settings.host, reason=str(reason))
            return
        client.subscribe([(topic_filter, 1) for topic_filter in self._routes.filters()])
        log.info("mqtt.connected", host=self._settings.host, port=self._settings.port)
        self._accepted = True
        self.connected.set()
        self.announce()
        self._on_event(Connected())

    def _disconnected(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self.connected.is_set():
            self._lost(str(reason))
        self._ended.set()

    def _lost(self, reason: str) -> None:
        self.connected.clear()
        log.info("mqtt.disconnected", reason=reason)
        self._on_event(Disconnected(reason))

    def _published(
        self, _client: Client, _userdata: object, mid: int, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._on_event(Acknowledged(mid))

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._routes.dispatch(message.topic, bytes(message.payload))

    def _hear_watermark(self, _topic: str, payload: bytes) -> None:
        if not payload:
            return
        try:
            watermark = Watermark.model_validate_json(payload)
        except ValidationError as error:
            log.warning("mqtt.bad_watermark", error=str(error))
            return
        self._on_event(Committed(watermark))

    def _contradict(self, _topic: str, payload: bytes) -> None:
        """The will of an earlier connection may come after our birth: whoever reads "offline" then would be wrong."""
        try:
            status = Status.model_validate_json(payload)
        except ValidationError:
            return
        if status.state is DeviceState.OFFLINE and not self._leaving:
            self.announce()

    def _status(self, state: DeviceState, reason: str | None, inventory: Inventory | None = None) -> Status:
        return Status(
            site=self._site,
            device=self._device,
            boot=self._boot,
            sent_at=self._clock.now(),
            state=state,
            reason=reason,
            inventory=inventory,
        )
