"""Kafka into the ingest and the evaluator: consumer groups, each with its own loop, connection and back-off.

    telemetry   sensor-data, camera-events      stored
    system      system-events, error-messages   stored
    alarms      sensor-data, system-events      judged against the boxes' limits, beside the store and never in its way

After the commit of a batch its watermarks go to ``device-downlink``, and then the offsets are committed. A watermark
that gets lost is sent again with the next message of its device. A group that refuses too much pauses, and says so.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import generate_latest
from pydantic_core import from_json

from cloud.alarms import feed
from cloud.alarms.evaluator import Evaluator
from cloud.commands.sender import CommandSender
from cloud.consumers.ahead import SWITCH_INTERVAL_S
from cloud.consumers.ingest import Ingest
from cloud.consumers.prepare import Prepared, Preparing
from cloud.consumers.records import StreamRecord
from cloud.consumers.replayer import Replayer
from cloud.db.maintenance import Maintainer
from cloud.db.session import psycopg_url
from cloud.db.timeseries import EPOCH
from cloud.dead_letters.rules import LetterLimit
from cloud.kit.logs import configure_logging
from cloud.kit.stream import (
    BatchLimits,
    KafkaAccess,
    KafkaClient,
    StreamLoop,
    StreamMessage,
    StreamPublisher,
    Work,
    open_publisher,
    open_stream,
)
from cloud.kit.tracing import StoredSpans, exporting
from cloud.metrics import EVALUATOR_FAILURES, INGEST_LAG_SECONDS, INGEST_PAUSED, INGEST_RETRIES
from cloud.settings import IngestSettings, KafkaSettings
from contracts.devices import Watermark
from contracts.downlink import Downlink
from contracts.errors import RetryableError
from contracts.probes import Condition, ProbeServer
from contracts.topics import KafkaTopic, Kind

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = structlog.get_logger()

GROUPS: dict[str, tuple[KafkaTopic, ...]] = {
    "telemetry": (KafkaTopic.SENSOR_DATA, KafkaTopic.CAMERA_EVENTS),
    "system": (KafkaTopic.SYSTEM_EVENTS, KafkaTopic.ERROR_MESSAGES),
    feed.GROUP: (KafkaTopic.SENSOR_DATA, KafkaTopic.SYSTEM_EVENTS),
}
_REOPEN_S = 5.0
"""Pause before the evaluator's loop starts anew after a failure."""


class Consumers:
    """The loops of one process.

    Args:
        settings: where Kafka and the database are, and which groups to run.
        traces: where spans of stored batches go; None: nowhere.
    """

    def __init__(self, settings: IngestSettings, *, traces: TracerProvider | None = None) -> None:
        self._settings = settings
        self._traces = traces
        self._access = replace(access(settings), traces=traces is not None)
        self._publisher: StreamPublisher | None = None
        self._evaluator: Evaluator | None = None
        self._replayer: Replayer | None = None
        self._sender: CommandSender | None = None
        self._groups: list[_Group] = []
        self._loops: list[StreamLoop] = []
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start the loops; Kafka and the database may still be away."""
        self._publisher = open_publisher(self._access)
        downlink = _Downlink(self._publisher)
        for name in self._settings.ingest_groups:
            if name == feed.GROUP:
                self._judging()
            else:
                self._storing(name, downlink)
        if KafkaTopic.ERROR_MESSAGES in {topic for name in self._settings.ingest_groups for topic in GROUPS[name]}:
            self._ordered(self._publisher)
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Until a loop fails, or ``end`` or ``stop`` is called."""
        self._ended.wait()

    def end(self) -> None:
        """Let ``wait`` return; fit for a signal handler."""
        self._ended.set()

    def stop(self, *, timeout_s: float = 30.0) -> None:
        """Finish the batches in hand, commit, leave. Safe twice."""
        self._ended.set()
        for loop in self._loops:
            loop.stop()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._evaluator is not None:
            self._evaluator.stop()
        if self._replayer is not None:
            self._replayer.stop()
        if self._sender is not None:
            self._sender.stop()
        for group in self._groups:
            group.close()
        if self._publisher is not None:
            self._publisher.close()

    def condition(self) -> Condition:
        """Whether the loops run, and what is in their way."""
        obstacles = [f"{group.name}: {group.obstacle}" for group in self._groups if group.obstacle]
        if not _reachable(self._settings.kafka_bootstrap):
            obstacles.append(f"kafka: nothing answers at {self._settings.kafka_bootstrap}")
        running = bool(self._threads) and all(thread.is_alive() for thread in self._threads)
        return Condition(alive=running and self.failure is None, obstacles=tuple(obstacles))

    def _storing(self, name: str, downlink: _Downlink) -> None:
        """A group that writes."""
        settings = self._settings
        ingest = self._ingest()
        limit = LetterLimit(settings.ingest_dead_letter_rate_per_s, settings.ingest_dead_letter_burst)
        spans = None if self._traces is None else StoredSpans(self._traces, name, system="kafka")
        group = _Group(name, ingest, downlink, limit, spans)
        self._groups.append(group)
        self._thread(name, group.begin, self._run)

    def _ordered(self, publisher: StreamPublisher) -> None:
        """What people order through the API: letters are put back where they are stored, commands go down from here."""
        url = self._settings.database_url.get_secret_value()

        def send(message: Downlink) -> None:
            key = f"{message.site}/{message.device}".encode()
            publisher.publish(
                KafkaTopic.DEVICE_DOWNLINK.value, key, message.model_dump_json(exclude_none=True).encode()
            )

        self._replayer = Replayer(url, self._ingest(), now=_now)
        self._sender = CommandSender(url, send=send, now=_now)
        self._replayer.start()
        self._sender.start()

    def _ingest(self) -> Ingest:
        settings = self._settings
        return Ingest(
            settings.database_url.get_secret_value(),
            storage_dir=settings.storage_dir,
            auto_register=settings.ingest_auto_register,
        )

    def _judging(self) -> None:
        """The group that evaluates; its failures are its own."""
        evaluator = Evaluator(psycopg_url(self._settings.database_url.get_secret_value()), now=_now)
        evaluator.start()
        self._evaluator = evaluator
        self._thread(
            feed.GROUP, lambda: feed.EvaluatorWork(evaluator, kind_of=kind_of, now=_now), self._run_beside_the_store
        )

    def _thread(self, name: str, begin: Callable[[], Work], run: Callable[[StreamLoop], None]) -> None:
        """A loop of this group, to be started."""
        settings = self._settings
        loop = StreamLoop(
            name,
            open_consumer=partial(
                open_stream, self._access, group=f"shoal-{name}", topics=[topic.value for topic in GROUPS[name]]
            ),
            begin=begin,
            limits=BatchLimits(
                settings.ingest_batch_messages, settings.ingest_batch_bytes, settings.ingest_batch_wait_s
            ),
            on_retry=INGEST_RETRIES.labels(name).inc,
        )
        self._loops.append(loop)
        self._threads.append(threading.Thread(target=run, args=(loop,), name=f"ingest-{name}", daemon=True))

    def _run_beside_the_store(self, loop: StreamLoop) -> None:
        while not self._ended.is_set():
            try:
                loop.run()
            except Exception:  # noqa: PERF203  (a loop of retries)
                EVALUATOR_FAILURES.inc()
                log.exception("evaluator.failed")
                self._ended.wait(_REOPEN_S)

    def _run(self, loop: StreamLoop) -> None:
        try:
            loop.run()
        except BaseException as error:  # told to whoever waits; the process then ends
            log.exception("ingest.failed")
            self.failure = error
        finally:
            self._ended.set()


def run_consumers(settings: IngestSettings) -> int:
    """Consume until SIGTERM or SIGINT, then drain.

    Returns:
        Exit code: 0 after a signal, 1 after a failure that a restart may cure.

    Raises:
        ConfigurationError: a setting cannot be used; nothing was connected.
    """
    configure_logging(settings.log_level)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    psycopg_url(settings.database_url.get_secret_value())
    traces = exporting("shoal-ingest") if settings.traces else None
    consumers = Consumers(settings, traces=traces)
    probes = ProbeServer(
        settings.ingest_metrics_host,
        settings.ingest_metrics_port,
        condition=consumers.condition,
        metrics=generate_latest,
        field="ingest_metrics_port",
    )
    probes.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumers.end())
    consumers.start()
    maintainer = Maintainer(settings.database_url.get_secret_value(), settings)
    maintainer.start()
    log.info("ingest.started", kafka=settings.kafka_bootstrap, groups=settings.ingest_groups)
    consumers.wait()
    maintainer.stop()
    consumers.stop()
    probes.stop()
    if traces is not None:
        traces.shutdown()
    log.info("ingest.stopped")
    return 1 if consumers.failure is not None else 0


def record_of(message: StreamMessage) -> StreamRecord:
    """A Kafka message as the ingest takes it."""
    origin = f"{message.topic}/{message.partition}/{message.offset}"
    kind = None if message.topic == KafkaTopic.ERROR_MESSAGES.value else kind_of(message.topic, message.value)
    return StreamRecord(message.value, kind, message.timestamp, origin)


def kind_of(topic: str, value: bytes) -> Kind:
    """What a message on one of our topics is: one topic carries several kinds, and the body names its own.

    What names none is taken for the topic's first kind, whose decoder will refuse it with a reason.
    """
    if topic == KafkaTopic.SENSOR_DATA.value:
        return Kind.READINGS
    fallback = Kind.OBSERVATIONS if topic == KafkaTopic.CAMERA_EVENTS.value else Kind.STATUS
    try:
        raw: Any = from_json(value)
        return Kind(raw["body"]["type"])
    except (ValueError, KeyError, TypeError):
        return fallback


class _Downlink:
    """Watermarks of both loops to Kafka. They race after their commits; one that is already surpassed is not sent.

    (Between processes it may be: a device takes the highest it has heard of.)
    """

    def __init__(self, publisher: StreamPublisher) -> None:
        self._publisher = publisher
        self._highest: dict[tuple[str, str, str], int] = {}
        self._turn = threading.Lock()

    def publish(self, marks: Sequence[Watermark]) -> None:
        with self._turn:
            for mark in marks:
                stream = (mark.site, mark.device, mark.stream)
                if mark.committed < self._highest.get(stream, 0):
                    continue
                self._highest[stream] = mark.committed
                key = f"{mark.site}/{mark.device}".encode()
                self._publisher.publish(KafkaTopic.DEVICE_DOWNLINK.value, key, mark.model_dump_json().encode())


class TooManyRefusedError(RetryableError):
    """So many messages became dead letters that the rest stays in Kafka for now."""


class _Group:
    """What one loop does with its batches, and what keeps it from doing so."""

    def __init__(
        self, name: str, ingest: Ingest, downlink: _Downlink, limit: LetterLimit, spans: StoredSpans | None = None
    ) -> None:
        self.name = name
        self.obstacle = ""
        self.spans = spans
        self._ingest = ingest
        self._downlink = downlink
        self._limit = limit

    def begin(self) -> _GroupWork:
        """A batch of this group."""
        return _GroupWork(self, self._ingest.preparing())

    def store(self, prepared: Prepared, newest: datetime) -> None:
        """Write the batch and tell the devices.

        Raises:
            RetryableError: nothing of the batch counts; the same batch may be tried again.
        """
        try:
            self._wait_for_limit()
            result = self._ingest.store(prepared)
        except RetryableError as error:
            self.obstacle = str(error)
            raise
        self.obstacle = ""
        self._limit.spend(result.refused, time.monotonic())
        self._downlink.publish(result.watermarks)
        INGEST_LAG_SECONDS.labels(self.name).set(max(0.0, time.time() - newest.timestamp()))

    def close(self) -> None:
        self._ingest.close()

    def _wait_for_limit(self) -> None:
        wait_s = self._limit.wait_s(time.monotonic())
        INGEST_PAUSED.labels(self.name).set(wait_s > 0)
        if wait_s > 0:
            raise TooManyRefusedError(
                f"paused for {wait_s:.0f} s: too many messages were refused; see the dead letters, and stop their sender"
            )


class _GroupWork:
    """``cloud.kit.stream.Work``: decode while the batch before is being stored, then store."""

    def __init__(self, group: _Group, preparing: Preparing) -> None:
        self._group = group
        self._preparing = preparing
        self._newest = EPOCH
        self._messages = 0
        self._traces: list[bytes] = []

    def add(self, messages: Sequence[StreamMessage]) -> None:
        """Decode."""
        self._preparing.add([record_of(message) for message in messages])
        self._newest = max(self._newest, *(message.timestamp for message in messages))
        if self._group.spans is not None:
            self._messages += len(messages)
            self._traces += [message.trace for message in messages if message.trace is not None]

    def store(self) -> None:
        """Write; each try is told to whoever follows the traces of the messages."""
        spans, began_ns = self._group.spans, time.time_ns()
        try:
            self._group.store(self._preparing.prepared(), self._newest)
        except Exception as error:
            if spans is not None:
                spans.tried(began_ns, self._traces, messages=self._messages, error=error)
            raise
        if spans is not None:
            spans.tried(began_ns, self._traces, messages=self._messages)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _reachable(bootstrap: str) -> bool:
    """Whether any of the brokers takes a connection."""
    for address in bootstrap.split(","):
        host, port = address.rsplit(":", 1)
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            continue
        return True
    return False


def access(settings: KafkaSettings) -> KafkaAccess:
    """How the settings say to reach Kafka."""
    password = settings.kafka_password
    return KafkaAccess(
        client=KafkaClient(settings.kafka_client),
        bootstrap=settings.kafka_bootstrap,
        security_protocol=settings.kafka_security_protocol,
        ca_file=settings.kafka_ca_file,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=None if password is None else password.get_secret_value(),
    )
