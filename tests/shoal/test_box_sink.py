from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timezone

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.sink import Routed
from cloud.consumers import IngestResult, StreamRecord
from cloud.consumers.prepare import Prepared, Preparing
from cloud.kit.tracing import StoredSpans
from contracts.devices import DeviceEvent, DeviceState, EventBatch, Status, Watermark
from contracts.envelope import Envelope, encode
from contracts.errors import RetryableError
from contracts.topics import Kind
from contracts.traces import traceparent_of
from shoal.box_sink import MAX_RECORDS, BoxSink, SinkStoppedError

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=timezone.utc)
MARK = Watermark(site="farm-1", device="edge-1", stream="stream-0001", committed=1)


def event(seq: int) -> Routed:
    body = EventBatch(events=(DeviceEvent(name="agent.started", occurred_at=NOW),))
    envelope = Envelope(
        site="farm-1", device="edge-1", boot="boot-0001", stream="stream-0001", seq=seq, sent_at=NOW, body=body
    )
    return Routed("system-events", b"farm-1/edge-1", encode(envelope), envelope, "shoal/1/farm-1/edge-1/events", NOW)


class Store:
    """An ingest that can be away, slow, and that remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[Sequence[StreamRecord]] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.closed = False

    def prepare(self, records: Sequence[StreamRecord]) -> Prepared:
        preparing = Preparing(lambda _identity: False, lambda _definition: None)
        preparing.add(records)
        return preparing.prepared()

    def store(self, prepared: Prepared) -> IngestResult:
        self.gate.wait(10)
        if self.error is not None:
            raise self.error
        records = [item.record for item in prepared.items]
        self.batches.append(records)
        return IngestResult(len(records), 0, len(records), 0, (MARK,))

    def close(self) -> None:
        self.closed = True


class Answers:
    """Collects what the sink answers."""

    def __init__(self, expected: int = 1) -> None:
        self.given: list[BaseException | None] = []
        self._all = threading.Semaphore(0)
        self._expected = expected

    def __call__(self, error: BaseException | None) -> None:
        self.given.append(error)
        self._all.release()

    def wait(self) -> list[BaseException | None]:
        for _ in range(self._expected):
            assert self._all.acquire(timeout=10)
        return self.given


def test_a_batch_is_answered_after_its_commit_and_its_watermark_goes_down() -> None:
    store, marks, answers = Store(), list[Watermark](), Answers()
    sink = BoxSink(store, marks.append)
    sink.start()
    sink.submit([event(1), event(2)], answers)
    assert answers.wait() == [None]
    assert [len(batch) for batch in store.batches] == [2]
    assert store.batches[0][0].kind is Kind.EVENTS
    assert marks == [MARK]
    sink.stop()
    assert store.closed


def test_a_database_that_is_away_is_told_to_the_bridge_and_nothing_is_acknowledged() -> None:
    store, marks, answers = Store(), list[Watermark](), Answers()
    store.error = RetryableError("database: connection refused")
    stored: list[Sequence[object]] = []
    sink = BoxSink(store, marks.append, on_stored=stored.append)
    sink.start()
    sink.submit([event(1)], answers)
    assert isinstance(answers.wait()[0], RetryableError)
    assert marks == []
    store.error = None
    again = Answers()
    sink.submit([event(1)], again)
    assert again.wait() == [None]
    sink.stop()
    assert [len(messages) for messages in stored] == [1], "only what is committed is judged"


def test_a_fault_of_ours_loses_nothing_either() -> None:
    store, answers = Store(), Answers()
    store.error = ZeroDivisionError("a bug")
    sink = BoxSink(store, lambda _: None)
    sink.start()
    sink.submit([event(1)], answers)
    assert isinstance(answers.wait()[0], ZeroDivisionError)
    sink.stop()


def test_waiting_batches_share_a_transaction_in_their_order() -> None:
    store, answers = Store(), Answers(4)
    store.gate.clear()
    sink = BoxSink(store, lambda _: None)
    sink.start()
    for seq in (1, 2, 3, 4):
        sink.submit([event(seq)], answers)
    store.gate.set()
    assert answers.wait() == [None] * 4
    messages = [record.message for batch in store.batches for record in batch]
    assert [message.seq for message in messages if isinstance(message, Envelope)] == [1, 2, 3, 4]
    assert len(store.batches) <= 2
    assert max(len(batch) for batch in store.batches) <= MAX_RECORDS
    sink.stop()


def test_a_stopping_sink_writes_what_waits_and_refuses_what_comes_after() -> None:
    store, early, late = Store(), Answers(), Answers()
    sink = BoxSink(store, lambda _: None)
    sink.start()
    sink.submit([event(1)], early)
    sink.stop()
    assert early.wait() == [None]
    sink.submit([event(2)], late)
    assert isinstance(late.wait()[0], SinkStoppedError)
    sink.stop()


def test_every_try_to_store_a_batch_is_a_span_and_only_a_stored_message_goes_on_in_its_trace() -> None:
    store, exporter, provider = Store(), InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    sink = BoxSink(store, lambda _: None, spans=StoredSpans(provider, "box", system="mqtt"), trace_share=1)
    sink.start()
    store.error = RetryableError("database: connection refused")
    refused, kept = Answers(), Answers()
    sink.submit([event(1)], refused)
    assert isinstance(refused.wait()[0], RetryableError)
    store.error = None
    sink.submit([event(1)], kept)
    assert kept.wait() == [None]
    sink.stop()
    failed, stored, message = exporter.get_finished_spans()
    assert [one.name for one in (failed, stored, message)] == ["store box", "store box", "store box message"]
    assert [one.status.is_ok for one in (failed, stored)] == [False, True]
    _, trace, span, _ = (traceparent_of("stream-0001", 1, Kind.EVENTS, share=1) or "").split("-")
    assert message.parent is not None
    assert (f"{message.context.trace_id:032x}", f"{message.parent.span_id:016x}") == (trace, span)


def test_a_status_keeps_its_kind() -> None:
    store, answers = Store(), Answers()
    status = Status(site="farm-1", device="edge-1", boot="boot-0001", sent_at=NOW, state=DeviceState.ONLINE)
    sink = BoxSink(store, lambda _: None)
    sink.start()
    origin = "shoal/1/farm-1/edge-1/status"
    sink.submit([Routed("system-events", b"farm-1/edge-1", encode(status), status, origin, NOW)], answers)
    answers.wait()
    assert store.batches[0][0].kind is Kind.STATUS
    sink.stop()
