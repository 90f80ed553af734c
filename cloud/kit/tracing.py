"""Traces of requests and of stored batches for an OpenTelemetry collector, when asked for. Nothing is loaded and nothing costs otherwise.

Where they go, how many of them and under which name are the standard variables of OpenTelemetry:
``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER``, ``OTEL_RESOURCE_ATTRIBUTES``. A request that comes with a
``traceparent`` (W3C Trace Context) goes on in the trace of whoever asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from contracts.errors import ConfigurationError
from contracts.traces import TRACEPARENT

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link

MAX_LINKS = 128
"""Links of one span, the SDK's own limit; a batch may have thousands of messages."""


def exporting(service: str) -> TracerProvider:
    """Sends spans from a thread of its own; connects with the first of them. ``shutdown`` sends what waits.

    Raises:
        ConfigurationError: the libraries are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError("traces", "true", "Traces need more libraries: pip install 'shoal[otel]'.") from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def links_to(traces: Iterable[bytes]) -> list[Link]:
    """Links to these ``traceparent``s, the first ``MAX_LINKS`` of those that are valid."""
    from opentelemetry.trace import Link, get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    reader, links = TraceContextTextMapPropagator(), list[Link]()
    for trace in traces:
        context = get_current_span(reader.extract({TRACEPARENT: trace.decode(errors="replace")})).get_span_context()
        if context.is_valid:
            links.append(Link(context))
            if len(links) == MAX_LINKS:
                break
    return links


class StoredSpans:
    """What the store of a batch leaves: a span of the whole, and one in the trace of each of its messages that has one.

    A batch has as many senders as messages, so its own span stands in a trace of its own, linked to theirs; the span in a
    sender's trace links back to it, and ends that trace where the message is safe.

    Args:
        traces: where spans go.
        name: what stores, e.g. a consumer group.
        system: where the batches come from, by OpenTelemetry's names: ``kafka``, ``mqtt``.
    """

    def __init__(self, traces: TracerProvider, name: str, *, system: str) -> None:
        self._tracer = traces.get_tracer("shoal.ingest")
        self._name = name
        self._system = system

    def tried(
        self, began_ns: int, traces: Sequence[bytes], *, messages: int, error: BaseException | None = None
    ) -> None:
        """One try to store a batch has ended, well or with ``error``.

        Args:
            began_ns: wall clock when it began, nanoseconds since 1970.
            traces: ``traceparent`` of those messages that have one.
            messages: how many there were, all of them.
            error: why nothing of the batch counts; None: it is stored.
        """
        from opentelemetry.context import Context
        from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, Status, StatusCode, set_span_in_context

        now_ns = time.time_ns()
        links = links_to(traces)
        system = {"messaging.system": self._system}
        batch = self._tracer.start_span(
            f"store {self._name}",
            context=Context(),
            kind=SpanKind.CONSUMER,
            links=links,
            attributes={**system, "messaging.batch.message_count": messages},
            start_time=began_ns,
        )
        if error is not None:
            batch.record_exception(error)
            batch.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        batch.end(now_ns)
        for sender in links if error is None else ():
            self._tracer.start_span(
                f"store {self._name} message",
                context=set_span_in_context(NonRecordingSpan(sender.context), Context()),
                kind=SpanKind.CONSUMER,
                links=[Link(batch.get_span_context())],
                attributes=system,
                start_time=began_ns,
            ).end(now_ns)
