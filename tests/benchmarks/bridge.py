"""The bridge against a bare loop: a backlog at Mosquitto is drained into Kafka, PUBACK after the delivery report.

Floor: paho with manual acknowledgement and one produce per message, which is what a page of code does: no decoding, no
identity check, no order of PUBACKs, no bound, no retry. Ours is the whole uplink. Publishing is not timed: the messages
wait in the subscriber's session before the clock starts. ``details`` has the same without Kafka, into a sink that
confirms at once.
"""

from __future__ import annotations

import json
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog
from confluent_kafka import Producer
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bridge.settings import BridgeSettings, load_settings
from bridge.sink import Routed, Sink, open_sink
from bridge.uplink import Uplink
from contracts.topics import KafkaTopic, Kind, uplink, uplink_kind_filters
from tests.benchmarks.harness import Pair, Timing, result, timed
from tests.bridge.farm import payload
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto

BAR = 0.8
DEVICES = 20
CONNECT = 0x10
_PATIENCE_S = 120.0
_WINDOW = 500

Drain = Callable[[Mosquitto, str, int], Timing]


class NullSink:
    """Confirms every batch at once."""

    def start(self) -> None:
        """Nothing to open."""

    def submit(self, batch: Sequence[Routed], on_done: Callable[[BaseException | None], None]) -> None:
        """Confirm."""
        on_done(None)

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Nothing to close."""


def run(quick: bool) -> dict[str, Any]:
    """Measure; one JSON object."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    messages, rounds = (5_000, 1) if quick else (20_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder) / "mosquitto", configuration="set_tcp_nodelay true")
        kafka = Kafka(Path(folder) / "kafka")
        try:
            broker.start()
            kafka.start()
            kafka.create_topics()
            ours, bare = _uplink_into(open_sink, kafka), _bare_loop_into_kafka(kafka)
            pairs = _rounds(broker, ours, bare, messages, rounds)
            kafka.stop()
            null = _rounds(broker, _uplink_into(lambda _: NullSink(), kafka), _bare_loop, messages, rounds)
        finally:
            kafka.stop()
            broker.stop()
    details = {
        "messages": messages,
        "payload_bytes": len(payload(1)),
        "null_sink_messages_per_s": round(statistics.median(pair.ours for pair in null)),
        "null_sink_floor_messages_per_s": round(statistics.median(pair.floor for pair in null)),
        "null_sink_ratio": round(statistics.median(pair.ours / pair.floor for pair in null), 3),
        "null_sink_ours_cpu_us": statistics.median(pair.details["ours_cpu_us"] for pair in null),
        "null_sink_floor_cpu_us": statistics.median(pair.details["floor_cpu_us"] for pair in null),
    }
    return result("bridge", pairs, unit="messages/s", bar=BAR, details=details)


def _rounds(broker: Mosquitto, ours: Drain, floor: Drain, messages: int, rounds: int) -> list[Pair]:
    """A B A B, after an unmeasured drain of each."""
    _drained(broker, ours, messages // 4)
    _drained(broker, floor, messages // 4)
    pairs = []
    for _ in range(rounds):
        a, b = _drained(broker, ours, messages), _drained(broker, floor, messages)
        details = {"ours_cpu_us": round(a.cpu_us, 1), "floor_cpu_us": round(b.cpu_us, 1)}
        pairs.append(Pair(ours=a.rate, floor=b.rate, details=details))
    return pairs


def _drained(broker: Mosquitto, drain: Drain, messages: int) -> Timing:
    """Fill a session of its own, drain it under the clock, and remove it."""
    client_id = f"bench-{time.monotonic_ns()}"
    _session(broker, client_id, clean=False, subscribe=True)
    _fill(broker, messages)
    timing = drain(broker, client_id, messages)
    _session(broker, client_id, clean=True, subscribe=False)
    return timing


def _uplink_into(make_sink: Callable[[BridgeSettings], Sink], kafka: Kafka) -> Drain:
    def drain(broker: Mosquitto, client_id: str, messages: int) -> Timing:
        settings = load_settings(None, mqtt_port=broker.port, client_id=client_id, kafka_bootstrap=kafka.bootstrap)
        bridge = Uplink(settings, make_sink(settings))

        def work() -> float:
            bridge.start()
            _wait(lambda: bridge.state().tally.acked >= messages)
            return messages

        timing = timed(work)
        bridge.stop()
        return timing

    return drain


def _bare_loop_into_kafka(kafka: Kafka) -> Drain:
    def drain(broker: Mosquitto, client_id: str, messages: int) -> Timing:
        acked = 0
        options = {"bootstrap.servers": kafka.bootstrap, "acks": "all", "linger.ms": 5, "compression.type": "lz4"}
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True)

        def on_message(client: mqtt.Client, producer: Producer, message: mqtt.MQTTMessage) -> None:
            def on_delivery(error: object, _record: object) -> None:
                nonlocal acked
                if error is None:
                    client.ack(message.mid, message.qos)
                    acked += 1

            producer.produce(
                KafkaTopic.SENSOR_DATA.value, bytes(message.payload), message.topic, on_delivery=on_delivery
            )

        def work() -> float:
            producer = Producer(options)
            client.user_data_set(producer)
            client.on_message = on_message
            client.connect("127.0.0.1", broker.port)
            client.loop_start()
            while acked < messages:
                producer.poll(0.1)
            return messages

        timing = timed(work)
        client.disconnect()
        client.loop_stop()
        return timing

    return drain


def _bare_loop(broker: Mosquitto, client_id: str, messages: int) -> Timing:
    acked = 0
    finished = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True)

    def on_message(client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        nonlocal acked
        client.ack(message.mid, message.qos)
        acked += 1
        if acked == messages:
            finished.set()

    def work() -> float:
        client.on_message = on_message
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        finished.wait(_PATIENCE_S)
        return messages

    timing = timed(work)
    client.disconnect()
    client.loop_stop()
    return timing


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the bridge did not drain its session")
        time.sleep(0.005)


def _session(broker: Mosquitto, client_id: str, *, clean: bool, subscribe: bool) -> None:
    """Make a persistent session with its subscription, or remove one."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean)
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    if subscribe:
        client.subscribe(uplink_kind_filters()[0], qos=1)
        subscribed.wait(5)
    else:
        _wait(client.is_connected)
    client.disconnect()
    client.loop_stop()


def _fill(broker: Mosquitto, messages: int) -> None:
    """Publish at QoS 1 over a bare socket, ``_WINDOW`` at a time: a Python client would take longer than the drain."""
    with socket.create_connection(("127.0.0.1", broker.port)) as link:
        link.sendall(_packet(CONNECT, b"\x00\x04MQTT\x04\x02\x00\x00" + _text("bench-fill")))
        _receive(link, 4)
        for first in range(0, messages, _WINDOW):
            block = range(first, min(first + _WINDOW, messages))
            link.sendall(b"".join(_publish(number) for number in block))
            _receive(link, 4 * len(block))


def _publish(number: int) -> bytes:
    device = f"edge-{number % DEVICES}"
    topic = uplink("north", device, Kind.READINGS)
    mid = (number % 65_535 + 1).to_bytes(2, "big")
    return _packet(0x32, _text(topic) + mid + payload(number // DEVICES + 1, device=device))


def _packet(head: int, body: bytes) -> bytes:
    length, out = len(body), bytearray([head])
    while True:
        length, low = divmod(length, 128)
        out.append(low | 0x80 if length else low)
        if not length:
            return bytes(out) + body


def _text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def _receive(link: socket.socket, count: int) -> None:
    while count > 0:
        block = link.recv(count)
        if not block:
            raise ConnectionError("the broker closed the line")
        count -= len(block)


if __name__ == "__main__":
    print(json.dumps(run(quick=True), indent=2))
