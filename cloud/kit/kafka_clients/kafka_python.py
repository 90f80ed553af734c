"""Kafka in pure Python, for machines without librdkafka."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import structlog
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from cloud.kit.stream import KafkaAccess, Partition, StreamError, StreamMessage
from contracts.traces import TRACEPARENT

log = structlog.get_logger()


class KafkaPythonConsumer:
    """One member of a group."""

    def __init__(self, access: KafkaAccess, *, group: str, topics: Sequence[str]) -> None:
        try:
            self._traces = access.traces
            self._consumer: KafkaConsumer | None = KafkaConsumer(
                *topics,
                **_client_options(access),
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=10_000,
                heartbeat_interval_ms=3_000,
                metadata_max_age_ms=5_000,
                fetch_max_wait_ms=100,
                max_partition_fetch_bytes=4_000_000,
            )
        except (KafkaError, OSError) as error:
            raise StreamError(f"{type(error).__name__}: {error}") from error

    def poll(self, *, max_messages: int, timeout_s: float) -> list[StreamMessage]:
        """See ``StreamConsumer``."""
        consumer = self._opened()
        consumer.resume(*consumer.paused())
        return self._polled(max_messages, timeout_s)

    def keep_alive(self, timeout_s: float) -> list[StreamMessage]:
        """See ``StreamConsumer``."""
        consumer = self._opened()
        consumer.pause(*consumer.assignment())
        return self._polled(1, timeout_s)

    def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """See ``StreamConsumer``."""
        consumer = self._opened()
        mine = {(assigned.topic, assigned.partition) for assigned in consumer.assignment()}
        offsets = {
            TopicPartition(*partition): OffsetAndMetadata(next_offsets[partition])
            for partition in next_offsets.keys() & mine
        }
        try:
            if offsets:
                consumer.commit(offsets)
        except KafkaError as error:
            raise StreamError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """See ``StreamConsumer``."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close(autocommit=False)

    def _polled(self, max_messages: int, timeout_s: float) -> list[StreamMessage]:
        consumer = self._opened()
        see_rebalance_through(consumer)
        try:
            by_partition = consumer.poll(timeout_ms=round(timeout_s * 1000), max_records=max_messages)
        except KafkaError as error:
            raise StreamError(f"{type(error).__name__}: {error}") from error
        return [
            StreamMessage(
                record.topic,
                record.partition,
                record.offset,
                record.key,
                record.value or b"",
                datetime.fromtimestamp(max(record.timestamp, 0) / 1000, tz=timezone.utc),
                dict(record.headers or ()).get(TRACEPARENT) if self._traces else None,
            )
            for records in by_partition.values()
            for record in records
        ]

    def _opened(self) -> KafkaConsumer:
        if self._consumer is None:
            raise StreamError("the consumer is closed")
        return self._consumer


class KafkaPythonPublisher:
    """Fire and forget. The producer is made with the first message, because its constructor needs Kafka."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._producer: KafkaProducer | None = None
        self._making = threading.Lock()

    def publish(self, topic: str, key: bytes, value: bytes) -> None:
        """See ``StreamPublisher``."""
        try:
            future = self._made().send(topic, key=key, value=value)
        except (KafkaError, OSError) as error:
            log.warning("stream.not_published", topic=topic, reason=f"{type(error).__name__}: {error}")
            return
        future.add_errback(lambda error: log.warning("stream.not_published", topic=topic, reason=str(error)))

    def close(self) -> None:
        """See ``StreamPublisher``."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=5)

    def _made(self) -> KafkaProducer:
        with self._making:
            if self._producer is None:
                self._producer = KafkaProducer(
                    **_client_options(self._access), acks="all", enable_idempotence=False, max_block_ms=2_000
                )
            return self._producer


class KafkaPythonConfirming:
    """Waits for every record. The producer is made with the first batch, because its constructor needs Kafka."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._producer: KafkaProducer | None = None

    def publish_all(self, records: Sequence[tuple[str, bytes | None, bytes]], *, timeout_s: float) -> None:
        """See ``ConfirmingPublisher``."""
        try:
            if self._producer is None:
                self._producer = KafkaProducer(
                    **_client_options(self._access), acks="all", enable_idempotence=False, max_request_size=8_000_000
                )
            futures = [self._producer.send(topic, key=key, value=value) for topic, key, value in records]
            self._producer.flush(timeout_s)
            for future in futures:
                future.get(timeout=timeout_s)
        except (KafkaError, OSError) as error:
            raise StreamError(f"not confirmed: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """See ``ConfirmingPublisher``."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=5)


def see_rebalance_through(consumer: KafkaConsumer) -> None:
    """Call before each poll: a rebalance that new partitions have caused must not be forgotten half way.

    kafka-python 3.0 compares partitions to see whether it has to join, and takes them over as it joins: a poll that ends
    before the join is complete is then the last to look at it. The member never learns of its partitions, sends no
    heartbeat and reads nothing again.
    """
    coordinator = consumer._coordinator  # noqa: SLF001  (nothing public tells of a join under way)
    if coordinator is not None and coordinator.rejoining:
        coordinator.request_rejoin()


def _client_options(access: KafkaAccess) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap_servers": access.bootstrap.split(","),
        "client_id": "shoal-ingest",
        "security_protocol": access.security_protocol,
        "reconnect_backoff_max_ms": 2_000,
        "bootstrap_timeout_ms": 5_000,
    }
    if access.ca_file is not None:
        options["ssl_cafile"] = str(access.ca_file)
    if access.username is not None:
        options |= {
            "sasl_mechanism": access.sasl_mechanism,
            "sasl_plain_username": access.username,
            "sasl_plain_password": access.password or "",
        }
    return options
