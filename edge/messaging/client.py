"""The uplink to any MQTT broker, through paho.

A paho client serves one connection and is thrown away with it: reconnecting is ours, so that the back-off has jitter, a stop
is prompt, and no message hides in a client.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contracts.devices import Inventory
from contracts.traces import TRACEPARENT
from edge.clock import Clock
from edge.errors import LinkDownError
from edge.messaging.link import DeviceLink
from edge.messaging.state import Acknowledged, LinkEvent
from edge.sections import MqttSettings

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 10.0
"""For the TCP connection, and again for the broker's word on the login."""
WRONG_LOGIN = "check mqtt.username and mqtt.password_file (or mqtt.password)"
HUNG_UP = "the broker hung up instead of answering the login"
"""The embedded broker says no to a missing or wrong login in this way; others to a client that must use TLS."""


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


class MqttLink(DeviceLink):
    """The uplink of one device over paho.

    Args:
        settings: the broker.
        window: messages in flight that the client allows.
        site, device, boot, clock, inventory, on_event: as for ``DeviceLink``.
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
        super().__init__(
            site=site,
            device=device,
            boot=boot,
            clock=clock,
            inventory=inventory,
            on_event=on_event,
            reconnect_max_s=settings.reconnect_max_s,
        )
        self._settings = settings
        self._window = window
        self._ended = threading.Event()
        self._accepted = self._answered = False
        self._client = self._new_client()

    def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:
        """Hand one QoS 1 message to the client; returns its message id. MQTT 3.1.1 has no place for ``trace``.

        Raises:
            LinkDownError: not connected; nothing was handed over.
        """
        if not self.connected.is_set():
            raise LinkDownError("the broker is not connected")
        properties = None
        if trace is not None and self._client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.UserProperty = (TRACEPARENT, trace)
        return self._client.publish(topic, payload, qos=1, properties=properties).mid

    def _retain(self, topic: str, payload: bytes) -> Callable[[float], bool]:
        message = self._client.publish(topic, payload, qos=1, retain=True)

        def confirmed(timeout_s: float) -> bool:
            try:
                message.wait_for_publish(timeout_s)
                return message.is_published()
            except (RuntimeError, ValueError):  # the connection broke, or the client's queue is full
                return False

        return confirmed

    def _disconnect(self) -> None:
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

    def _serve(self, will: bytes, stop: threading.Event) -> bool:
        self._client = self._new_client()
        self._client.will_set(self._status_topic, will, qos=1, retain=True)
        self._ended.clear()
        self._accepted = self._answered = False
        try:
            self._client.connect(self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s)
        except OSError as error:
            where = f"{self._settings.host}:{self._settings.port}"
            remedy = f"check mqtt.host and mqtt.port ({where}), the network, and that the broker runs"
            if isinstance(error, ssl.SSLError):
                remedy = "check mqtt.tls: the authority, this box's certificate, and the clock"
            self._failed(
                "mqtt.unreachable", str(error), remedy=remedy, host=self._settings.host, port=self._settings.port
            )
            return False
        self._client.loop_start()
        answers_by_s = time.monotonic() + CONNECT_TIMEOUT_S
        while not self._ended.wait(0.2):
            if stop.is_set():
                self._answered = True  # that we leave is no answer of the broker's
                self._client.disconnect()
                break
            if not self._answered and time.monotonic() > answers_by_s:
                self._refused(
                    "the broker does not answer the login", "check mqtt.port, and mqtt.tls where it needs TLS"
                )
                self._client.disconnect()
                break
        self._client.loop_stop()
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
            self._refused(f"the broker refuses this box ({reason})", WRONG_LOGIN)
            return
        self._answered = True
        client.subscribe([(topic_filter, 1) for topic_filter in self._routes.filters()])
        log.info("mqtt.connected", host=self._settings.host, port=self._settings.port)
        self._accepted = True
        self._welcome()

    def _disconnected(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._answered and not self._leaving:
            self._refused(HUNG_UP, f"{WRONG_LOGIN}, and mqtt.tls")
        self._lost(str(reason))
        self._ended.set()

    def _refused(self, reason: str, remedy: str) -> None:
        self._answered = True
        self._failed("mqtt.refused", reason, remedy=remedy, host=self._settings.host, port=self._settings.port)

    def _published(
        self, _client: Client, _userdata: object, mid: int, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._on_event(Acknowledged(mid))

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._routes.dispatch(message.topic, bytes(message.payload))
