"""Traces that begin at this box: a message gets the name of its trace when it is sent, and a span when the broker has it.

The span reaches from the moment of persisting to the broker's PUBACK; the ingest goes on from there. Without a collector of
the box's own the message still carries the name, and nothing of OpenTelemetry is loaded.
"""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple, Protocol

from contracts.errors import ConfigurationError
from contracts.traces import traceparent_of
from edge.clock import Clock

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from edge.outbox.rows import Row
    from edge.outbox.settings import TraceSettings

MAX_WAITING = 512
"""Spans that wait for the collector; the newest beyond are dropped, since a trace is never worth memory."""
NO_EXPORTER = "Spans need more libraries: pip install 'shoal[edge,otel]', or leave the endpoint out."
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Sent(NamedTuple):
    """A traced message on its way to the broker."""

    traceparent: str
    kind: str
    seq: int
    bytes: int
    backfill: bool
    persisted_at: datetime


class Spans(Protocol):
    """Where the box's own spans go."""

    def ended(self, sent: Sent, at: datetime) -> None:
        """The broker has the message. Returns at once."""

    def stop(self, *, timeout_s: float) -> None:
        """Send what waits, for so long at most."""


class MessageTraces:
    """Names the traces of messages and tells ``spans`` of those that arrived. Used by the publisher's thread alone.

    Args:
        share: part of the messages that is traced; alarms always are.
        spans: the collector; None: the box makes no spans.
    """

    def __init__(self, share: float, clock: Clock, spans: Spans | None = None) -> None:
        self._share = share
        self._clock = clock
        self._spans = spans
        self._under_way: dict[int, Sent] = {}

    def of(self, row: Row) -> str | None:
        """The ``traceparent`` of a message; None for one that is not traced."""
        return traceparent_of(row.stream, row.seq, row.kind, share=self._share)

    def sent(self, mid: int, traceparent: str, row: Row, *, size: int, backfill: bool) -> None:
        """A traced message was handed over under this id."""
        if self._spans is not None:
            # A stamp of a free-running clock is no time that a collector could use.
            began = row.sent_at if row.timeline is None else self._clock.now()
            self._under_way[mid] = Sent(traceparent, row.kind.value, row.seq, size, backfill, began)

    def acknowledged(self, mid: int) -> None:
        """The broker has the message of this id."""
        sent = self._under_way.pop(mid, None)
        if sent is not None and self._spans is not None:
            self._spans.ended(sent, self._clock.now())

    def forget(self) -> None:
        """The connection is gone with all that was under way."""
        self._under_way.clear()

    def stop(self, *, timeout_s: float) -> None:
        """Send the spans that wait, for so long at most."""
        if self._spans is not None:
            self._spans.stop(timeout_s=timeout_s)


class CollectorSpans:
    """Spans to an OpenTelemetry collector, from a thread of their own.

    Args:
        exporter: how they travel.
        site, device, version: who sends them.
    """

    def __init__(self, exporter: SpanExporter, *, site: str, device: str, version: str) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._resource = Resource.create(
            {"service.name": "shoal-edge", "service.version": version, "service.instance.id": f"{site}/{device}"}
        )
        self._site, self._device = site, device
        self._processor = BatchSpanProcessor(exporter, max_queue_size=MAX_WAITING, max_export_batch_size=MAX_WAITING)

    def ended(self, sent: Sent, at: datetime) -> None:
        """One finished span, of the ids that the message carries."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

        _, trace, span, flags = sent.traceparent.split("-")
        self._processor.on_end(
            ReadableSpan(
                f"send {sent.kind}",
                SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(int(flags, 16))),
                resource=self._resource,
                kind=SpanKind.PRODUCER,
                attributes={
                    "messaging.system": "mqtt",
                    "messaging.message.body.size": sent.bytes,
                    "shoal.site": self._site,
                    "shoal.device": self._device,
                    "shoal.seq": sent.seq,
                    "shoal.backfill": sent.backfill,
                },
                start_time=_nanoseconds(min(sent.persisted_at, at)),
                end_time=_nanoseconds(at),
            )
        )

    def stop(self, *, timeout_s: float) -> None:
        """Send what waits. The library has its own patience with a collector that is away, so it is not waited for."""
        ending = threading.Thread(target=self._processor.shutdown, name="spans-end", daemon=True)
        ending.start()
        ending.join(timeout_s)


def open_traces(
    settings: TraceSettings | None, *, site: str, device: str, version: str, clock: Clock
) -> MessageTraces | None:
    """What the settings ask for; connects with the first span.

    Raises:
        ConfigurationError: a collector is named and the libraries are not installed.
    """
    if settings is None:
        return None
    if settings.endpoint is None:
        return MessageTraces(settings.share, clock)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise ConfigurationError("traces.endpoint", settings.endpoint, NO_EXPORTER) from error
    exporter = OTLPSpanExporter(endpoint=settings.endpoint, timeout=settings.timeout_s)
    return MessageTraces(settings.share, clock, CollectorSpans(exporter, site=site, device=device, version=version))


def _nanoseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
