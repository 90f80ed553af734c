"""Messages of a farm, a publisher that waits for its PUBACKs, and a wait that says what it waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from contracts.envelope import Envelope, encode
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind, uplink

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
READINGS_TOPIC = uplink("north", "edge-1", Kind.READINGS)


def envelope(seq: int, *, site: str = "north", device: str = "edge-1", stream: str = "stream-0001") -> Envelope:
    """One reading of dissolved oxygen as message ``seq``."""
    reading = Reading(channel="tank-1.do", unit="tank-1", quantity="do", value=8.4, ucum="mg/L", observed_at=NOON)
    body = ReadingBatch(readings=(reading,))
    return Envelope(site=site, device=device, boot="boot-0001", stream=stream, seq=seq, sent_at=NOON, body=body)


def payload(seq: int, *, site: str = "north", device: str = "edge-1") -> bytes:
    """The same, as it travels."""
    return encode(envelope(seq, site=site, device=device))


class Farm:
    """A device that publishes at QoS 1."""

    def __init__(self, port: int) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.max_inflight_messages_set(100)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def send(self, topic: str, values: Iterable[bytes], *, retain: bool = False) -> None:
        """Publish and wait until the broker has taken responsibility for all of it."""
        sent = [self.client.publish(topic, value, qos=1, retain=retain) for value in values]
        for info in sent:
            info.wait_for_publish(20)
            assert info.is_published()

    def send_readings(self, sequences: Iterable[int]) -> None:
        """Publish these sequence numbers of device north/edge-1."""
        self.send(READINGS_TOPIC, [payload(seq) for seq in sequences])

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


def eventually(condition: Callable[[], object], what: str, *, within_s: float = 60.0) -> None:
    """Wait until ``condition`` holds; fail naming ``what`` otherwise."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def always(condition: Callable[[], object], what: str, *, for_s: float = 0.5) -> None:
    """Check that ``condition`` holds throughout."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        assert condition(), f"no longer true: {what}"
        time.sleep(0.02)
