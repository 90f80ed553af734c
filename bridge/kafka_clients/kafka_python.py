"""Kafka in pure Python. kafka-python 3 queues without a bound, so a semaphore stands in front of it."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import structlog
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    InvalidRecordError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RetriableError,
)

from bridge.errors import SinkUnavailableError
from bridge.kafka_clients.tracker import BatchTracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.settings import BridgeSettings
    from bridge.sink import Routed

log = structlog.get_logger()

_KNOCK_S = 2.0
_REFUSED = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError)
"""Errors that a record earns by itself; trying it again cannot help."""


class KafkaPythonSink:
    """Produces with acks=all; a batch is done when the future of each of its records is."""

    def __init__(self, settings: BridgeSettings) -> None:
        self._settings = settings
        self._producer: KafkaProducer | None = None
        self._stopped = True
        self._room = threading.BoundedSemaphore(max(settings.window, settings.batch_max))

    def start(self) -> None:
        """Be ready. The producer is built with the first batch: its constructor fails while Kafka is away."""
        self._stopped = False

    def submit(self, batch: Sequence[Routed], on_done: Callable[[BaseException | None], None]) -> None:
        """Send every record; waits while as many as the window holds are unconfirmed."""
        if not batch:
            on_done(None)
            return
        tracker = BatchTracker(len(batch), on_done)
        if self._stopped:
            tracker.failed("the sink is stopped", records=len(batch))
            return
        for index, routed in enumerate(batch):
            if not self._room.acquire(timeout=self._settings.kafka_delivery_timeout_s):
                tracker.failed("no record was confirmed in time", records=len(batch) - index)
                return
            try:
                if self._producer is None:
                    self._producer = self._build()
                future = self._producer.send(
                    routed.topic, key=routed.key, value=routed.value, headers=list(routed.headers) or None
                )
            except _REFUSED as error:
                self._room.release()
                tracker.refused(index, str(error))
                continue
            except (KafkaError, OSError) as error:
                self._room.release()
                self._drop_broken(error)
                tracker.failed(f"{type(error).__name__}: {error}", records=len(batch) - index)
                return
            future.add_callback(self._confirmed, tracker)
            future.add_errback(self._not_stored, tracker, index)

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Wait for confirmations, then close; what is left is answered with an error by its future."""
        self._stopped = True
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=timeout_s)

    def _confirmed(self, tracker: BatchTracker, _metadata: object) -> None:
        self._room.release()
        tracker.delivered()

    def _not_stored(self, tracker: BatchTracker, index: int, error: BaseException) -> None:
        self._room.release()
        if isinstance(error, _REFUSED):
            tracker.refused(index, str(error))
            return
        self._drop_broken(error)
        tracker.failed(f"{type(error).__name__}: {error}")

    def _drop_broken(self, error: BaseException) -> None:
        """Build a new producer for the next batch when this one can only fail (its identity is lost, or it is closed)."""
        if isinstance(error, RetriableError) or not self._settings.kafka_idempotence:
            return
        producer, self._producer = self._producer, None
        if producer is not None:
            log.warning("kafka.producer_rebuilt", reason=type(error).__name__)
            threading.Thread(target=producer.close, kwargs={"timeout": 1.0}, daemon=True).start()

    def _build(self) -> KafkaProducer:
        settings = self._settings
        _knock(settings.kafka_bootstrap)
        compression = "gzip" if settings.kafka_compression == "gzip" else None
        return KafkaProducer(
            **client_options(settings),
            acks="all",
            enable_idempotence=settings.kafka_idempotence,
            # Two requests on the way may change places when the first is retried; an idempotent producer sorts them.
            max_in_flight_requests_per_connection=5 if settings.kafka_idempotence else 1,
            linger_ms=settings.kafka_linger_ms,
            compression_type=compression,
            max_request_size=settings.kafka_max_message_bytes,
            delivery_timeout_ms=round(settings.kafka_delivery_timeout_s * 1000),
            request_timeout_ms=round(settings.kafka_delivery_timeout_s * 1000) // 2,
            max_block_ms=5000,
        )


class KafkaPythonConsumer:
    """One member of the downlink's consumer group, committing by hand."""

    def __init__(self, settings: BridgeSettings, topic: str) -> None:
        _knock(settings.kafka_bootstrap)
        self._consumer = KafkaConsumer(
            topic,
            **client_options(settings),
            group_id=settings.downlink_group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=10_000,
            metadata_max_age_ms=5_000,
        )

    def poll(self, timeout_s: float) -> list[bytes]:
        """Values that came in; raises kafka-python's errors when Kafka is away."""
        see_rebalance_through(self._consumer)
        records = self._consumer.poll(timeout_ms=round(timeout_s * 1000))
        return [record.value or b"" for partition in records.values() for record in partition]

    def commit(self) -> None:
        """Commit what was polled."""
        self._consumer.commit()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def read_whole(settings: BridgeSettings, topic: str, deadline: float) -> Iterator[bytes]:
    """Every value that ``topic`` holds now, without a group: nothing is committed, nobody else is disturbed.

    Raises:
        SinkUnavailableError: Kafka does not answer by ``deadline`` (monotonic), or stops answering.
    """
    try:
        _knock(settings.kafka_bootstrap)
        consumer = KafkaConsumer(**client_options(settings), enable_auto_commit=False)
    except (OSError, KafkaError) as error:
        raise SinkUnavailableError(str(error)) from error
    try:
        while not (found := consumer.partitions_for_topic(topic)) and time.monotonic() < deadline:
            time.sleep(0.1)
        parts = [TopicPartition(topic, partition) for partition in found or ()]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        ends = consumer.end_offsets(parts)
        heard = time.monotonic()
        while any(consumer.position(part) < ends[part] for part in parts):
            for records in consumer.poll(timeout_ms=200).values():
                heard = time.monotonic()
                yield from (record.value or b"" for record in records)
            if time.monotonic() - heard > settings.kafka_delivery_timeout_s:
                raise SinkUnavailableError("Kafka stopped answering")
    except KafkaError as error:  # records in a compression that kafka-python has no library for, among others
        raise SinkUnavailableError(f"{type(error).__name__}: {error}") from error
    finally:
        consumer.close()


def see_rebalance_through(consumer: KafkaConsumer) -> None:
    """Call before each poll: kafka-python 3.0 forgets a rebalance that new partitions have caused when a poll ends before it.

    The member would then read nothing again: it takes the partitions it compares over as it joins, not when it has joined.
    """
    coordinator = consumer._coordinator  # noqa: SLF001  (nothing public tells of a join under way)
    if coordinator is not None and coordinator.rejoining:
        coordinator.request_rejoin()


def client_options(settings: BridgeSettings) -> dict[str, Any]:
    """How every kafka-python client of the bridge reaches Kafka."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "client_id": settings.client_id,
        "security_protocol": settings.kafka_security_protocol,
        "reconnect_backoff_max_ms": 2000,
        "bootstrap_timeout_ms": 5000,
    }
    if settings.kafka_ca_file is not None:
        options["ssl_cafile"] = str(settings.kafka_ca_file)
    if settings.kafka_security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value() if settings.kafka_password else None
    return options


def _knock(bootstrap: str) -> None:
    """Raise OSError when no broker listens: kafka-python's constructors wait long for that, and leak their sockets."""
    brokers = bootstrap.split(",")
    for number, broker in enumerate(brokers, start=1):
        host, _, port = broker.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
        except OSError:
            if number == len(brokers):
                raise
        else:
            return
