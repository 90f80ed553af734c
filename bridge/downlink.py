"""The downlink: watermarks, desired state, jobs and commands go from Kafka to each device.

Of what is retained (watermarks, desired state) only the newest counts, so what waits for the broker is replaced, never
queued: a bridge that was cut off for a day sends one message per device. Jobs and commands are queued up to a bound, at
which reading from Kafka pauses, and are not sent once they have expired.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.settings import SinkKind
from bridge.source import secure
from bridge.steps.address import Outgoing, Shadows, address
from contracts.downlink import decode
from contracts.errors import InvalidMessageError
from contracts.topics import KafkaTopic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.settings import BridgeSettings
    from contracts.devices import Watermark
    from contracts.downlink import Downlink as DownlinkMessage

log = structlog.get_logger()

_OUTSTANDING_MAX = 200
_QUEUE_MAX = 5_000
"""Jobs and commands that wait for the MQTT broker before Kafka must."""
_FULL_POLL_S = 0.2
_CONSUME_S = 0.5
_RECOVER_S = 2.0


class Publisher(Protocol):
    """What the downlink needs of an MQTT client; paho's has it."""

    on_publish: Any

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,  # noqa: FBT001, FBT002  (paho's signature)
        properties: Any = None,
    ) -> Any:
        """Send; the answer carries ``rc`` and ``mid``."""

    def is_connected(self) -> bool:
        """Whether a broker is there."""


@dataclass(frozen=True)
class DownlinkTally:
    """Messages ``given`` to the downlink = published + superseded + expired + pending (those on the wire included)."""

    given: int
    published: int
    superseded: int
    pending: int
    invalid: int
    expired: int


class Downlink:
    """Publishes at QoS 1 on a thread of its own; never blocks the caller.

    Args:
        client: an MQTT client that somebody else connects (``open_publisher``); its ``on_publish`` is taken over.
        now: the time that expiry is measured by.
        shadows: who keeps what is desired of a device.
    """

    def __init__(
        self,
        client: Publisher,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        shadows: Shadows = Shadows.RETAINED,
    ) -> None:
        self._client = client
        self._now = now
        self._shadows = shadows
        self._client.on_publish = self._on_publish
        self._changed = threading.Condition()
        self._pending: dict[tuple[str, int], Outgoing] = {}
        self._queued = 0
        self._on_wire: set[int] = set()
        self._confirmed_early: set[int] = set()
        self._sending = 0
        self._given = self._published = self._superseded = self._invalid = self._expired = 0
        self._running = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start sending."""
        self._running = True
        self._thread = threading.Thread(target=self._run, name="downlink", daemon=True)
        self._thread.start()

    def stop(self, *, timeout_s: float = 2.0) -> None:
        """Send what is pending within ``timeout_s``, then end. Safe twice."""
        self.wait_until_published(timeout_s if self._client.is_connected() else 0.0)
        with self._changed:
            self._running = False
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def publish_watermark(self, watermark: Watermark) -> None:
        """Tell a device what is committed; replaces an older watermark of it that still waits."""
        self.publish(watermark)

    def publish(self, message: DownlinkMessage | Watermark) -> None:
        """Tell a device; state replaces an older one on its topic that still waits."""
        try:
            outgoing = address(message, self._shadows)
        except InvalidMessageError as error:
            self.invalid()
            log.warning("downlink.not_sent", reason=str(error))
            return
        with self._changed:
            self._given += 1
            key = (outgoing.topic, 0 if outgoing.newest_counts else self._given)
            self._superseded += key in self._pending
            self._queued += not outgoing.newest_counts
            self._pending[key] = outgoing
            self._changed.notify_all()

    @property
    def full(self) -> bool:
        """Whether as many jobs and commands wait as may."""
        return self._queued >= _QUEUE_MAX

    def invalid(self) -> None:
        """Count a downlink record that could not be read."""
        with self._changed:
            self._invalid += 1

    def wait_until_published(self, timeout_s: float) -> bool:
        """Wait until the broker has confirmed everything; says whether that happened in time."""
        with self._changed:
            return self._changed.wait_for(self._idle, timeout_s)

    def tally(self) -> DownlinkTally:
        """The books at this instant."""
        with self._changed:
            pending = len(self._pending) + self._sending + len(self._on_wire)
            return DownlinkTally(self._given, self._published, self._superseded, pending, self._invalid, self._expired)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._sendable() or not self._running, 1.0)
                if not self._running:
                    return
                if not self._sendable():
                    continue
                key = next(iter(self._pending))
                outgoing = self._pending.pop(key)
                self._queued -= not outgoing.newest_counts
                left_s = self._left_s(outgoing)
                if left_s <= 0:
                    self._expired += 1
                    self._changed.notify_all()
                    continue
                self._sending = 1
            # Without our lock: paho confirms under a lock of its own that publish needs too.
            properties = (
                _expiry(left_s) if getattr(self._client, "protocol", None) == MQTTProtocolVersion.MQTTv5 else None
            )
            info = self._client.publish(
                outgoing.topic, outgoing.payload, qos=1, retain=outgoing.retain, properties=properties
            )
            with self._changed:
                self._sending = 0
                if info.mid in self._confirmed_early:
                    self._confirmed_early.discard(info.mid)
                    self._published += 1
                else:  # should the connection break now, paho sends it again on the next one
                    self._on_wire.add(info.mid)
                self._changed.notify_all()

    def _left_s(self, outgoing: Outgoing) -> float:
        return math.inf if outgoing.expires_at is None else (outgoing.expires_at - self._now()).total_seconds()

    def _idle(self) -> bool:
        return not (self._pending or self._sending or self._on_wire)

    def _sendable(self) -> bool:
        return bool(self._pending) and len(self._on_wire) < _OUTSTANDING_MAX and self._client.is_connected()

    def _on_publish(self, _client: Any, _userdata: Any, mid: int, _reason: Any, _properties: Any) -> None:
        with self._changed:
            if mid in self._on_wire:
                self._on_wire.discard(mid)
                self._published += 1
            else:
                self._confirmed_early.add(mid)
            self._changed.notify_all()


def open_publisher(settings: BridgeSettings) -> paho.Client:
    """A connected MQTT client for the downlink, apart from the uplink's session: one may pause, the other not."""
    mqtt_5 = settings.mqtt_version == "5"
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"{settings.client_id}-downlink",
        clean_session=None if mqtt_5 else True,
        protocol=MQTTProtocolVersion.MQTTv5 if mqtt_5 else MQTTProtocolVersion.MQTTv311,
    )
    client.reconnect_delay_set(1, settings.mqtt_reconnect_max_s)
    secure(client, settings)
    client.connect_async(settings.mqtt_host, settings.mqtt_port, settings.mqtt_keepalive_s)
    client.loop_start()
    return client


def close_publisher(client: paho.Client) -> None:
    """Disconnect and end the network thread."""
    client.disconnect()
    client.loop_stop()


def _expiry(left_s: float) -> Properties | None:
    """MQTT 5 lets the broker drop what a device did not fetch in time; with 3.1.1 the device alone looks at the time."""
    if math.isinf(left_s):
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = max(1, min(math.ceil(left_s), 2**32 - 1))
    return properties


class DownlinkConsumer(Protocol):
    """Reads Kafka ``device-downlink`` as one member of the downlink's group."""

    def poll(self, timeout_s: float) -> Sequence[bytes]:
        """Values that came in; empty when none did. Raises RetryableError when Kafka is away."""

    def commit(self) -> None:
        """What was polled so far is done."""

    def close(self) -> None:
        """Leave the group."""


class KafkaDownlink:
    """Moves messages from Kafka to ``downlink``; offsets are committed after the MQTT broker confirmed them.

    Args:
        open_consumer: makes a consumer; called again after an error, so Kafka may come and go.
    """

    TOPIC = KafkaTopic.DEVICE_DOWNLINK.value

    def __init__(self, downlink: Downlink, open_consumer: Callable[[], DownlinkConsumer]) -> None:
        self._downlink = downlink
        self._open_consumer = open_consumer
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Consume in the background."""
        self._thread = threading.Thread(target=self._run, name="kafka-downlink", daemon=True)
        self._thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """Stop consuming; what was not confirmed is read again by the next member. Safe twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            consumer: DownlinkConsumer | None = None
            try:
                consumer = self._open_consumer()
                self._consume(consumer)
            except Exception as error:  # noqa: BLE001  (two client libraries, many error classes, one answer: again)
                log.warning("downlink.kafka_failed", kind=type(error).__name__, reason=str(error))
                self._stopping.wait(_RECOVER_S)
            finally:
                if consumer is not None:
                    consumer.close()

    def _consume(self, consumer: DownlinkConsumer) -> None:
        uncommitted = False
        while not self._stopping.is_set():
            for value in consumer.poll(_CONSUME_S):
                uncommitted = True
                self._pass_on(value)
            while self._downlink.full and not self._stopping.is_set():
                self._stopping.wait(_FULL_POLL_S)
            if uncommitted and self._downlink.wait_until_published(0.0):
                consumer.commit()
                uncommitted = False

    def _pass_on(self, value: bytes) -> None:
        try:
            self._downlink.publish(decode(value))
        except InvalidMessageError as error:
            self._downlink.invalid()
            log.warning("downlink.invalid_record", reason=str(error))


def open_consumer(settings: BridgeSettings) -> DownlinkConsumer:
    """A consumer of ``device-downlink`` with the Kafka client that the settings name."""
    if settings.sink is SinkKind.CONFLUENT:
        from bridge.kafka_clients.confluent import ConfluentConsumer

        return ConfluentConsumer(settings, KafkaDownlink.TOPIC)
    from bridge.kafka_clients.kafka_python import KafkaPythonConsumer

    return KafkaPythonConsumer(settings, KafkaDownlink.TOPIC)
