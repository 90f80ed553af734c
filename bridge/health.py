"""GET /healthz (does the process work?), /readyz (is anything in its way?) and /metrics, on one small server."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry


@dataclass(frozen=True)
class Health:
    """Answer of the program: ``alive`` False asks for a restart, ``obstacles`` say why it is not ready."""

    alive: bool
    obstacles: tuple[str, ...]


class HealthServer:
    """Answers on its own threads; binds in ``start``, before anything else connects.

    Args:
        host, port: where to listen; port 0 takes a free one, see ``port`` after ``start``.
        health: asked at each request.
        registry: rendered at /metrics.
    """

    def __init__(self, host: str, port: int, *, health: Callable[[], Health], registry: CollectorRegistry) -> None:
        self._host = host
        self.port = port
        self._health = health
        self.registry = registry
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: the address cannot be bound.
        """
        try:
            server = ThreadingHTTPServer((self._host, self.port), self._handler())
        except OSError as error:
            address = f"{self._host}:{self.port}"
            raise ConfigurationError(
                "metrics_port",
                address,
                f"{error.strerror or error}. Stop the other program or set another port; 0 takes any.",
            ) from error
        server.daemon_threads = True
        self._server = server
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        """Stop listening. Safe twice."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, content type and body for a GET of ``path``."""
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.registry)
        health = self._health()
        if path == "/healthz":
            good = health.alive
        elif path == "/readyz":
            good = health.alive and not health.obstacles
        else:
            return HTTPStatus.NOT_FOUND, "text/plain", b"/healthz /readyz /metrics\n"
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return status, "application/json", json.dumps(asdict(health)).encode() + b"\n"

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
