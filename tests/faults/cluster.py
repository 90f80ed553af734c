"""A cluster to break: Mosquitto, Apache Kafka and PostgreSQL of its own, bridge and ingest as processes, real edge outboxes.

What the devices have accepted is counted in their outboxes; what the store has is counted in the database. Nothing else
is believed.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar, Protocol

import psycopg

from cloud.db.migrate import upgrade
from contracts.devices import Inventory
from contracts.telemetry import Reading, ReadingBatch
from edge.clock import Clock, SystemClock
from edge.messaging.client import MqttLink
from edge.messaging.state import LinkEvent
from edge.outbox.publisher import Publisher
from edge.outbox.store import Draft, Outbox
from edge.sections import MqttSettings
from edge.supervisor import Supervisor
from tests.cloud.postgres import Postgres
from tests.journeys.programs import ROOT, Program
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import free_port
from tests.servers.timescale.server import Timescale

SITE = "north"
PER_MESSAGE = 20
MEGABYTE = 1_000_000
RSS_LIMIT = 350 * MEGABYTE
"""No fault may drive the bridge or the ingest above this; idle they have 60 to 100 MB."""

_PROGRAMS = {"bridge": ("bridge", "run"), "ingest": ("cloud", "ingest"), "api": ("cloud", "api")}


class Database(Protocol):
    """A server of the store that can be broken; what is committed survives ``kill``."""

    def start(self) -> Any:
        """Start and wait until it answers."""

    def url(self) -> str:
        """libpq URL."""

    def kill(self) -> None:
        """End it as a crash would."""

    def stop(self) -> None:
        """Stop it for good."""


class TimescaleDatabase:
    """TimescaleDB with its data in ``folder``. It has one session, so it takes a small load."""

    def __init__(self, folder: Path) -> None:
        self._server = Timescale(folder, kept=True)

    def start(self) -> None:
        self._server.start()

    def url(self) -> str:
        return self._server.url

    def kill(self) -> None:
        self._server.kill()

    def stop(self) -> None:
        self._server.stop()


class Device:
    """One edge box: outbox, publisher and link as its agent composes them, with readings that are made up."""

    def __init__(
        self,
        folder: Path,
        name: str,
        port: int,
        *,
        messages_per_s: float,
        resend_after_s: float,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.path = folder / f"{name}.db"
        self._period_s = 1 / messages_per_s
        clock = clock or SystemClock(assume_synchronised=True)
        self._clock = clock
        self.outbox = Outbox(self.path, boot="boot-0001", clock=clock, max_bytes=500_000_000)
        self._link = MqttLink(
            MqttSettings(port=port, reconnect_max_s=0.5),
            site=SITE,
            device=name,
            boot="boot-0001",
            clock=clock,
            inventory=lambda: Inventory(agent_version="1", limits=()),
            on_event=self._handle,
        )
        self.publisher = Publisher(
            self.outbox, self._link, site=SITE, device=name, clock=clock, resend_after_s=resend_after_s
        )
        self._supervisor = Supervisor()
        self._full = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def start(self) -> None:
        self._supervisor.start("publisher", self.publisher.run)
        self._supervisor.start("link", self._link.run)
        self._thread.start()

    def finish_measuring(self) -> None:
        self._full.set()
        self._thread.join(10)

    def accepted(self) -> int:
        return self.outbox.counters().get("readings", 0)

    def is_empty(self) -> bool:
        return self.outbox.depth().rows == 0

    def stop(self) -> None:
        self.finish_measuring()
        self._supervisor.stop_all(timeout_s=3)
        self.outbox.close()

    def _handle(self, event: LinkEvent) -> None:
        self.publisher.handle(event)

    def _measure(self) -> None:
        began, number = time.monotonic(), 0
        last = datetime.min.replace(tzinfo=timezone.utc)
        while not self._full.wait(max(0.0, began + number * self._period_s - time.monotonic())):
            now, timeline = self._clock.label()
            at = last = max(now, last + timedelta(microseconds=1)) if timeline is None else now
            readings = tuple(
                Reading(
                    channel=f"tank-{tank}.do",
                    unit=f"tank-{tank}",
                    quantity="do",
                    value=8.0 + tank / 10,
                    ucum="mg/L",
                    observed_at=at,
                )
                for tank in range(PER_MESSAGE)
            )
            self.outbox.accept([Draft.of(ReadingBatch(readings=readings), timeline=timeline)])
            number += 1


class Memory:
    """Peak resident memory of processes, sampled five times a second."""

    def __init__(self, pids: Callable[[], dict[str, int]]) -> None:
        self.peak: dict[str, int] = {}
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._stop.wait(0.2):
            for name, pid in self._pids().items():
                with contextlib.suppress(OSError, IndexError):
                    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    self.peak[name] = max(self.peak.get(name, 0), pages * page)


@dataclass
class Cluster:
    """Everything that runs, and how to break it."""

    folder: Path
    mosquitto: Mosquitto
    kafka: Kafka
    database: Database
    programs: dict[str, Program] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, *, tree: Path = ROOT) -> Program:
        """Start ``bridge``, ``ingest``, ``api`` or a further replica (``ingest-2``), of the version in ``tree``."""
        arguments = _PROGRAMS[name.split("-", maxsplit=1)[0]]
        self.ports.setdefault(name, free_port())
        environment = {
            "MALLOC_ARENA_MAX": "2",  # as in the images that a cluster runs; otherwise each thread's heap keeps its peak
            "SHOAL_DATABASE_URL": self.database.url(),
            "SHOAL_STORAGE_DIR": str(self.folder / "storage"),
            "SHOAL_SECRET_KEY_FILE": str(self.folder / "secret.key"),
            "SHOAL_PORT": str(self.ports[name]),
            "SHOAL_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "SHOAL_INGEST_METRICS_PORT": str(self.ports[name]),
            "SHOAL_BRIDGE_MQTT_PORT": str(self.mosquitto.port),
            "SHOAL_BRIDGE_MQTT_RECONNECT_MAX_S": "1",
            "SHOAL_BRIDGE_RETRY_MAX_S": "1",
            "SHOAL_BRIDGE_KAFKA_DELIVERY_TIMEOUT_S": "5",
            "SHOAL_BRIDGE_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "SHOAL_BRIDGE_METRICS_PORT": str(self.ports[name]),
            **self.more,
        }
        self.programs[name] = Program(*arguments, log=self.folder / f"{name}.log", environment=environment, tree=tree)
        return self.programs[name]

    def run(self, *arguments: str, tree: Path = ROOT) -> None:
        """Run a command of the version in ``tree`` to its end, which must be a good one."""
        log = self.folder / f"{'-'.join(arguments[:2])}.log"
        program = Program(
            *arguments, log=log, environment={"SHOAL_DATABASE_URL": self.database.url(), **self.more}, tree=tree
        )
        assert program.wait(120) == 0, program.tail()

    def kill(self, name: str) -> None:
        """SIGKILL one of Shoal's programs."""
        child = self.programs.pop(name).child
        child.kill()
        child.wait()

    def pids(self) -> dict[str, int]:
        return {name: program.child.pid for name, program in dict(self.programs).items()}

    def one(self, query: str, *parameters: Any) -> int:
        """A single number from the database."""
        with psycopg.connect(self.database.url(), connect_timeout=5) as database:
            row = database.execute(query, parameters).fetchone()
        return int(row[0] or 0) if row else 0

    def stored(self, devices: list[Device]) -> int:
        return self.one(_STORED, SITE, [device.name for device in devices])


_STORED = """
SELECT count(*) FROM reading JOIN channel ON channel.id = reading.channel_id JOIN device ON device.id = channel.device_id
JOIN site ON site.id = device.site_id WHERE site.slug = %s AND device.slug = ANY(%s)
"""
_COUNTED = """
SELECT sum(rows) FROM ingest_stream JOIN device ON device.id = device_id JOIN site ON site.id = site_id
WHERE site.slug = %s AND device.slug = ANY(%s)
"""


class Load:
    """Devices under way; ``settle`` ends them and counts, and ``close_all`` ends those of a test that has failed.

    Args:
        name: prefix of the devices' names; each test has its own.
        clock: of the devices; None: one that knows the time.
        readings_per_s: of all devices together.
    """

    under_way: ClassVar[list[Load]] = []

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        *,
        devices: int = 2,
        readings_per_s: int = 1000,
        resend_after_s: float = 3,
        clock: Clock | None = None,
    ) -> None:
        while (folder := cluster.folder / name).exists():  # a second try starts with devices that nobody knows
            name += "-again"
        folder.mkdir()
        self._cluster = cluster
        rate = readings_per_s / devices / PER_MESSAGE
        self.devices = [
            Device(
                folder,
                f"{name}-{number}",
                cluster.mosquitto.port,
                messages_per_s=rate,
                resend_after_s=resend_after_s,
                clock=clock,
            )
            for number in range(devices)
        ]
        self.accepted = 0
        self.memory = Memory(cluster.pids)
        self.under_way.append(self)
        for device in self.devices:
            device.start()

    def stored(self) -> int:
        return self._cluster.stored(self.devices)

    def wait_for_more(self, readings: int = 500, *, timeout_s: float = 150) -> None:
        """Wait until the store has that many more than now: whatever was broken works again."""
        before = self.stored()
        until(lambda: self.stored() >= before + readings, "readings reach the store", timeout_s=timeout_s)

    def settle(self, *, timeout_s: float = 150, others: int = 0) -> int:
        """Stop measuring, wait until all is stored and told, and compare; returns how many readings there were.

        Args:
            timeout_s: for each of the waits.
            others: events that the devices have sent beside them.
        """
        for device in self.devices:
            device.finish_measuring()
        accepted = sum(device.accepted() for device in self.devices)
        assert accepted > 0
        try:
            until(lambda: self.stored() >= accepted, f"all of {accepted} readings are stored", timeout_s=timeout_s)
            until(lambda: all(d.is_empty() for d in self.devices), "the devices hear of it", timeout_s=timeout_s)
            assert self.stored() == accepted, "stored but never accepted"
            counted = self._cluster.one(_COUNTED, SITE, [device.name for device in self.devices])
            assert counted == accepted + others, "the ledger counts a message twice, or not at all"
        except AssertionError as error:
            logs = "\n".join(f"--- {n}\n{p.tail(8)}" for n, p in self._cluster.programs.items())
            raise AssertionError(f"{error}; stored {self.stored()} of {accepted}\n{logs}") from error
        finally:
            self.close()
        assert self.memory.peak, "the memory was watched"
        assert max(self.memory.peak.values()) < RSS_LIMIT, self.memory.peak
        print(f"{accepted} readings; peak memory in MB:", {n: b // MEGABYTE for n, b in self.memory.peak.items()})  # noqa: T201  (pytest -s shows it)
        self.accepted = accepted
        return accepted

    def close(self) -> None:
        """End it; safe twice."""
        if self in self.under_way:
            self.under_way.remove(self)
            self.memory.stop()
            for device in self.devices:
                device.stop()

    @classmethod
    def close_all(cls) -> None:
        """Devices left behind would measure, and knock at brokers that are gone, until the end of the run."""
        for load in list(cls.under_way):
            load.close()


def until(ask: Callable[[], bool], what: str, *, timeout_s: float = 150) -> None:
    """Wait; a database that is away is no answer."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(psycopg.Error):
            if ask():
                return
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:g} s"
        time.sleep(0.2)


@contextlib.contextmanager
def running_cluster(
    folder: Path, *, database: Database | None = None, more: Mapping[str, str] | None = None, tree: Path = ROOT
) -> Iterator[Cluster]:
    """A cluster of the test's own on PostgreSQL or ``database``, of the version in ``tree``.

    ``more`` goes into the programs' environment.
    """
    with contextlib.ExitStack() as stack:
        mosquitto, kafka = Mosquitto(folder / "mosquitto"), Kafka(folder / "kafka")
        database = database or Postgres()
        for server in (kafka, mosquitto):
            stack.callback(server.stop)
            server.start()
        stack.callback(database.stop)
        database.start()
        kafka.create_topics()
        cluster = Cluster(folder, mosquitto, kafka, database, more=dict(more or {}))
        stack.callback(lambda: [program.stop() for program in cluster.programs.values()])
        if tree == ROOT:
            upgrade(database.url())  # spares a process
        else:
            cluster.run("cloud", "migrate", tree=tree)
        cluster.start("ingest", tree=tree)
        cluster.start("bridge", tree=tree)
        yield cluster
