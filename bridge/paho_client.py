"""paho-mqtt with what the bridge needs on top: a gate for reading, acknowledgements per connection, and speed.

``PlainClient`` uses paho's public interface alone. ``BufferedClient`` replaces how bytes are read and PUBACKs written
(paho 2.x reads a packet with three system calls and writes each PUBACK with one): it takes half the processor time and
touches private names, so ``open_client`` uses it only with the paho versions it was tested with, else the plain one.
Both pass the same tests (tests/bridge/test_source.py).
"""

from __future__ import annotations

import socket
import threading
import time
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MessageType, MQTTErrorCode, MQTTProtocolVersion

from bridge import traceparent
from bridge.inflight import Delivery
from contracts.traces import TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = structlog.get_logger()

TESTED_PAHO = ("2.1.", "2.2.")
_GATE_POLL_S = 0.05
_RECEIVE_BYTES = 256 * 1024
_LENGTH_BYTES_MAX = 4  # [MQTT-2.2.3] the remaining length has at most four bytes
_MORE = 0x80
_QOS_1 = 1
_QOS_2 = 2
_PUBACK_HEAD = b"\x40\x02"


class PlainClient(paho.Client):
    """A persistent MQTT session with manual, per-connection acknowledgement and reading that can pause.

    Args:
        client_id: name of the session.
        mqtt_5: protocol version 5 instead of 3.1.1.
        traces: look for the ``traceparent`` of messages; needs ``mqtt_5``.
        paused: asked before reading; while it says True the broker is held back by TCP.
        on_deliveries: gets what arrived, with the number of the connection; runs on the network thread.
        on_connection_lost: gets the number of the connection that will be next.
    """

    def __init__(
        self,
        client_id: str,
        *,
        mqtt_5: bool,
        traces: bool,
        paused: Callable[[], bool],
        on_deliveries: Callable[[int, Sequence[Delivery]], None],
        on_connection_lost: Callable[[int], None],
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if mqtt_5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if mqtt_5 else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        self.generation = 0
        self.running = False
        self._traces = traces
        self._paused = paused
        self._on_deliveries = on_deliveries
        self._on_connection_lost = on_connection_lost
        self._gate_moved = threading.Event()
        self._generation_lock = threading.Lock()
        self.on_message = self._one_message
        self.on_socket_open = _without_delay

    def gate_moved(self) -> None:
        """Tell the network thread that ``paused`` may have changed."""
        self._gate_moved.set()

    def acknowledge(self, generation: int, mids: Sequence[int]) -> bool:
        """Send PUBACKs in this order; False (and nothing sent) when the connection of ``generation`` is gone."""
        with self._generation_lock:
            if generation != self.generation:
                return False
            self._send_pubacks(mids)
            return True

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew. Acknowledgements for the old connection are refused from here on."""
        with self._generation_lock:
            # Before paho clears its output: nothing queued for the old connection can reach the new one.
            self.generation += 1
            generation = self.generation
        self._on_connection_lost(generation)
        return super().reconnect()

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:  # noqa: FBT001, FBT002  (paho's signature)
        """As paho's, and ``running`` tells whether the network thread is alive."""
        self.running = True
        try:
            return super().loop_forever(timeout, retry_first_connection)
        finally:
            self.running = False

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read unless paused. paho has no keepalive answer then, so a pause beyond two keepalives reconnects."""
        if self._hold():
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super().loop_read(max_packets)

    def _hold(self) -> bool:
        """Wait a moment while paused (the socket stays readable, so select does not wait); True when it was paused."""
        self._gate_moved.clear()
        if not self._paused():
            return False
        self._gate_moved.wait(_GATE_POLL_S)
        return True

    def _send_pubacks(self, mids: Sequence[int]) -> None:
        for mid in mids:
            self.ack(mid, _QOS_1)

    def _one_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # paho keeps the bytes to itself; the payload still goes to dead letters whole
            topic = "(not UTF-8)"
        mid = message.mid if message.qos else 0
        trace = None
        if self._traces:
            named = dict(getattr(message.properties, "UserProperty", ()))
            trace = traceparent.checked(named.get(TRACEPARENT, "").encode())
        delivery = Delivery(topic, bytes(message.payload), mid, datetime.now(timezone.utc), time.monotonic(), trace)
        self._on_deliveries(self.generation, (delivery,))


class BufferedClient(PlainClient):
    """The same, reading in blocks, parsing PUBLISH itself, and writing many PUBACKs as one packet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._received = b""
        self._topics: dict[bytes, str] = {}

    def reconnect(self) -> MQTTErrorCode:
        """As the plain client; half a packet of the old connection is no part of the new one."""
        self._received = b""
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002  (paho's signature)
        """Read one block and handle every whole packet in it."""
        if self._hold():
            # The answer to our ping may stand behind messages that we do not read yet; pings still go out, so the
            # broker keeps the connection, and TCP notices a dead one.
            self._ping_t = 0.0
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        try:
            block = self._sock_recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        if not block:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        code = self._handle_packets(self._received + block if self._received else block)
        return self._loop_rc_handle(code) if code else code

    def _send_pubacks(self, mids: Sequence[int]) -> None:
        packet = b"".join([_PUBACK_HEAD + mid.to_bytes(2, "big") for mid in mids])
        self._packet_queue(MessageType.PUBACK, packet, 0, 0)

    def _handle_packets(self, received: bytes) -> MQTTErrorCode:
        generation = self.generation
        received_at, arrived = datetime.now(timezone.utc), time.monotonic()
        deliveries: list[Delivery] = []
        position, end = 0, len(received)
        while True:
            body, length = _remaining_length(received, position, end)
            if length < 0:
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
            if body == 0 or body + length > end:
                break
            head, after = received[position], body + length
            qos = head >> 1 & 3
            if head & 0xF0 == MessageType.PUBLISH and qos < _QOS_2:
                deliveries.append(self._publish(received, body, after, qos, received_at, arrived))
            else:
                code = self._hand_to_paho(head, received[body:after])
                if code or self._sock is None:
                    return code
            position = after
        self._received = received[position:]
        if deliveries:
            self._on_deliveries(generation, deliveries)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _publish(
        self, received: bytes, body: int, after: int, qos: int, received_at: datetime, arrived: float
    ) -> Delivery:
        topic_end = body + 2 + (received[body] << 8 | received[body + 1])
        raw_topic = received[body + 2 : topic_end]
        topic = self._topics.get(raw_topic) or self._remember(raw_topic)
        payload_at, mid = topic_end, 0
        if qos:
            mid = received[topic_end] << 8 | received[topic_end + 1]
            payload_at += 2
        if self._protocol == MQTTProtocolVersion.MQTTv5:
            properties, length = _variable_length(received, payload_at, after)
            payload_at = properties + length
            if self._traces and length:
                trace = traceparent.of_properties(received[properties:payload_at])
                return Delivery(topic, received[payload_at:after], mid, received_at, arrived, trace)
        return Delivery(topic, received[payload_at:after], mid, received_at, arrived)

    def _remember(self, raw_topic: bytes) -> str:
        if len(self._topics) > 65_536:  # noqa: PLR2004  (a bound against senders that invent topics)
            self._topics.clear()
        # [MQTT-1.5.3-1] forbids anything but UTF-8; escaped, it still reaches dead letters.
        return self._topics.setdefault(raw_topic, raw_topic.decode(errors="backslashreplace"))

    def _hand_to_paho(self, head: int, body: bytes) -> MQTTErrorCode:
        """Every other packet is handled by paho as if it had read it."""
        self._in_packet = {
            "command": head,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        return self._packet_handle()


def open_client(*, buffered: bool, **arguments: Any) -> PlainClient:
    """The buffered client where it was tested, else the plain one."""
    installed = version("paho-mqtt")
    if buffered and installed.startswith(TESTED_PAHO):
        return BufferedClient(**arguments)
    if buffered:
        log.warning("mqtt.plain_client", installed=installed, tested=TESTED_PAHO)
    return PlainClient(**arguments)


def _without_delay(_client: paho.Client, _userdata: Any, sock: Any) -> None:
    """Small PUBACK packets must not wait for Nagle's algorithm (40 ms measured)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _remaining_length(received: bytes, position: int, end: int) -> tuple[int, int]:
    """Where the body of the packet at ``position`` begins (0: not all there yet) and its length (-1: malformed)."""
    if position >= end:
        return 0, 0
    return _variable_length(received, position + 1, end)


def _variable_length(received: bytes, at: int, end: int) -> tuple[int, int]:
    length = 0
    for count in range(_LENGTH_BYTES_MAX):
        if at + count >= end:
            return 0, 0
        byte = received[at + count]
        length |= (byte & 0x7F) << (7 * count)
        if byte < _MORE:
            return at + count + 1, length
    return 0, -1
