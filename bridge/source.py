"""The MQTT side of the uplink: a persistent session that subscribes on every connection and never blocks its thread.

What arrives goes to the window (``inflight``). The broker is held back twice: it keeps no more messages in flight than
its limit or our Receive Maximum, and beyond the window reading pauses, so TCP holds the rest.
"""

from __future__ import annotations

import ssl
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.paho_client import open_client
from bridge.subscriptions import SUBSCRIPTIONS_FILE, Subscriptions
from contracts.topics import uplink_kind_filters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
    from paho.mqtt.reasoncodes import ReasonCode

    from bridge.inflight import InFlight
    from bridge.settings import BridgeSettings

log = structlog.get_logger()

_NO_SUCH_FILTER = "shoal/bridge/round-trip"
_ROUND_TRIP_S = 2.0


@dataclass(frozen=True)
class SourceState:
    """How the connection stands.

    Attributes:
        running: the network thread lives.
        subscribed: connected, and the broker granted every subscription on this connection.
        refused: filters that the broker refused.
        refusal: why the last attempt to connect failed.
        connections: connections made so far; reconnects are one less.
        sessions_lost: reconnects at which the broker no longer knew our session, so that what it held for us is gone.
    """

    running: bool
    connected: bool
    subscribed: bool
    refused: tuple[str, ...]
    refusal: str | None
    connections: int
    sessions_lost: int


class MqttSource:
    """Subscribes to what the settings route or adapt, unsubscribes what they no longer do, and fills the window."""

    def __init__(self, settings: BridgeSettings, window: InFlight) -> None:
        self._settings = settings
        self._window = window
        prefix = f"$share/{settings.shared_group}/" if settings.shared_group else ""
        self._filters = tuple(prefix + topic for topic in settings.filters)
        file = settings.state_dir / SUBSCRIPTIONS_FILE if settings.state_dir else None
        self._subscriptions = Subscriptions(file, settings.client_id)
        # Without a memory the default filters can still be told: unsubscribing what is not there does no harm.
        defaults = {prefix + topic for topic in uplink_kind_filters()}
        self._subscriptions.add(self._filters)
        unwanted = {*self._subscriptions.stale(self._filters), *settings.unsubscribe, *defaults} - set(self._filters)
        self._stale = tuple(sorted(unwanted))
        self._unsubscribing: int | None = None
        self._lock = threading.Lock()
        self._connected = False
        self._subscribed = False
        self._refused: tuple[str, ...] = ()
        self._refusal: str | None = None
        self._connections = 0
        self._sessions_lost = 0
        self._stopped = False
        self._answered = threading.Event()
        self._client = open_client(
            buffered=settings.mqtt_buffered,
            client_id=settings.client_id,
            mqtt_5=settings.mqtt_version == "5",
            traces=settings.traces,
            paused=lambda: window.full,
            on_deliveries=window.arrive,
            on_connection_lost=window.connection_lost,
        )
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_unsubscribe = self._on_unsubscribe
        self._client.reconnect_delay_set(1, settings.mqtt_reconnect_max_s)
        secure(self._client, settings)

    def start(self) -> None:
        """Connect in the background, for as long as it takes."""
        settings = self._settings
        options: dict[str, Any] = {}
        if settings.mqtt_version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = settings.mqtt_session_expiry_s
            properties.ReceiveMaximum = settings.window
            options = {"clean_start": False, "properties": properties}
        self._client.connect_async(settings.mqtt_host, settings.mqtt_port, settings.mqtt_keepalive_s, **options)
        self._client.loop_start()

    def acknowledge(self, generation: int, mids: Sequence[int]) -> bool:
        """PUBACK ``mids`` in this order; False when their connection is gone."""
        sent = self._client.acknowledge(generation, mids)
        self._client.gate_moved()
        return sent

    def stop(self) -> None:
        """See the last PUBACKs through, disconnect, and leave the session with the broker. Safe twice."""
        if self._stopped:
            return
        self._stopped = True
        # A broker that meets the closed socket while it still sends drops what it has not read of ours, PUBACKs
        # included; it answers in order, so this answer says that it has read them.
        if self._connected:
            self._client.on_unsubscribe = lambda *_: self._answered.set()
            self._client.unsubscribe(_NO_SUCH_FILTER)
            self._answered.wait(_ROUND_TRIP_S)
        self._client.disconnect()
        self._client.loop_stop()

    def state(self) -> SourceState:
        """How the connection stands now."""
        with self._lock:
            return SourceState(
                running=self._client.running,
                connected=self._connected,
                subscribed=self._subscribed,
                refused=self._refused,
                refusal=self._refusal,
                connections=self._connections,
                sessions_lost=self._sessions_lost,
            )

    def _on_connect(
        self,
        client: Client,
        _userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Any,
    ) -> None:
        if reason.is_failure:
            if self._refusal != str(reason):
                log.error("mqtt.connection_refused", host=self._settings.mqtt_host, reason=str(reason))
            self._refusal = str(reason)
            return
        with self._lock:
            self._connected, self._refusal = True, None
            self._connections += 1
            lost = self._connections > 1 and not flags.session_present
            self._sessions_lost += lost
        log.info("mqtt.connected", host=self._settings.mqtt_host, session_present=flags.session_present)
        if lost:
            log.warning("mqtt.session_lost", client_id=self._settings.client_id)
        # On every connection: a broker that restarted may keep the session and still have forgotten subscriptions.
        client.subscribe([(topic, 1) for topic in self._filters])
        if self._stale:
            _, self._unsubscribing = client.unsubscribe(list(self._stale))

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        error = sys.exc_info()[1]  # paho calls this while it handles the error, and does not pass it on
        reason = str(error) if error else "unknown"
        if reason != self._refusal:
            log.warning("mqtt.connection_failed", host=self._settings.mqtt_host, reason=reason)
        self._refusal = reason

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Any,
    ) -> None:
        refused = tuple(topic for topic, reason in zip(self._filters, reasons, strict=False) if reason.is_failure)
        with self._lock:
            self._refused = refused
            self._subscribed = not refused
        if refused:
            log.error("mqtt.subscription_refused", filters=refused)

    def _on_unsubscribe(
        self,
        _client: Client,
        _userdata: Any,
        mid: int,
        _reasons: list[ReasonCode],
        _properties: Any,
    ) -> None:
        if mid != self._unsubscribing:
            return
        forgotten = self._subscriptions.stale(self._filters)
        self._subscriptions.remove(forgotten)
        self._stale, self._unsubscribing = (), None
        if forgotten:
            log.info("mqtt.unsubscribed", filters=forgotten)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Any,
    ) -> None:
        with self._lock:
            accepted, self._connected, self._subscribed = self._connected, False, False
        if self._stopped:
            return
        if accepted:
            log.warning("mqtt.disconnected", host=self._settings.mqtt_host, reason=str(reason))
        elif self._refusal is None:  # some brokers answer a wrong password by closing the line
            self._refusal = f"closed before it was accepted ({reason}); check user, password and certificate"
            log.error("mqtt.connection_closed", host=self._settings.mqtt_host, reason=str(reason))


def secure(client: Client, settings: BridgeSettings) -> None:
    """Give ``client`` the user and the certificates of the settings."""
    if settings.mqtt_username is not None:
        password = settings.mqtt_password
        client.username_pw_set(settings.mqtt_username, password.get_secret_value() if password else None)
    if settings.tls:
        context = ssl.create_default_context(cafile=str(settings.mqtt_ca_file) if settings.mqtt_ca_file else None)
        if settings.mqtt_cert_file and settings.mqtt_key_file:
            context.load_cert_chain(str(settings.mqtt_cert_file), str(settings.mqtt_key_file))
        client.tls_set_context(context)
