"""What the outbox takes in, keeps and gives out: readings made durable per second, against raw SQLite with the same commits.

`value` and `floor` are readings/s in batches of 40 (a farm of 50 units, once a second). `details`: alarms/s by the number of
threads that wait for the disk at once, against one row per synced transaction; rows lost in 20 SIGKILLs; latency of live
messages alone and beside a backlog, from acceptance to the far side of a real broker; bytes and hours of a week of that farm.
`--quick` does the same with less, `--full` fills the week itself, 24 million readings.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from contracts.devices import Inventory, Watermark
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import committed, uplink_kind_filters
from edge.clock import SystemClock
from edge.messaging.client import MqttLink
from edge.messaging.state import LinkEvent
from edge.outbox.codec import pack
from edge.outbox.publisher import Publisher
from edge.outbox.store import Draft, Outbox
from edge.sections import MqttSettings
from edge.supervisor import Supervisor
from tests.architecture.tree import ROOT
from tests.benchmarks.harness import Pair, result
from tests.edge.farm import START, alarm_draft
from tests.servers.mosquitto import Mosquitto

UNITS, QUANTITIES = 50, (("do", "mg/L", 9.0), ("temperature", "Cel", 12.0), ("ph", "[pH]", 7.2), ("do_sat", "%", 95.0))
BATCH = 40
WEEK_READINGS, WEEK_S = 24_000_000, 7 * 86_400
BARS = {
    "readings_per_s": 30_000,
    "alarms_per_s": 5_000,
    "live_p99_ratio": 1.5,
    "week_bytes": 1e9,
    "drain_times_live": 10,
}
LIVE_PER_S = 20


def run(quick: bool) -> dict[str, Any]:
    """Measure."""
    drafts = farm_batches(100 if quick else 1_000)
    pairs = []
    for _ in range(1 if quick else 3):
        ours = _rate(BATCH * len(drafts), lambda: _accept_all(drafts))
        floor = _rate(BATCH * len(drafts), lambda: _raw(drafts, synced=False))
        pairs.append(Pair(ours=ours, floor=floor, details={}))
    alarms = [alarm_draft(number) for number in range(256 if quick else 4_096)]
    single = _rate(len(alarms), lambda: _raw(alarms, synced=True))
    grouped = {str(n): round(_rate(len(alarms), partial(_accept_all, alarms, threads=n))) for n in (1, 8, 64)}
    details = {
        "bars": BARS,
        "alarms_per_s_by_threads": grouped,
        "alarms_per_s_one_row_per_sync": round(single),
        "alarms_64_threads_over_floor": round(grouped["64"] / single, 2),
        "sigkills": 2 if quick else 20,
        "lost_in_sigkills": lost_in_kills(2 if quick else 20),
        **_week(pack_sample=drafts, backlog=4_000 if quick else 60_000, live=80 if quick else 1_000),
    }
    return result("outbox", pairs, unit="readings/s", details=details)


def full() -> dict[str, Any]:
    """The week itself: accept 24 million readings, look at the file, and drain a part of it."""
    with tempfile.TemporaryDirectory() as folder:
        outbox = _outbox(Path(folder))
        drafts = farm_batches(2_000)
        began = time.perf_counter()
        for number in range(WEEK_READINGS // BATCH):
            outbox.accept([drafts[number % len(drafts)]])
        accept_s = time.perf_counter() - began
        outbox.close()
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        return {"readings": WEEK_READINGS, "bytes": size, "accept_s": round(accept_s), "fits_1_gb": size <= 1e9}


# -- the farm --------------------------------------------------------------------------------------------------------


def farm_batches(count: int) -> list[Draft]:
    """A second of a farm in each: values that wander as water does, with the digits that probes give."""
    water = random.Random(11)
    values = {(unit, name): mean for unit in range(UNITS) for name, _, mean in QUANTITIES}
    batches = []
    for second in range(count):
        readings = []
        for k in range(BATCH):
            unit = (second * BATCH + k) // len(QUANTITIES) % UNITS
            name, ucum, mean = QUANTITIES[k % len(QUANTITIES)]
            value = values[unit, name] = values[unit, name] + water.gauss(0, 0.02) + 0.01 * (mean - values[unit, name])
            at = START + timedelta(seconds=second, microseconds=water.randrange(1_000_000))
            tank = f"tank-{unit}"
            readings.append(
                Reading(
                    channel=f"{tank}.{name}",
                    unit=tank,
                    quantity=name,
                    value=round(value, 3),
                    ucum=ucum,
                    observed_at=at,
                    quality=1,  # type: ignore[arg-type]
                )
            )
        batches.append(Draft.of(ReadingBatch(readings=tuple(readings))))
    return batches


def _outbox(folder: Path) -> Outbox:
    clock = SystemClock(assume_synchronised=True)
    return Outbox(folder / "outbox.db", boot="boot-0001", clock=clock, max_bytes=20_000_000_000)


# -- taking in -------------------------------------------------------------------------------------------------------


def _rate(units: int, work: Callable[[], float]) -> float:
    return units / work()


def _accept_all(drafts: list[Draft], *, threads: int = 1) -> float:
    with tempfile.TemporaryDirectory() as folder:
        outbox = _outbox(Path(folder))

        def produce(mine: list[Draft]) -> None:
            for draft in mine:
                outbox.accept([draft])

        workers = [threading.Thread(target=produce, args=(drafts[k::threads],)) for k in range(threads)]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - began
        outbox.close()
        return seconds


def _raw(drafts: list[Draft], *, synced: bool) -> float:
    """The same bodies, one insert and one commit each, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
        connection.execute("CREATE TABLE message (seq INTEGER PRIMARY KEY, kind TEXT, body BLOB)")
        began = time.perf_counter()
        for draft in drafts:
            connection.execute("INSERT INTO message (kind, body) VALUES (?, ?)", (draft.kind.value, draft.body))
        seconds = time.perf_counter() - began
        connection.close()
        return seconds


_WRITER = """
import sys
from pathlib import Path
from tests.benchmarks.outbox import _outbox
from tests.edge.farm import alarm_draft, readings_draft
outbox = _outbox(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    outbox.accept([alarm_draft(number) if number % 5 == 0 else readings_draft(number)])
    sys.stdout.write("+"); sys.stdout.flush()
"""


def lost_in_kills(kills: int) -> int:
    """Messages that were reported as accepted and are not there after a SIGKILL, over all kills."""
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        known = 0
        for kill in range(kills):
            command = [sys.executable, "-c", _WRITER, folder]
            writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert writer.stdout is not None
            told = len(os.read(writer.stdout.fileno(), 1))
            while told < 50 + 13 * kill:
                told += len(os.read(writer.stdout.fileno(), 65536))
            writer.send_signal(signal.SIGKILL)
            told += len(writer.stdout.read())
            writer.wait()
            writer.stdout.close()
            outbox = _outbox(Path(folder))
            held = outbox.depth().rows
            lost += max(0, known + told - held)
            known = held
            outbox.close()
    return lost


# -- giving out ------------------------------------------------------------------------------------------------------


class _Device:
    def __init__(self, folder: Path, port: int) -> None:
        clock = SystemClock(assume_synchronised=True)
        self.outbox = _outbox(folder)
        self._link = MqttLink(
            MqttSettings(port=port),
            site="farm",
            device="edge-1",
            boot="boot-0001",
            clock=clock,
            inventory=lambda: Inventory(agent_version="1"),
            on_event=self._handle,
        )
        self._publisher = Publisher(self.outbox, self._link, site="farm", device="edge-1", clock=clock)
        self._supervisor = Supervisor()

    def _handle(self, event: LinkEvent) -> None:
        self._publisher.handle(event)

    def start(self) -> None:
        self._supervisor.start("publisher", self._publisher.run)
        self._supervisor.start("link", self._link.run)

    def stop(self) -> None:
        self._supervisor.stop_all(timeout_s=5)
        self.outbox.close()


_SEQ = re.compile(rb'"stream":"([^"]+)","seq":(\d+)')
_SENT = re.compile(rb'"message":"t=([0-9.]+)"')


def _far_end(port: int, pipe: Connection) -> None:
    """A store in a process of its own: notes when live messages come, confirms every 20 ms, reports when asked."""
    latencies: list[float] = []
    seen: set[int] = set()
    stream = b""

    def message(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        nonlocal stream
        now = time.monotonic()
        found = _SEQ.search(message.payload[:400])
        if found is None:
            return
        stream = found[1]
        seen.add(int(found[2]))
        sent = _SENT.search(message.payload)
        if sent is not None:
            latencies.append(now - float(sent[1]))

    client = Client(CallbackAPIVersion.VERSION2, client_id="far-end")
    client.on_message = message
    client.connect("127.0.0.1", port)
    client.subscribe([(topic, 1) for topic in uplink_kind_filters()])
    client.loop_start()
    pipe.send("ready")
    upto = 0
    while True:
        if pipe.poll(0.02):
            if pipe.recv() == "stop":
                break
            pipe.send((list(latencies), upto))
            latencies.clear()
        reached = upto
        while reached + 1 in seen:
            reached += 1
        above: tuple[tuple[int, int], ...] = ()
        ahead = sorted(seq for seq in seen if seq > reached)
        if ahead:
            runs, low = [], ahead[0]
            for before, after in zip(ahead, [*ahead[1:], ahead[-1] + 2], strict=True):
                if after != before + 1:
                    runs.append((low, before))
                    low = after
            above = tuple(runs[:64])
        if stream and (reached > upto or above):
            seen -= set(range(upto, reached + 1))
            upto = reached
            word = Watermark(site="farm", device="edge-1", stream=stream.decode(), committed=upto, above=above)
            client.publish(committed("farm", "edge-1"), word.model_dump_json(exclude_none=True), qos=1)
    client.disconnect()
    client.loop_stop()


def _live_draft(number: int) -> Draft:
    draft = alarm_draft(number)
    body = draft.body.replace(b'"Dissolved oxygen is low"', b'"t=%.6f"' % time.monotonic())
    return Draft(draft.kind, body)


@contextlib.contextmanager
def _broker() -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder) / "mosquitto", configuration="set_tcp_nodelay true")
        broker.start()
        try:
            yield broker.port
        finally:
            broker.stop()


def _week(*, pack_sample: list[Draft], backlog: int, live: int) -> dict[str, Any]:
    """Live messages alone, then beside a backlog, then what a week of the farm takes."""
    with _broker() as port, tempfile.TemporaryDirectory() as folder:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        far = multiprocessing.get_context("spawn").Process(target=_far_end, args=(port, theirs), daemon=True)
        far.start()
        ours.recv()
        device = _Device(Path(folder), port)
        for number in range(backlog):
            device.outbox.accept([pack_sample[number % len(pack_sample)]])
        held = device.outbox.depth().bytes
        device.start()
        drained = threading.Event()
        began = time.monotonic()
        watcher = threading.Thread(target=_wait_until_drained, args=(device.outbox, backlog, drained))
        watcher.start()
        beside = _live(device.outbox, ours, live, while_=lambda: not drained.is_set())
        watcher.join()
        drain_s = time.monotonic() - began
        alone = _live(device.outbox, ours, live, while_=lambda: True)
        device.stop()
        ours.send("stop")
        far.join(5)
        file_bytes = (Path(folder) / "outbox.db").stat().st_size
    live_per_s = WEEK_READINGS / WEEK_S
    drained_per_s = backlog * BATCH / drain_s
    return {
        "live_p50_ms": round(statistics.median(alone) * 1e3, 2),
        "live_p99_ms": round(_p99(alone) * 1e3, 2),
        "live_p99_beside_backlog_ms": round(_p99(beside) * 1e3, 2),
        "live_p99_ratio": round(_p99(beside) / _p99(alone), 2),
        "live_messages": {"alone": len(alone), "beside_backlog": len(beside)},
        "backlog_readings": backlog * BATCH,
        "drained_readings_per_s": round(drained_per_s),
        "drain_times_live": round(drained_per_s / live_per_s),
        "stored_bytes_per_reading": round(held / (backlog * BATCH), 1),
        "file_bytes_per_reading": round(file_bytes / (backlog * BATCH), 1),
        "week_gb": round(file_bytes / (backlog * BATCH) * WEEK_READINGS / 1e9, 2),
        "packed_ratio": round(sum(len(d.body) for d in pack_sample) / sum(len(pack(d.body)) for d in pack_sample), 1),
    }


def _live(outbox: Outbox, pipe: Connection, count: int, *, while_: Callable[[], bool]) -> list[float]:
    """Latencies of ``count`` live messages, fewer when the backlog is gone before."""
    pause = threading.Event()
    while outbox.depth().floor <= 1:
        pause.wait(0.05)  # the publisher waits for the watermark after connecting
    pipe.send("report")
    pipe.recv()
    for number in range(count):
        if not while_():
            break
        outbox.accept([_live_draft(number)])
        pause.wait(1 / LIVE_PER_S)
    pause.wait(0.5)
    pipe.send("report")
    latencies: list[float] = pipe.recv()[0]
    return latencies or [float("nan")]


def _wait_until_drained(outbox: Outbox, last: int, drained: threading.Event) -> None:
    pause = threading.Event()
    while outbox.depth().floor <= last:
        pause.wait(0.05)
    drained.set()


def _p99(values: list[float]) -> float:
    return sorted(values)[max(0, int(len(values) * 0.99) - 1)] if len(values) > 1 else values[0]
