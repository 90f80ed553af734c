"""A Kafka consumer as one loop: collect and prepare a batch while the one before is being stored, commit, again.

Batches are stored one after the other in their order, and the offsets of each are committed only once it is durable, so
a crash repeats what was not and loses nothing. A batch grows for as long as the one before takes, up to its limits: small
when messages trickle, large behind an outage. While the store is away the loop waits with back-off, stays a member of
its group and takes no more messages; memory holds two batches. Client libraries are adapters in
``cloud.kit.kafka_clients``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
_BUSY_POLL_S = 0.01
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
    trace: bytes | None = None
    """Header ``traceparent`` (W3C Trace Context), where ``KafkaAccess.traces`` asks for it."""


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


class ConfirmingPublisher(Protocol):
    """Sends messages that must arrive before what asked for them is committed."""

    def publish_all(self, records: Sequence[tuple[str, bytes | None, bytes]], *, timeout_s: float) -> None:
        """Send (topic, key, value) records in order and return once Kafka has confirmed every one of them.

        Raises:
            StreamError: one was not confirmed in time. Some may have arrived; send all of them again.
        """

    def close(self) -> None:
        """Let go of the connection. Safe twice."""


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
    traces: bool = False
    """Consumers read the trace of each message from its headers."""


@dataclass(frozen=True)
class BatchLimits:
    """When a batch is full; whichever comes first.

    Attributes:
        messages: count.
        bytes: sum of the payloads; bounds the memory, which holds two batches.
        wait_s: from the first message; bounds the delay while the store keeps up.
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


def open_confirming(access: KafkaAccess) -> ConfirmingPublisher:
    """A publisher that waits for Kafka; only the chosen library is imported."""
    if access.client is KafkaClient.CONFLUENT:
        from cloud.kit.kafka_clients.confluent import ConfluentConfirming

        return ConfluentConfirming(access)
    from cloud.kit.kafka_clients.kafka_python import KafkaPythonConfirming

    return KafkaPythonConfirming(access)


class Work(Protocol):
    """What is to be done with the messages of one batch."""

    def add(self, messages: Sequence[StreamMessage]) -> None:
        """Prepare some more of them, without waiting for anything: here the time of a storing batch is used."""

    def store(self) -> None:
        """Make all of them durable; runs in the loop's second thread, after ``store`` of the batch before.

        Raises:
            RetryableError: nothing of the batch counts; it is called again later.
        """


class _Batch:
    """Messages with their work. ``storing`` is None until it is handed over."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.messages = 0
        self.bytes = 0
        self.next_offsets: dict[Partition, int] = {}
        self.storing: Future[None] | None = None
        self.committed = False

    def add(self, messages: Sequence[StreamMessage]) -> None:
        if not messages:
            return
        for message in messages:
            partition = (message.topic, message.partition)
            self.next_offsets[partition] = max(self.next_offsets.get(partition, 0), message.offset + 1)
            self.bytes += len(message.value)
        self.messages += len(messages)
        self.work.add(messages)


class StreamLoop:
    """The loop. ``run`` in a thread of its own; ``stop`` from any other.

    Args:
        name: of the group, for log events.
        open_consumer: joins the group; called again after a ``StreamError``.
        begin: the work of a new, still empty batch.
        limits: when a batch is full.
        on_retry: told each time that a batch has to wait.
    """

    def __init__(
        self,
        name: str,
        *,
        open_consumer: Callable[[], StreamConsumer],
        begin: Callable[[], Work],
        limits: BatchLimits,
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._open_consumer = open_consumer
        self._begin = begin
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
        before: _Batch | None = None
        with ThreadPoolExecutor(1, thread_name_prefix=f"{self._name}-store") as storing:
            try:
                while not self._stopping.is_set():
                    batch = self._collect(consumer, before)
                    if not self._finish(consumer, storing, before):
                        return
                    before = None
                    if batch.messages:
                        batch.storing = storing.submit(batch.work.store)
                        before = batch
                self._finish(consumer, storing, before)
            finally:
                consumer.close()

    def _collect(self, consumer: StreamConsumer, before: _Batch | None) -> _Batch:
        """The next batch: for ``wait_s``, and for as long as the one before is being stored."""
        limits = self._limits
        batch = _Batch(self._begin())
        pending, self._pending = self._pending, []
        batch.add(pending)
        deadline: float | None = None
        while batch.messages < limits.messages and batch.bytes < limits.bytes and not self._stopping.is_set():
            busy = before is not None and not self._commit_if_stored(consumer, before)
            if before is not None and not busy and not before.committed:
                break  # it failed
            if batch.messages and deadline is None:
                deadline = time.monotonic() + limits.wait_s
            timeout_s = _IDLE_POLL_S if deadline is None else deadline - time.monotonic()
            if busy:
                timeout_s = _BUSY_POLL_S
            elif timeout_s <= 0:
                break
            # In portions, so that a flood of images overshoots the size by little.
            portion = min(50, limits.messages - batch.messages)
            batch.add(consumer.poll(max_messages=portion, timeout_s=min(timeout_s, limits.wait_s)))
        return batch

    def _commit_if_stored(self, consumer: StreamConsumer, batch: _Batch) -> bool:
        """Commit the offsets of a batch that has become durable; False while it is being stored."""
        if batch.storing is None or not batch.storing.done():
            return False
        if not batch.committed and batch.storing.exception() is None:
            consumer.commit(batch.next_offsets)
            batch.committed = True
        return True

    def _finish(self, consumer: StreamConsumer, storing: ThreadPoolExecutor, batch: _Batch | None) -> bool:
        """See a batch through, for as long as it takes; False when the loop was stopped before it was durable."""
        wait_s = _FIRST_WAIT_S
        while batch is not None and not batch.committed:
            assert batch.storing is not None  # noqa: S101  (it was handed over)
            try:
                batch.storing.result()
            except RetryableError as error:
                log.warning(
                    "stream.waiting", group=self._name, reason=str(error), wait_s=wait_s, messages=batch.messages
                )
                self._on_retry()
                self._wait(consumer, wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                if self._stopping.is_set():
                    return False
                batch.storing = storing.submit(batch.work.store)
            else:
                self._commit_if_stored(consumer, batch)
        return True

    def _wait(self, consumer: StreamConsumer, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self._pending += consumer.keep_alive(min(left, _IDLE_POLL_S))
