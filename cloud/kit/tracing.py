"""Traces of requests and of stored batches for an OpenTelemetry collector, when they are asked for. Nothing is loaded and nothing costs otherwise.

Where they go, how many of them and under which name are the standard variables of OpenTelemetry:
``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER``, ``OTEL_RESOURCE_ATTRIBUTES``. A request that comes with a
``traceparent`` (W3C Trace Context) goes on in the trace of whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from contracts.errors import ConfigurationError

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
        context = get_current_span(reader.extract({"traceparent": trace.decode(errors="replace")})).get_span_context()
        if context.is_valid:
            links.append(Link(context))
            if len(links) == MAX_LINKS:
                break
    return links
