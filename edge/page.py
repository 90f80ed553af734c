"""The box's own page: live values with their age, alarms, cameras and the outbox, without any network or login.

GET only: ``/`` for people, ``/status.json``, ``/metrics`` for Prometheus, ``/healthz`` (200, or 503 with what is wrong).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

import structlog

from contracts.errors import ConfigurationError
from edge.settings import MetricsSettings

log = structlog.get_logger()


class Page:
    """Serves the page from a thread of its own. The port is bound at once, so that a taken port is told at the start.

    Args:
        document: the status as JSON-ready data.
        metrics: Prometheus text.

    Raises:
        ConfigurationError: the port is in use or the address is not this machine's.
    """

    def __init__(
        self, settings: MetricsSettings, *, document: Callable[[], dict[str, Any]], metrics: Callable[[], bytes]
    ) -> None:
        html = resources.files("edge").joinpath("page.html").read_bytes()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/":
                    self._answer(HTTPStatus.OK, "text/html; charset=utf-8", html)
                elif path == "/status.json":
                    self._answer(HTTPStatus.OK, "application/json", json.dumps(document()).encode())
                elif path == "/metrics":
                    self._answer(HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", metrics())
                elif path == "/healthz":
                    wrong = document()["degraded"]
                    status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
                    self._answer(status, "application/json", json.dumps({"degraded": wrong}).encode())
                else:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")

            def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Security-Policy", "default-src 'self' 'unsafe-inline'")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
                log.debug("page.request", line=format % args)

        try:
            self._server = ThreadingHTTPServer((settings.host, settings.port), Handler)
        except OSError as error:
            raise ConfigurationError(
                "metrics.port",
                settings.port,
                f"{settings.host} port {settings.port} cannot be opened ({error.strerror}): stop what uses it, choose another"
                " port, or 0 for any free one.",
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="page", daemon=True)

    @property
    def port(self) -> int:
        """The port it really listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port. Safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
