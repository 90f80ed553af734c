"""What the bridge's benchmarks share: the C publisher and subscriber, messages as packets, and one flow under the clock."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import Consumer, TopicPartition

from contracts.topics import Kind, uplink
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.presence import MissingServerError

SOURCE = Path(__file__).parent / "c" / "mqtt_flow.c"
DEVICES = 20
WINDOW = 500
CONFIGURATION = "set_tcp_nodelay true\nmax_queued_bytes 0\nautosave_interval 0"
_PATIENCE_S = 100.0
_NUMBERED = re.compile(rb'"device":"e(\d+)".*?"seq":(\d+)', re.DOTALL)


@dataclass(frozen=True)
class Flow:
    """One run: messages a second from the first send to the last arrival, and the receiver's processor time for each."""

    rate: float
    cpu_us: float


def build(folder: Path) -> Path:
    """Compile the C program.

    Raises:
        MissingServerError: there is no C compiler.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise MissingServerError("the floor is a C program and there is no C compiler; apt-get install gcc libc6-dev")
    program = folder / "mqtt_flow"
    subprocess.run([compiler, "-O2", "-o", str(program), str(SOURCE)], check=True, capture_output=True)
    return program


def message(number: int, readings: int = 1) -> bytes:
    """The smallest valid message with that many readings; ``number`` says which device and sequence it is."""
    moments = [f"2026-06-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z" for n in range(readings)]
    body = ",".join(
        f'{{"channel":"t{n}.do","unit":"t{n}","quantity":"do","value":8.4,"ucum":"mg/L","observed_at":"{moment}"}}'
        for n, moment in enumerate(moments)
    )
    return (
        f'{{"site":"n","device":"e{number % DEVICES}","boot":"boot0001","stream":"strm0001","seq":{number // DEVICES + 1},'
        f'"sent_at":"2026-06-01T12:00:00Z","body":{{"type":"readings","readings":[{body}]}}}}'
    ).encode()


def packets(path: Path, messages: int, readings: int = 1) -> Path:
    """A file of PUBLISH packets."""
    path.write_bytes(b"".join(_publish(number, readings) for number in range(messages)))
    return path


def c_to_c(program: Path, broker: Mosquitto, file: Path, messages: int) -> Flow:
    """The ceiling: a C subscriber that confirms and does nothing else."""
    command = [str(program), "sub", str(broker.port), "shoal/1/+/+/readings", str(messages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
        assert subscriber.stdout is not None
        subscriber.stdout.readline()
        began, _ = _send(program, broker, file)
        ended, cpu_us = subscriber.stdout.readline().split()
    return Flow(messages / ((int(ended) - began) / 1e9), float(cpu_us) / messages)


def into_kafka(program: Path, broker: Mosquitto, file: Path, messages: int, arrivals: Arrivals, pid: int) -> Flow:
    """Through a bridge, which is process ``pid``, until Kafka holds the last message."""
    process = psutil.Process(pid)
    before, target = sum(process.cpu_times()[:2]), arrivals.count() + messages
    began, _ = _send(program, broker, file)
    ended = arrivals.wait_for(target)
    time.sleep(0.3)  # the last PUBACKs belong to the work
    cpu_s = sum(process.cpu_times()[:2]) - before
    return Flow(messages / (ended - began / 1e9), cpu_s / messages * 1e6)


def latencies_ms(
    program: Path, broker: Mosquitto, file: Path, stamps: Path, kafka: Kafka, topic: str, *, rate: int
) -> list[float]:
    """From the publisher's send to a Kafka consumer's receipt, for every message at a fixed rate, sorted."""
    heard: dict[int, int] = {}
    ready, finished = threading.Event(), threading.Event()
    listener = threading.Thread(target=_listen, args=(kafka, topic, heard, ready, finished), daemon=True)
    listener.start()
    ready.wait(20)
    _send(program, broker, file, rate=rate, stamps=stamps)
    sent = array("q")
    sent.frombytes(stamps.read_bytes())
    deadline = time.monotonic() + 20
    while len(heard) < len(sent) and time.monotonic() < deadline:
        time.sleep(0.05)
    finished.set()
    listener.join(10)
    if len(heard) < len(sent):
        raise TimeoutError(f"{len(sent) - len(heard)} of {len(sent)} messages did not arrive in {topic}")
    return sorted((heard[number] - moment) / 1e6 for number, moment in enumerate(sent))


class Arrivals:
    """How much a Kafka topic holds."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "bench-count"})
        self._parts = _partitions(self._consumer, topic)

    def count(self) -> int:
        """Records in all partitions."""
        return sum(self._consumer.get_watermark_offsets(part, timeout=10)[1] for part in self._parts)

    def wait_for(self, target: int) -> float:
        """When the topic had ``target`` records (monotonic seconds)."""
        wait(lambda: self.count() >= target, f"{target} records in Kafka")
        return time.monotonic()

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


def wait(condition: Callable[[], bool], what: str) -> None:
    """Poll until ``condition`` holds."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {_PATIENCE_S} s: {what}")
        time.sleep(0.01)


def _listen(kafka: Kafka, topic: str, heard: dict[int, int], ready: threading.Event, finished: threading.Event) -> None:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "bench-listen", "fetch.wait.max.ms": 100})
    parts = _partitions(consumer, topic)
    consumer.assign([TopicPartition(topic, p.partition, consumer.get_watermark_offsets(p)[1]) for p in parts])
    consumer.consume(1, 1.0)
    ready.set()
    while not finished.is_set():
        records = consumer.consume(500, 0.005)
        at = time.monotonic_ns()
        for record in records:
            found = _NUMBERED.search(record.value() or b"")
            if found is not None:
                heard[(int(found[2]) - 1) * DEVICES + int(found[1])] = at
    consumer.close()


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, p) for p in consumer.list_topics(topic, timeout=20).topics[topic].partitions]


def _send(
    program: Path, broker: Mosquitto, file: Path, *, rate: int = 0, stamps: Path | None = None
) -> tuple[int, int]:
    command = [str(program), "pub", str(broker.port), str(file), str(WINDOW), str(rate), str(stamps or "-")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    began, ended = done.stdout.split()
    return int(began), int(ended)


def _publish(number: int, readings: int) -> bytes:
    topic = uplink("n", f"e{number % DEVICES}", Kind.READINGS)
    mid = (number % 65_535 + 1).to_bytes(2, "big")
    body = len(topic).to_bytes(2, "big") + topic.encode() + mid + message(number, readings)
    length, head = len(body), bytearray([0x32])
    while True:
        length, low = divmod(length, 128)
        head.append(low | 0x80 if length else low)
        if not length:
            return bytes(head) + body
