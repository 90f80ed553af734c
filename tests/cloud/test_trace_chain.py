"""One trace from a tank's reading to the batch that stored it: agent, real Mosquitto, bridge, ingest, real PostgreSQL, a collector."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bridge.settings import BridgeSettings
from bridge.uplink import Uplink
from cloud.consumers import Ingest
from cloud.kit.tracing import StoredSpans, exporting
from contracts.topics import Kind
from contracts.traces import traceparent_of
from edge.agent import Agent
from edge.settings import load_settings
from shoal.box_sink import BoxSink
from tests.edge.farm import configuration, eventually, publisher_client
from tests.servers.mosquitto import Mosquitto


class Span(NamedTuple):
    service: str
    name: str
    trace: str
    span: str
    parent: str
    links: tuple[str, ...]
    began_ns: int
    ended_ns: int


class Collector:
    """Takes OTLP over HTTP, as every OpenTelemetry collector does, and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, body: bytes) -> None:
        for sender in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = {one.key: one.value.string_value for one in sender.resource.attributes}["service.name"]
            self.spans += [
                Span(
                    service, one.name, one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex(),
                    tuple(link.trace_id.hex() for link in one.links), one.start_time_unix_nano, one.end_time_unix_nano,
                )
                for scope in sender.scope_spans
                for one in scope.spans
            ]  # fmt: skip

    def named(self, name: str) -> list[Span]:
        return [span for span in list(self.spans) if span.name == name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield collector
    collector.close()


@pytest.mark.integration
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_trace_of_a_reading_reaches_from_the_box_into_the_store(
    version: str,
    collector: Collector,
    database_url: str,
    mosquitto_factory: Callable[..., Mosquitto],
    tmp_path: Path,
) -> None:
    broker = mosquitto_factory()
    agent = Agent(
        load_settings(
            configuration(
                tmp_path,
                port=broker.port,
                mqtt={"host": "127.0.0.1", "port": broker.port, "reconnect_max_s": 0.5, "protocol": version},
                traces={"share": 1, "endpoint": f"{collector.address}/v1/traces"},
            )
        )
    )
    traces = exporting("shoal-ingest")
    # What MQTT 5 carries needs no share of the store's own; behind MQTT 3.1.1 it finds the same names by itself.
    carried = version == "5"
    sink = BoxSink(
        Ingest(database_url, storage_dir=tmp_path / "pictures"),
        lambda _: None,
        spans=StoredSpans(traces, "box", system="mqtt"),
        trace_share=0 if carried else 1,
    )
    settings = BridgeSettings(
        mqtt_host="127.0.0.1", mqtt_port=broker.port, mqtt_version="5" if carried else "3.1.1", traces=carried,
        mqtt_reconnect_max_s=1, metrics_port=0,
    )  # fmt: skip
    uplink, probe = Uplink(settings, sink), publisher_client(broker.port)
    uplink.start()
    agent.start()
    try:
        eventually(lambda: agent.snapshot().connected and not agent.snapshot().degraded)
        measured = {"ts": datetime.now(timezone.utc).isoformat(), "do": 9.0, "temperature": 12.0}
        probe.publish("farm/tank-1/water", json.dumps(measured), qos=1).wait_for_publish(10)
        sent = eventually(lambda: collector.named("send readings"))[0]
        stored = eventually(lambda: [s for s in collector.named("store box message") if s.trace == sent.trace])[0]
    finally:
        agent.stop()
        uplink.stop()
        traces.shutdown()
        probe.disconnect()
        probe.loop_stop()

    assert (sent.service, stored.service) == ("shoal-edge", "shoal-ingest")
    assert (sent.parent, stored.parent) == ("", sent.span), "the box begins the trace, the store goes on in it"
    assert sent.began_ns <= sent.ended_ns
    assert stored.ended_ns >= sent.began_ns
    (batch,) = [span for span in collector.named("store box") if sent.trace in span.links]
    assert stored.links == (batch.trace,)
    with psycopg.connect(database_url) as database:
        stream, last = database.execute("SELECT stream, upper(seen) - 1 FROM ingest_stream").fetchone() or ("", 0)
        assert database.execute("SELECT count(*) FROM reading").fetchone() == (
            3,
        )  # with the saturation that the box derives
    names = [traceparent_of(stream, seq, Kind.READINGS, share=1) for seq in range(1, last + 1)]
    assert f"00-{sent.trace}-{sent.span}-01" in names
