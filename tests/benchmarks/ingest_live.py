"""200 farms live: 8,000 readings/s through Kafka into PostgreSQL while the API serves; then a backlog.

The figure is the processor time of the ingest as a share of one core at the live rate (400 messages/s of 20 readings);
its floor is a bare process that consumes the same messages from Kafka and decodes their JSON. The drain rate of a backlog
(1,000,000 readings; 100,000 with --quick) stands beside it, as a multiple of the live rate. Everything shares the machine:
broker, database, API, load and ingest.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from confluent_kafka import Producer

from cloud.auth.accounts import create_user
from cloud.db import migrate
from cloud.farms.provision import provision
from contracts.topics import KafkaTopic
from tests.benchmarks.harness import Pair, result
from tests.cloud.postgres import Postgres
from tests.servers.kafka.server import Kafka
from tests.servers.presence import ROOT
from tests.servers.process import free_port

DEVICES = 200
PER_MESSAGE = 20
MESSAGES_PER_S = 400
LIVE_RATE = MESSAGES_PER_S * PER_MESSAGE
BAR_SHARE = 0.60
BAR_DRAIN = 10
PASSWORD = "a-long-password-for-the-benchmark"

_BARE = """
import json, sys
from confluent_kafka import Consumer
consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "bare", "auto.offset.reset": "latest"})
consumer.subscribe(["sensor-data"])
while True:
    for message in consumer.consume(50, 0.1):
        if message.error() is None:
            json.loads(message.value())
"""


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        kafka, postgres = Kafka(Path(folder) / "kafka"), Postgres(durable=True)
        stack.callback(kafka.stop)
        kafka.start()
        stack.callback(postgres.stop)
        postgres.start()
        kafka.create_topics()
        rounds, seconds, backlog = (2, 5, 100_000) if quick else (5, 15, 1_000_000)
        return _measure(Path(folder), kafka, postgres, stack, rounds=rounds, seconds=seconds, backlog=backlog)


def _measure(
    folder: Path, kafka: Kafka, postgres: Postgres, stack: ExitStack, *, rounds: int, seconds: int, backlog: int
) -> dict[str, Any]:
    url = postgres.url()
    migrate.upgrade(url)
    provision(
        url, "bench", [{"slug": "bench", "name": "Bench", "timezone": "UTC"}], [{"site": "bench", "slug": "tank-0"}]
    )
    create_user(url, "operator@bench.example", PASSWORD, "operator", "bench")
    api_port = free_port()
    environment = {
        **os.environ,
        "SHOAL_DATABASE_URL": url,
        "SHOAL_STORAGE_DIR": str(folder / "storage"),
        "SHOAL_SECRET_KEY_FILE": str(folder / "secret.key"),
        "SHOAL_PORT": str(api_port),
        "SHOAL_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "SHOAL_INGEST_METRICS_PORT": "0",
        "SHOAL_INGEST_GROUPS": '["telemetry", "system"]',  # judging the readings is a benchmark of its own: alarms
    }
    messages = _messages()
    ingest = _child(stack, [sys.executable, "-m", "cloud.consumers"], environment)
    bare = _child(stack, [sys.executable, "-c", _BARE, kafka.bootstrap], environment)
    _child(stack, [sys.executable, "-m", "cloud"], environment)
    with psycopg.connect(url, autocommit=True) as database, _Asking(api_port) as asking:
        sent = _live(kafka, messages, 3)  # warm-up: devices and channels are registered, partitions made
        _wait_for(database, sent)
        pairs = []
        for _ in range(rounds):
            ours_before, bare_before, began = _cpu_s(ingest), _cpu_s(bare), time.monotonic()
            sent += _live(kafka, messages, seconds)
            took = time.monotonic() - began
            ours, floor = (_cpu_s(ingest) - ours_before) / took, (_cpu_s(bare) - bare_before) / took
            pairs.append(Pair(ours=ours, floor=floor, details={"rows_per_s": round(LIVE_RATE * seconds / took)}))
        _wait_for(database, sent)
        answers = asking.answers
        bare.kill()
        os.kill(ingest.pid, signal.SIGSTOP)  # SIGSTOP: the backlog builds up at once
        produced = _burst(kafka, messages, backlog // PER_MESSAGE)
        os.kill(ingest.pid, signal.SIGCONT)
        began, cpu_before = time.monotonic(), _cpu_s(ingest)
        _wait_for(database, sent + produced, timeout_s=600)
        drained_s, drain_cpu_s = time.monotonic() - began, _cpu_s(ingest) - cpu_before
        rss = psutil.Process(ingest.pid).memory_info().rss
    rate = produced / drained_s
    return result(
        "ingest_live",
        pairs,
        unit="share of one core",
        higher_is_better=False,
        details={
            "readings_per_s": LIVE_RATE,
            "messages_per_s": MESSAGES_PER_S,
            "devices": DEVICES,
            "bar_share_of_one_core": BAR_SHARE,
            "api_answers_meanwhile": answers,
            "backlog_readings": produced,
            "backlog_readings_per_s": round(rate),
            "backlog_times_live": round(rate / LIVE_RATE, 1),
            "bar_backlog_times_live": BAR_DRAIN,
            "backlog_cpu_us_per_reading": round(drain_cpu_s / produced * 1e6, 2),
            "ingest_resident_mb": round(rss / 1e6),
            "server": "PostgreSQL with fsync and synchronous_commit on, Kafka in one 384 MB heap",
        },
    )


class _Asking:
    """A dashboard that asks the API for the latest values four times a second."""

    def __init__(self, port: int) -> None:
        self.answers = 0
        self._address = f"http://127.0.0.1:{port}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Asking:  # noqa: PYI034  (typing.Self is newer than Python 3.10)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=10) as client:
            while not self._stop.wait(0.25):
                try:
                    if "Authorization" not in client.headers:
                        form = {"username": "operator@bench.example", "password": PASSWORD}
                        token = client.post("/api/v1/auth/login", data=form).raise_for_status().json()["access_token"]
                        client.headers["Authorization"] = f"Bearer {token}"
                    client.get("/api/v1/sites/bench/latest").raise_for_status()
                    self.answers += 1
                except httpx.HTTPError:
                    continue


def _child(stack: ExitStack, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(child.wait)
    stack.callback(child.kill)
    return child


def _messages() -> Iterator[tuple[bytes, bytes]]:
    """Key and value of message after message: the devices in turn, each once every half second."""
    start, number = datetime.now(timezone.utc) - timedelta(days=1), 0
    while True:
        device, seq = number % DEVICES, number // DEVICES + 1
        stamp = (start + timedelta(seconds=seq / 2)).isoformat()
        readings = ",".join(
            f'{{"channel":"tank-{tank}.do","unit":"tank-{tank}","quantity":"do","value":{8 + tank / 10},"ucum":"mg/L",'
            f'"observed_at":"{stamp}","quality":1}}'
            for tank in range(PER_MESSAGE)
        )
        yield (
            f"bench/box-{device}".encode(),
            (
                f'{{"v":1,"site":"bench","device":"box-{device}","boot":"boot-0001","stream":"outbox-01","seq":{seq},'
                f'"sent_at":"{stamp}","body":{{"type":"readings","readings":[{readings}]}}}}'
            ).encode(),
        )
        number += 1


def _live(kafka: Kafka, messages: Iterator[tuple[bytes, bytes]], seconds: int) -> int:
    """Produce at the live rate; returns the readings."""
    producer = _producer(kafka)
    began = time.monotonic()
    for number in range(MESSAGES_PER_S * seconds):
        key, value = next(messages)
        producer.produce(KafkaTopic.SENSOR_DATA.value, value, key)
        if number % 8 == 0:
            producer.poll(0)
            time.sleep(max(0.0, began + number / MESSAGES_PER_S - time.monotonic()))
    assert producer.flush(30) == 0
    return MESSAGES_PER_S * seconds * PER_MESSAGE


def _burst(kafka: Kafka, messages: Iterator[tuple[bytes, bytes]], count: int) -> int:
    producer = _producer(kafka)
    for _ in range(count):
        key, value = next(messages)
        while True:
            try:
                producer.produce(KafkaTopic.SENSOR_DATA.value, value, key)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    assert producer.flush(60) == 0
    return count * PER_MESSAGE


def _producer(kafka: Kafka) -> Producer:
    return Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5, "compression.type": "lz4"})


def _wait_for(database: psycopg.Connection[Any], rows: int, *, timeout_s: float = 120) -> None:
    """By the ledger: counting the readings themselves would cost as much as storing them."""
    deadline = time.monotonic() + timeout_s
    while True:
        row = database.execute("SELECT coalesce(sum(rows), 0) FROM ingest_stream").fetchone()
        if row is not None and row[0] >= rows:
            assert row[0] == rows
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{row} of {rows} rows were stored in {timeout_s} s")
        time.sleep(0.05)


def _cpu_s(child: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(child.pid).cpu_times()
    return float(times.user + times.system)
