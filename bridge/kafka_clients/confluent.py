"""Kafka through librdkafka. The sink is bounded by its queue, delivery reports on a poll thread, rebuilt after a fatal error."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from bridge.errors import SinkUnavailableError
from bridge.kafka_clients.tracker import BatchTracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.settings import BridgeSettings
    from bridge.sink import Routed

log = structlog.get_logger()

_POLL_S = 0.2
_REPEAT_S = 30.0
_REFUSED = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD})
"""Errors that a record earns by itself; trying it again cannot help."""


class ConfluentSink:
    """Produces with acks=all; a batch is done when Kafka has confirmed each of its records."""

    def __init__(self, settings: BridgeSettings) -> None:
        self._settings = settings
        self._producer: Producer | None = None
        self._fatal = threading.Event()
        self._stopping = threading.Event()
        self._poller: threading.Thread | None = None
        self._errors = ErrorEvents()

    def start(self) -> None:
        """Build the producer; librdkafka connects by itself, whenever Kafka is there."""
        self._stopping.clear()
        self._producer = self._build()
        self._poller = threading.Thread(target=self._poll, name="kafka-delivery-reports", daemon=True)
        self._poller.start()

    def submit(self, batch: Sequence[Routed], on_done: Callable[[BaseException | None], None]) -> None:
        """Queue the batch in the producer; waits while that is full."""
        tracker = BatchTracker(len(batch), on_done)
        if not batch:
            on_done(None)
            return
        if self._producer is None or self._stopping.is_set():
            tracker.failed("the sink is stopped", records=len(batch))
            return
        if self._fatal.is_set():
            self._rebuild()
        for index, routed in enumerate(batch):
            error = self._offer(self._producer, routed, partial(self._reported, tracker, index))
            if error is None:
                continue
            if error.code() in _REFUSED:
                tracker.refused(index, str(error))
                continue
            self._note_fatal(error)
            tracker.failed(str(error), records=len(batch) - index)
            return

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Wait for delivery reports, then give up what is left: its batches are answered with an error."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        self._stopping.set()
        if self._poller is not None:
            self._poller.join(timeout=_POLL_S * 5)
        if producer.flush(timeout_s):
            producer.purge()
            producer.flush(1.0)

    def _offer(
        self, producer: Producer, routed: Routed, report: Callable[[KafkaError | None, Message], None]
    ) -> KafkaError | None:
        """Queue one record; waits for delivery reports while librdkafka's queue is full, since that is its bound."""
        patience = time.monotonic() + self._settings.kafka_delivery_timeout_s
        while True:
            try:
                producer.produce(
                    routed.topic, routed.value, routed.key, on_delivery=report, headers=list(routed.headers) or None
                )
            except BufferError:  # noqa: PERF203  (the loop is the retry)
                if time.monotonic() > patience:
                    return KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001  (the public name of the code)
                producer.poll(_POLL_S)
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                return reason
            else:
                return None

    def _reported(self, tracker: BatchTracker, index: int, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            tracker.delivered()
        elif error.code() in _REFUSED:
            tracker.refused(index, str(error))
        else:
            self._note_fatal(error)
            tracker.failed(str(error))

    def _note_fatal(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001  (the public name of the code)
            self._fatal.set()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            producer = self._producer
            if producer is not None:
                producer.poll(_POLL_S)

    def _on_error(self, error: KafkaError) -> None:
        self._note_fatal(error)
        self._errors(error)

    def _rebuild(self) -> None:
        """A producer with a fatal error never recovers (an idempotent one whose broker forgot it, for instance)."""
        old = self._producer
        log.warning("kafka.producer_rebuilt")
        self._fatal.clear()
        self._producer = self._build()
        if old is not None:
            old.purge()
            old.flush(1.0)

    def _build(self) -> Producer:
        settings = self._settings
        configuration: dict[str, Any] = {
            **client_options(settings),
            "acks": "all",
            "enable.idempotence": settings.kafka_idempotence,
            # Two requests on the way may change places when the first is retried; an idempotent producer sorts them.
            "max.in.flight.requests.per.connection": 5 if settings.kafka_idempotence else 1,
            "linger.ms": settings.kafka_linger_ms,
            "compression.type": settings.kafka_compression,
            "message.max.bytes": settings.kafka_max_message_bytes,
            "delivery.timeout.ms": round(settings.kafka_delivery_timeout_s * 1000),
            "queue.buffering.max.messages": max(10_000, 2 * settings.window),
            "queue.buffering.max.kbytes": 256 * 1024,
            # The partitioner of Kafka's own clients and of kafka-python: a device keeps its partition with either sink.
            "partitioner": "murmur2_random",
            "error_cb": self._on_error,
        }
        return Producer(configuration)


class ConfluentConsumer:
    """One member of the downlink's consumer group, committing by hand."""

    def __init__(self, settings: BridgeSettings, topic: str) -> None:
        self._consumer = Consumer(
            {
                **client_options(settings),
                "group.id": settings.downlink_group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "allow.auto.create.topics": True,
                "session.timeout.ms": 10_000,
                "topic.metadata.refresh.interval.ms": 5_000,
            }
        )
        self._consumer.subscribe([topic])

    def poll(self, timeout_s: float) -> list[bytes]:
        """Values that came in.

        Raises:
            SinkUnavailableError: Kafka answers with an error that does not pass by itself.
        """
        values = []
        for message in self._consumer.consume(500, timeout_s):
            error = message.error()
            if error is None:
                values.append(message.value() or b"")
            elif error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART and not error.retriable():
                raise SinkUnavailableError(error.str())
        return values

    def commit(self) -> None:
        """Commit what was polled."""
        self._consumer.commit(asynchronous=False)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def read_whole(settings: BridgeSettings, topic: str, deadline: float) -> Iterator[bytes]:
    """Every value that ``topic`` holds now, without a group: nothing is committed, nobody else is disturbed.

    Raises:
        SinkUnavailableError: Kafka does not answer by ``deadline`` (monotonic), or stops answering.
    """
    consumer = Consumer(
        {
            **client_options(settings),
            "group.id": f"{settings.client_id}-replay",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        try:
            found = consumer.list_topics(topic, timeout=max(0.1, deadline - time.monotonic())).topics[topic].partitions
        except KafkaException as error:
            raise SinkUnavailableError(str(error)) from error
        unread = set(found)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in unread])
        heard = time.monotonic()
        while unread:
            for message in consumer.consume(500, _POLL_S):
                heard = time.monotonic()
                error_here = message.error()
                if error_here is None:
                    yield message.value() or b""
                elif error_here.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  (the public name of the code)
                    unread.discard(message.partition() or 0)
            if time.monotonic() - heard > settings.kafka_delivery_timeout_s:
                raise SinkUnavailableError("Kafka stopped answering")
    finally:
        consumer.close()


class ErrorEvents:
    """Logs what librdkafka complains of: each kind of error once in a while, not at every attempt."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Called by librdkafka from poll and flush."""
        now = time.monotonic()
        if now - self._logged.get(error.name(), -_REPEAT_S) >= _REPEAT_S:
            self._logged[error.name()] = now
            log.warning("kafka.error", code=error.name(), reason=error.str(), fatal=error.fatal())


def client_options(settings: BridgeSettings) -> dict[str, Any]:
    """How every librdkafka client of the bridge reaches Kafka."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": settings.client_id,
        "security.protocol": settings.kafka_security_protocol,
        "socket.nagle.disable": True,
        "reconnect.backoff.ms": 500,  # librdkafka's consumer keeps to this one, however long Kafka is away
        "reconnect.backoff.max.ms": 2000,
        "log_level": 0,  # what matters comes as an error event, which we log; the rest is a line per attempt
        "error_cb": ErrorEvents(),
    }
    if settings.kafka_ca_file is not None:
        options["ssl.ca.location"] = str(settings.kafka_ca_file)
    if settings.kafka_security_protocol.startswith("SASL"):
        options["sasl.mechanism"] = settings.kafka_sasl_mechanism
        options["sasl.username"] = settings.kafka_username or ""
        options["sasl.password"] = settings.kafka_password.get_secret_value() if settings.kafka_password else ""
    return options
