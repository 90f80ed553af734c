"""The box's sink: what the bridge has routed goes straight into the ingest, in the same process.

submit -> queue -> merge waiting batches, prepare -> one transaction -> watermarks down -> answer each batch.
A group is prepared while the one before is being stored (``cloud.consumers.ahead``); groups keep their order.
A message is acknowledged to the broker only by that answer, so a crash anywhere here loses nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from bridge.sink import Routed
from cloud.consumers import IngestResult, StreamRecord
from cloud.consumers.ahead import Ahead, Store
from cloud.kit.tracing import StoredSpans
from contracts.dead_letters import DeadLetter
from contracts.devices import Status, Watermark
from contracts.envelope import Envelope
from contracts.errors import RetryableError, ShoalError
from contracts.topics import Kind
from contracts.traces import TRACEPARENT, traceparent_of

log = structlog.get_logger()

Answer = Callable[[BaseException | None], None]

MAX_RECORDS = 1000
"""Messages per transaction; more would only hold the first of them back."""
MAX_WAITING = 4000
"""Messages that may wait; then ``submit`` blocks, the bridge's window fills and the broker holds the rest."""


class Writer(Store, Protocol):
    """What the sink needs of the ingest."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True)
class _Waiting:
    batch: Sequence[Routed]
    on_done: Answer


class SinkStoppedError(ShoalError):
    """The box is stopping; the broker keeps the messages and sends them again."""


class BoxSink:
    """A ``bridge.sink.Sink`` over a ``cloud.consumers.Ingest``.

    Args:
        ingest: the writer; used by one thread, and closed by ``stop``.
        publish_watermark: how devices learn what is committed; must not block.
        on_stored: told of the messages of every committed batch; must not block.
        spans: told of every try to store; None: nothing is traced.
        trace_share: part of the messages that is traced, as the boxes' own ``traces.share``. It finds the traces of messages
            that came over a broker that carries none, as the embedded one.
    """

    def __init__(
        self,
        ingest: Writer,
        publish_watermark: Callable[[Watermark], None],
        *,
        on_stored: Callable[[Sequence[object]], None] = lambda _: None,
        spans: StoredSpans | None = None,
        trace_share: float = 0.0,
    ) -> None:
        self._spans = spans
        self._trace_share = trace_share
        self._ingest = ingest
        self._on_stored = on_stored
        self._publish_watermark = publish_watermark
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._waiting = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the writer."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="box-sink", daemon=True)
        self._thread.start()

    def submit(self, batch: Sequence[Routed], on_done: Answer) -> None:
        """Queue a batch; blocks while too much waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting < MAX_WAITING or self._stopping)
            if not self._stopping:
                self._queue.append(_Waiting(batch, on_done))
                self._waiting += len(batch)
                self._changed.notify_all()
                return
        on_done(SinkStoppedError("the box is stopping"))

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Write what waits, then refuse the rest. Safe twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._thread = None
        with self._changed:
            left, self._queue, self._waiting = list(self._queue), deque(), 0
        for waiting in left:
            waiting.on_done(SinkStoppedError("the box is stopping"))
        self._ingest.close()

    def _run(self) -> None:
        ahead = Ahead(self._ingest)
        while (group := self._take()) is not None:
            self._hand_over(ahead, group)
        ahead.wait()
        ahead.close()

    def _hand_over(self, ahead: Ahead, group: Sequence[_Waiting]) -> None:
        began_ns = time.time_ns()
        try:
            records = [record_of(routed) for waiting in group for routed in waiting.batch]
            ahead.write(records, partial(self._written, group, began_ns))
        except Exception as error:  # noqa: BLE001  (the bridge keeps the batch and tries again: nothing may be dropped)
            self._written(group, began_ns, error)

    def _take(self) -> list[_Waiting] | None:
        """Whole batches that fit one transaction, at least one; None when stopping and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping)
            if not self._queue:
                return None
            group = [self._queue.popleft()]
            size = len(group[0].batch)
            while self._queue and size + len(self._queue[0].batch) <= MAX_RECORDS:
                group.append(self._queue.popleft())
                size += len(group[-1].batch)
            self._waiting -= size
            self._changed.notify_all()
            return group

    def _written(self, group: Sequence[_Waiting], began_ns: int, outcome: IngestResult | BaseException) -> None:
        """Tell the devices, then the bridge."""
        error = outcome if isinstance(outcome, BaseException) else None
        messages = sum(len(waiting.batch) for waiting in group)
        if isinstance(outcome, RetryableError):
            log.warning("batch not stored, will be tried again", messages=messages, reason=str(outcome))
        elif isinstance(outcome, BaseException):
            log.error("batch not stored", messages=messages, exc_info=outcome)
        else:
            for watermark in outcome.watermarks:
                self._publish_watermark(watermark)
        for waiting in group:
            waiting.on_done(error)
        if error is None:
            self._on_stored([routed.message for waiting in group for routed in waiting.batch])
        if self._spans is not None:
            traces = [trace_of(routed, self._trace_share) for waiting in group for routed in waiting.batch]
            found = [trace for trace in traces if trace is not None]
            self._spans.tried(began_ns, found, messages=messages, error=error)


def record_of(routed: Routed) -> StreamRecord:
    """The same message in the words of the ingest."""
    if routed.message is None:
        raise TypeError("the ingest needs typed messages: open the uplink with typed=True")
    return StreamRecord(
        value=routed.value,
        kind=_kind(routed.message),
        received_at=routed.received_at,
        origin=routed.origin,
        message=routed.message,
    )


def trace_of(routed: Routed, share: float) -> bytes | None:
    """The trace that came with a message, or else the one that follows from its identity; None where it has none."""
    carried = dict(routed.headers).get(TRACEPARENT)
    message = routed.message
    if carried is not None or not isinstance(message, Envelope):
        return carried
    named = traceparent_of(message.stream, message.seq, message.kind, share=share)
    return None if named is None else named.encode()


def _kind(message: Envelope | Status | DeadLetter) -> Kind | None:
    if isinstance(message, Envelope):
        return message.kind
    return Kind.STATUS if isinstance(message, Status) else None
