"""The uplink to AWS IoT Core, through AWS's own client (``pip install 'shoal[edge,aws]'``); loaded only when it is chosen.

What AWS does differently: at most 128 KB a message, QoS 1 at most, mutual TLS always, 8 subscriptions a request, 100 messages
a second on one connection. The client holds the last two by itself; the first is ``max_payload_bytes``. As with paho, a client
serves one connection: its last will then carries the time of that connection.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import structlog
from awscrt import mqtt5
from awscrt.exceptions import AwsCrtError
from awsiot import mqtt5_client_builder

from contracts.devices import Inventory
from contracts.topics import thing_name
from contracts.traces import TRACEPARENT
from edge.clock import Clock
from edge.errors import LinkDownError
from edge.messaging.link import DeviceLink
from edge.messaging.settings import AwsIotSettings
from edge.messaging.state import Acknowledged, LinkEvent

log = structlog.get_logger()

MAX_PAYLOAD_BYTES = 131_072
"""AWS IoT Core closes the connection on a larger message."""
CONNECT_TIMEOUT_MS = 10_000
ACK_TIMEOUT_S = 30
_FILTERS_PER_REQUEST = 8
_STOP_TIMEOUT_S = 2.0
_FAILED = 0x80  # reason codes from here on mean that the broker has refused
_NOT_LET_IN = (
    "check aws_iot.endpoint and the network, that the certificate is active, and that its policy allows this client id"
)


class AwsIotLink(DeviceLink):
    """The uplink of one device over AWS's client.

    Args:
        settings: endpoint and certificate.
        site, device, boot, clock, inventory, on_event: as for ``DeviceLink``.
    """

    max_payload_bytes = MAX_PAYLOAD_BYTES

    def __init__(
        self,
        settings: AwsIotSettings,
        *,
        site: str,
        device: str,
        boot: str,
        clock: Clock,
        inventory: Callable[[], Inventory],
        on_event: Callable[[LinkEvent], None],
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
        self._identity = settings.client_id or thing_name(site, device)
        self._client: Any = None
        self._ids = itertools.count(1)
        self._accepted = False

    def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:
        """Hand one QoS 1 message to the client; returns an id of ours, the client shows none.

        Raises:
            LinkDownError: not connected; nothing was handed over.
        """
        mid = next(self._ids)
        sent = self._send(topic, payload, retain=False, trace=trace)
        sent.add_done_callback(lambda done: self._published(mid, topic, done))
        return mid

    def _retain(self, topic: str, payload: bytes) -> Callable[[float], bool]:
        try:
            sent = self._send(topic, payload, retain=True)
        except LinkDownError:
            return lambda _timeout_s: False

        def confirmed(timeout_s: float) -> bool:
            try:
                sent.result(timeout_s)
            except (AwsCrtError, FutureTimeoutError):
                return False
            return True

        return confirmed

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.stop(mqtt5.DisconnectPacket())

    # -- one connection ------------------------------------------------------------------------------------------

    def _serve(self, will: bytes, stop: threading.Event) -> bool:
        ended, stopped = threading.Event(), threading.Event()
        self._accepted = False

        def failed(data: Any) -> None:
            self._failed("mqtt.unreachable", str(data.exception), remedy=_NOT_LET_IN, host=self._settings.endpoint)
            ended.set()

        def disconnected(data: Any) -> None:
            self._lost(str(data.exception))
            ended.set()

        client: Any = mqtt5_client_builder.mtls_from_path(
            str(self._settings.cert_file),
            str(self._settings.key_file),
            endpoint=self._settings.endpoint,
            port=self._settings.port,
            ca_filepath=str(self._settings.ca_file) if self._settings.ca_file else None,
            client_id=self._identity,
            keep_alive_interval_sec=self._settings.keepalive_s,
            will=mqtt5.PublishPacket(topic=self._status_topic, payload=will, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True),
            session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            min_reconnect_delay_ms=60_000,  # reconnecting is ours
            max_reconnect_delay_ms=60_000,
            connack_timeout_ms=CONNECT_TIMEOUT_MS,
            ack_timeout_sec=ACK_TIMEOUT_S,
            enable_metrics_collection=False,  # it travels in the user name, which other brokers take for a login
            on_publish_received=lambda data: self._routes.dispatch(
                data.publish_packet.topic, bytes(data.publish_packet.payload)
            ),
            on_lifecycle_connection_success=lambda _data: self._connected(client),
            on_lifecycle_connection_failure=failed,
            on_lifecycle_disconnection=disconnected,
            on_lifecycle_stopped=lambda _data: stopped.set(),
        )
        self._client = client
        client.start()
        while not ended.wait(0.2):
            if stop.is_set():
                break
        client.stop(mqtt5.DisconnectPacket())
        stopped.wait(_STOP_TIMEOUT_S)
        self._lost("stopped")
        return self._accepted

    def _connected(self, client: Any) -> None:
        filters = self._routes.filters()
        for start in range(0, len(filters), _FILTERS_PER_REQUEST):
            some = filters[start : start + _FILTERS_PER_REQUEST]
            subscriptions = [mqtt5.Subscription(topic_filter=one, qos=mqtt5.QoS.AT_LEAST_ONCE) for one in some]
            client.subscribe(mqtt5.SubscribePacket(subscriptions=subscriptions))
        log.info("mqtt.connected", host=self._settings.endpoint, port=self._settings.port)
        self._accepted = True
        self._welcome()

    def _send(self, topic: str, payload: bytes, *, retain: bool, trace: str | None = None) -> Future[Any]:
        if not self.connected.is_set():
            raise LinkDownError("AWS IoT Core is not connected")
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain)
        if trace is not None:
            packet.user_properties = [mqtt5.UserProperty(TRACEPARENT, trace)]
        try:
            sent: Future[Any] = self._client.publish(packet)
        except AwsCrtError as error:
            raise LinkDownError(str(error)) from error
        return sent

    def _published(self, mid: int, topic: str, done: Future[Any]) -> None:
        """Free the place in the window also when the broker refused: the store will not confirm, so it is sent again."""
        error = done.exception()
        reason = None if error is not None else done.result().puback.reason_code
        if self.connected.is_set() and (reason is None or reason >= _FAILED):
            log.warning("mqtt.publish_failed", topic=topic, reason=str(error or reason))
        self._on_event(Acknowledged(mid))
