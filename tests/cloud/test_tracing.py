"""A request that is traced leaves one span, named by its route, in the trace of whoever asked."""

from __future__ import annotations

import asyncio

import httpx
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from cloud.app import create_app
from cloud.kit.routing import RouteIndex
from cloud.settings import CloudSettings

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SETTINGS = CloudSettings(
    database_url=SecretStr("postgresql://nobody@localhost/none"),
    secret_key=SecretStr("a secret of at least thirty-two characters"),
)


def spans_of(path: str) -> tuple[int, tuple[ReadableSpan, ...]]:
    exporter = InMemorySpanExporter()
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    app = create_app(SETTINGS, traces=traces)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://farm") as client:
            return await client.get(path, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})

    return asyncio.run(ask()).status_code, exporter.get_finished_spans()


def test_a_request_goes_on_in_the_trace_of_whoever_asked() -> None:
    status, (span,) = spans_of("/api/v1/sites/fjord/latest")
    assert status == 401
    assert span.name == "GET /api/v1/sites/{site}/latest"
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.attributes is not None
    assert span.attributes["http.route"] == "/api/v1/sites/{site}/latest"
    assert span.attributes["http.response.status_code"] == 401


def test_without_traces_nothing_of_it_is_there() -> None:
    app = create_app(SETTINGS)
    assert app.state.traces is None
    assert isinstance(app.routes[0], RouteIndex)
