"""Kafka through librdkafka: heartbeats in its own thread, a bounded fetch queue, cooperative rebalancing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from cloud.kit.stream import KafkaAccess, Partition, StreamError, StreamMessage
from contracts.traces import TRACEPARENT

log = structlog.get_logger()

_REPEAT_S = 60.0
_PASSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._PARTITION_EOF})  # noqa: SLF001  (the code's name)


class ConfluentConsumer:
    """One member of a group."""

    def __init__(self, access: KafkaAccess, *, group: str, topics: Sequence[str]) -> None:
        self._paused = False
        self._traces = access.traces
        self._consumer: Consumer | None = Consumer(
            {
                **_client_options(access),
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": 10_000,
                "topic.metadata.refresh.interval.ms": 5_000,
                "allow.auto.create.topics": True,
                "queued.max.messages.kbytes": 16_384,
                "fetch.wait.max.ms": 100,
                "fetch.message.max.bytes": 4_000_000,
                "fetch.max.bytes": 8_000_000,  # of one answer of a broker; its own default is 50 MB, unpacked more
            }
        )
        self._consumer.subscribe(list(topics))

    def poll(self, *, max_messages: int, timeout_s: float) -> list[StreamMessage]:
        """See ``StreamConsumer``."""
        consumer = self._opened()
        try:
            if self._paused:
                consumer.resume(consumer.assignment())
                self._paused = False
            return _good(consumer.consume(max_messages, timeout_s), traces=self._traces)
        except KafkaException as error:
            raise StreamError(str(error)) from error

    def keep_alive(self, timeout_s: float) -> list[StreamMessage]:
        """See ``StreamConsumer``. Pausing again each time covers partitions that a rebalance has just brought."""
        consumer = self._opened()
        try:
            consumer.pause(consumer.assignment())
            self._paused = True
            return _good(consumer.consume(1, timeout_s), traces=self._traces)
        except KafkaException as error:
            raise StreamError(str(error)) from error

    def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """See ``StreamConsumer``."""
        consumer = self._opened()
        try:
            mine = {(assigned.topic, assigned.partition) for assigned in consumer.assignment()}
            offsets = [TopicPartition(*partition, next_offsets[partition]) for partition in next_offsets.keys() & mine]
            if offsets:
                consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise StreamError(str(error)) from error

    def lag(self) -> int | None:
        """Messages that this member has not committed yet, by what Kafka last told; None before it told anything."""
        consumer, behind = self._consumer, 0
        if consumer is None:
            return None
        try:
            committed = consumer.committed(consumer.assignment(), timeout=2)
            for place in committed:
                low, high = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), cached=True)
                behind += max(0, high - max(place.offset, low, 0))
        except KafkaException:
            return None
        return behind

    def close(self) -> None:
        """See ``StreamConsumer``."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _opened(self) -> Consumer:
        if self._consumer is None:
            raise StreamError("the consumer is closed")
        return self._consumer


class ConfluentPublisher:
    """Fire and forget, with a bounded queue."""

    def __init__(self, access: KafkaAccess) -> None:
        self._producer = Producer(
            {
                **_client_options(access),
                "acks": "all",
                "linger.ms": 5,
                "message.timeout.ms": 30_000,
                "queue.buffering.max.messages": 10_000,
                "partitioner": "murmur2_random",  # that of Kafka's own clients: a key keeps its partition
            }
        )

    def publish(self, topic: str, key: bytes, value: bytes) -> None:
        """See ``StreamPublisher``."""
        try:
            self._producer.produce(topic, value, key, on_delivery=_log_failure)
        except (BufferError, KafkaException) as error:
            log.warning("stream.not_published", topic=topic, reason=str(error))
        self._producer.poll(0)

    def close(self) -> None:
        """See ``StreamPublisher``."""
        self._producer.flush(5)


class ConfluentConfirming:
    """Waits for the report of every record."""

    def __init__(self, access: KafkaAccess) -> None:
        self._producer = Producer(
            {
                **_client_options(access),
                "client.id": "shoal-predict",
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "message.timeout.ms": 20_000,
                "message.max.bytes": 8_000_000,
                "queue.buffering.max.kbytes": 65_536,
                "partitioner": "murmur2_random",
            }
        )

    def publish_all(self, records: Sequence[tuple[str, bytes | None, bytes]], *, timeout_s: float) -> None:
        """See ``ConfirmingPublisher``."""
        failures: list[str] = []
        confirmed = 0

        def reported(error: KafkaError | None, _message: Message) -> None:
            nonlocal confirmed
            confirmed += error is None
            if error is not None:
                failures.append(error.str())

        try:
            for topic, key, value in records:
                self._producer.produce(topic, value, key, on_delivery=reported)
                self._producer.poll(0)
        except (BufferError, KafkaException) as error:
            failures.append(str(error))
        left = self._producer.flush(timeout_s)
        if failures or left or confirmed != len(records):
            self._producer.purge()
            self._producer.flush(1)
            raise StreamError(
                f"{confirmed} of {len(records)} records were confirmed: {(failures or ['time is up'])[0]}"
            )

    def close(self) -> None:
        """See ``ConfirmingPublisher``."""
        self._producer.flush(5)


class ErrorEvents:
    """Logs what librdkafka complains of: each kind of error once in a while, not at every attempt."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Called by librdkafka from consume, poll and flush."""
        now = time.monotonic()
        if now - self._logged.get(error.name(), -_REPEAT_S) >= _REPEAT_S:
            self._logged[error.name()] = now
            log.warning("kafka.error", code=error.name(), reason=error.str(), fatal=error.fatal())


def _log_failure(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        log.warning("stream.not_published", topic=message.topic(), reason=error.str())


def _good(messages: Sequence[Message], *, traces: bool) -> list[StreamMessage]:
    """The messages among what librdkafka hands over; it reports errors in the same way.

    Raises:
        StreamError: an error that does not pass by itself.
    """
    good = []
    for message in messages:
        error = message.error()
        if error is None:
            good.append(_converted(message, traces=traces))
        elif error.fatal() or not (error.retriable() or error.code() in _PASSING or error.code() < 0):
            raise StreamError(error.str())
        else:
            log.info("stream.error", reason=error.str())
    return good


def _converted(message: Message, *, traces: bool) -> StreamMessage:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None  # noqa: S101  (a message without an error has its place)
    assert partition is not None  # noqa: S101
    assert offset is not None  # noqa: S101
    _, milliseconds = message.timestamp()
    key, value = message.key(), message.value()
    return StreamMessage(
        topic,
        partition,
        offset,
        key,
        value or b"",
        datetime.fromtimestamp(max(milliseconds, 0) / 1000, tz=timezone.utc),
        _trace_of(message) if traces else None,
    )


def _trace_of(message: Message) -> bytes | None:
    value = dict(message.headers() or ()).get(TRACEPARENT)
    return value.encode() if isinstance(value, str) else value


def _client_options(access: KafkaAccess) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap.servers": access.bootstrap,
        "client.id": "shoal-ingest",
        "security.protocol": access.security_protocol,
        "socket.nagle.disable": True,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 2000,
        "log_level": 0,  # what matters comes as an error event, which we log; the rest is a line per attempt
        "error_cb": ErrorEvents(),
    }
    if access.ca_file is not None:
        options["ssl.ca.location"] = str(access.ca_file)
    if access.username is not None:
        options |= {
            "sasl.mechanism": access.sasl_mechanism,
            "sasl.username": access.username,
            "sasl.password": access.password or "",
        }
    return options
