"""What an orchestrator and Prometheus ask of every program, over HTTP (decision 0013).

    GET /healthz    200: the process works; 503: start it again
    GET /readyz     200: nothing is in its way; 503: the body names what is
    GET /metrics    Prometheus text

The two probes answer with the program's ``Condition`` as JSON. Standard library only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from contracts.errors import ConfigurationError

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TIMEOUT_S = 10


@dataclass(frozen=True)
class Condition:
    """``alive`` False asks for a restart; ``obstacles`` say in words why the program is not ready."""

    alive: bool
    obstacles: tuple[str, ...]


class ProbeServer:
    """Answers on its own threads; ``start`` it before anything else connects, so that a port in use stops the program.

    Args:
        host, port: where to listen; port 0 takes a free one, see ``port`` after ``start``.
        condition: asked at each probe.
        metrics: Prometheus text, asked at each scrape.
        field: name of the setting that holds the port, for the error.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        condition: Callable[[], Condition],
        metrics: Callable[[], bytes],
        field: str = "metrics_port",
    ) -> None:
        self._host = host
        self._field = field
        self.port = port
        self._condition = condition
        self._metrics = metrics
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: the address cannot be bound.
        """
        try:
            server = ThreadingHTTPServer((self._host, self.port), self._handler())
        except OSError as error:
            raise ConfigurationError(
                self._field,
                f"{self._host}:{self.port}",
                f"{error.strerror or error}. Stop the other program or set another port; 0 takes any.",
            ) from error
        server.daemon_threads = True
        self._server = server
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()

    def stop(self) -> None:
        """Stop listening. Safe twice."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def forget(self) -> None:
        """Close what a forked process has inherited, so that the port is free as soon as its parent is gone."""
        server, self._server = self._server, None
        if server is not None:
            server.server_close()

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, content type and body for a GET of ``path``."""
        if path == "/metrics":
            return HTTPStatus.OK, METRICS_TYPE, self._metrics()
        if path not in {"/healthz", "/readyz"}:
            return HTTPStatus.NOT_FOUND, "text/plain", b"/healthz /readyz /metrics\n"
        condition = self._condition()
        good = condition.alive and (path == "/healthz" or not condition.obstacles)
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return status, "application/json", json.dumps(asdict(condition)).encode() + b"\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            timeout = _TIMEOUT_S  # a client that says nothing must not keep a thread

            def do_GET(self) -> None:
                status, content_type, body = answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (probes are no events)
                pass

        return Handler
