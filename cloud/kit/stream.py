"""A Kafka consumer as one loop: collect a batch, handle it, commit its offsets, again.

Offsets are committed only after the handler returned, so a crash repeats the batch and loses nothing. While the
handler's world is away the loop waits with back-off, stays a member of its group and takes no more messages; memory
holds one batch. Client libraries are adapters in ``cloud.kit.kafka_clients``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeAlias

import structlog

from contracts.errors import RetryableError

log = structlog.get_logger()

Partition: TypeAlias = tuple[str, int]
"""Topic and partition number."""

_IDLE_POLL_S = 0.5
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """One message with its place in Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    timestamp: datetime
    """When the producer sent it, UTC."""


class StreamConsumer(Protocol):
    """A member of a consumer group that commits by hand."""

    def poll(self, *, max_messages: int, timeout_s: float) -> list[StreamMessage]:
        """Messages that are there, or that come within the timeout.

        Raises:
            StreamError: the client cannot go on; a new one may.
        """

    def keep_alive(self, timeout_s: float) -> list[StreamMessage]:
        """Stay in the group without taking more. May still return a few that were on their way."""

    def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """Commit durably, for those partitions that are still this member's.

        Raises:
            StreamError: the commit was refused; the messages will come again.
        """

    def close(self) -> None:
        """Leave the group. Safe twice."""


class StreamPublisher(Protocol):
    """Sends messages that may be lost without harm."""

    def publish(self, topic: str, key: bytes, value: bytes) -> None:
        """Queue one message; drops it when Kafka is away for long."""

    def close(self) -> None:
        """Send what is queued, for a few seconds at most. Safe twice."""


class StreamError(RetryableError):
    """The Kafka client failed in a way that does not pass by itself."""


class KafkaClient(str, Enum):
    """Which library speaks to Kafka."""

    CONFLUENT = "confluent"
    KAFKA_PYTHON = "kafka-python"


@dataclass(frozen=True)
class KafkaAccess:
    """How to reach Kafka."""

    client: KafkaClient
    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    ca_file: Path | None = None
    sasl_mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True)
class BatchLimits:
    """When a batch is full; whichever comes first.

    Attributes:
        messages: count.
        bytes: sum of the payloads; bounds the memory.
        wait_s: from the first message; bounds the delay.
    """

    messages: int = 1000
    bytes: int = 8_000_000
    wait_s: float = 0.1


def open_stream(access: KafkaAccess, *, group: str, topics: Sequence[str]) -> StreamConsumer:
    """Join a consumer group; only the chosen library is imported."""
    if access.client is KafkaClient.CONFLUENT:
        from cloud.kit.kafka_clients.confluent import ConfluentConsumer

        return ConfluentConsumer(access, group=group, topics=topics)
    from cloud.kit.kafka_clients.kafka_python import KafkaPythonConsumer

    return KafkaPythonConsumer(access, group=group, topics=topics)


def open_publisher(access: KafkaAccess) -> StreamPublisher:
    """A publisher; only the chosen library is imported."""
    if access.client is KafkaClient.CONFLUENT:
        from cloud.kit.kafka_clients.confluent import ConfluentPublisher

        return ConfluentPublisher(access)
    from cloud.kit.kafka_clients.kafka_python import KafkaPythonPublisher

    return KafkaPythonPublisher(access)


class StreamLoop:
    """The loop. ``run`` in a thread of its own; ``stop`` from any other.

    Args:
        name: of the group, for log events.
        open_consumer: joins the group; called again after a ``StreamError``.
        handle: makes a batch durable. ``RetryableError`` means try the same batch again later.
        on_retry: told each time that the handler has to wait.
    """

    def __init__(
        self,
        name: str,
        *,
        open_consumer: Callable[[], StreamConsumer],
        handle: Callable[[Sequence[StreamMessage]], None],
        limits: BatchLimits,
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._open_consumer = open_consumer
        self._handle = handle
        self._limits = limits
        self._on_retry = on_retry
        self._stopping = threading.Event()
        self._pending: list[StreamMessage] = []

    def stop(self) -> None:
        """Finish and commit the batch in hand, then leave the group."""
        self._stopping.set()

    def run(self) -> None:
        """Consume until ``stop``; anything but a retryable error ends the loop and is raised."""
        wait_s = _FIRST_WAIT_S
        while not self._stopping.is_set():
            try:
                self._consume()
                wait_s = _FIRST_WAIT_S
            except StreamError as error:  # noqa: PERF203  (a loop of retries)
                log.warning("stream.reopened", group=self._name, reason=str(error))
                self._stopping.wait(wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _consume(self) -> None:
        """One membership of the group."""
        self._pending = []  # what an earlier membership had taken comes again
        consumer = self._open_consumer()
        try:
            while not self._stopping.is_set():
                batch = self._collect(consumer)
                if batch and self._deliver(consumer, batch):
                    consumer.commit(_next_offsets(batch))
        finally:
            consumer.close()

    def _collect(self, consumer: StreamConsumer) -> list[StreamMessage]:
        limits = self._limits
        batch, self._pending = self._pending, []
        size = sum(len(message.value) for message in batch)
        deadline: float | None = None
        while len(batch) < limits.messages and size < limits.bytes and not self._stopping.is_set():
            timeout_s = _IDLE_POLL_S if deadline is None else deadline - time.monotonic()
            if timeout_s <= 0:
                break
            # In portions, so that a flood of images overshoots the size by little.
            portion = min(50, limits.messages - len(batch))
            arrived = consumer.poll(max_messages=portion, timeout_s=min(timeout_s, limits.wait_s))
            batch += arrived
            size += sum(len(message.value) for message in arrived)
            if batch and deadline is None:
                deadline = time.monotonic() + limits.wait_s
        return batch

    def _deliver(self, consumer: StreamConsumer, batch: Sequence[StreamMessage]) -> bool:
        """Hand the batch over, for as long as it takes; False when the loop was stopped before it was durable."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                self._handle(batch)
            except RetryableError as error:  # noqa: PERF203  (a loop of retries)
                log.warning("stream.waiting", group=self._name, reason=str(error), wait_s=wait_s, messages=len(batch))
                self._on_retry()
                self._wait(consumer, wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                if self._stopping.is_set():
                    return False
            else:
                return True

    def _wait(self, consumer: StreamConsumer, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self._pending += consumer.keep_alive(min(left, _IDLE_POLL_S))


def _next_offsets(batch: Sequence[StreamMessage]) -> dict[Partition, int]:
    """Where to go on in each partition."""
    offsets: dict[Partition, int] = {}
    for message in batch:
        partition = (message.topic, message.partition)
        offsets[partition] = max(offsets.get(partition, 0), message.offset + 1)
    return offsets
