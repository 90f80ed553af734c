"""GET /healthz (does the process work?), /readyz (is anything in its way?) and /metrics, for programs without an API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest


@dataclass(frozen=True)
class Condition:
    """``alive`` False asks for a restart; ``obstacles`` say why the program is not ready."""

    alive: bool
    obstacles: tuple[str, ...]


class ProbeServer:
    """Answers on its own threads.

    Args:
        host, port: where to listen; port 0 takes a free one, see ``port`` after ``start``.
        condition: asked at each request.
    """

    def __init__(self, host: str, port: int, *, condition: Callable[[], Condition]) -> None:
        self._host = host
        self.port = port
        self._condition = condition
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be bound.
        """
        server = ThreadingHTTPServer((self._host, self.port), self._handler())
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

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, content type and body for a GET of ``path``."""
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
        if path not in {"/healthz", "/readyz"}:
            return HTTPStatus.NOT_FOUND, "text/plain", b"/healthz /readyz /metrics\n"
        condition = self._condition()
        good = condition.alive and (path == "/healthz" or not condition.obstacles)
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return status, "application/json", json.dumps(asdict(condition)).encode() + b"\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
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
