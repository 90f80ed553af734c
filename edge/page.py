"""The box's own page: live values with their age, alarms, actuators with their reasons, cameras and the outbox, offline.

GET: ``/`` for people, ``/status.json``, ``/pictures/<sha256>.jpg`` (``?boxes`` draws what was found), ``/metrics`` for Prometheus, ``/healthz``: 200 while the box watches over the fish
(sampler and guard make progress), 503 when it does not. ``degraded`` beside it says what does not work as configured; a lost
camera is no reason to restart a box that aerates, so it does not change the code.
GET ``/diagnostics.zip``: the archive of ``edge.diagnostics``, for those who may operate the box.
POST ``/do``: what a person on site may do: override an actuator, silence the siren, acknowledge or shelve an alarm, begin and end
maintenance.
Allowed from this machine, and from others with the PIN; only as JSON, so that no other web page can send it with a form.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

import structlog

from contracts.errors import ConfigurationError
from edge.errors import ActuationRefusedError, CommandRefusedError, OutboxUnavailableError
from edge.settings import MetricsSettings

log = structlog.get_logger()

PICTURES = "/pictures/"
LONGEST_BODY = 4096
WRONG_PINS = 5
"""Wrong PINs within ``PIN_WINDOW_S`` after which no PIN counts until it has passed."""
PIN_WINDOW_S = 60.0

Operate = Callable[[dict[str, Any], str], str]
"""Does what a request asks for, on behalf of somebody; returns what happened, in words."""


@dataclass(frozen=True)
class Sources:
    """What the page shows and does.

    Attributes:
        document: the status as JSON-ready data.
        metrics: Prometheus text.
        health: whether the box watches over the fish, and what does not work as configured.
        operate: does what a person asks for.
        picture: a kept picture by its sha256, with its boxes drawn when asked for; None when there is none.
        diagnostics: an archive (ZIP) for whoever helps this box.
    """

    document: Callable[[], dict[str, Any]]
    metrics: Callable[[], bytes]
    health: Callable[[], tuple[bool, list[str]]]
    operate: Operate
    picture: Callable[[str, bool], bytes | None] = lambda _sha256, _boxes: None
    diagnostics: Callable[[], bytes] = lambda: b""


class Doorkeeper:
    """Who may operate the box through the page.

    Args:
        pin: lets other machines in; None lets only this one.
        clock: monotonic seconds.
    """

    def __init__(self, pin: str | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pin = pin
        self._clock = clock
        self._wrong_s: deque[float] = deque(maxlen=WRONG_PINS)

    def refuses(self, *, address: str, host: str, kind: str, pin: str) -> tuple[HTTPStatus, str] | None:
        """Why a request is refused; None when it may operate.

        Args:
            address: of the client.
            host: the Host header; a page of another site that resolves its name to this machine shows itself there.
            kind: the Content-Type header.
            pin: what the client gave; empty when it gave none.
        """
        if kind.partition(";")[0].strip().lower() != "application/json":
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON"
        if _is_loopback(address) and _is_loopback(host):
            return None
        if self._pin is None:
            return HTTPStatus.FORBIDDEN, "only from the box itself: set guard.pin to operate it from here"
        now_s = self._clock()
        if len(self._wrong_s) == WRONG_PINS and now_s - self._wrong_s[0] < PIN_WINDOW_S:
            return HTTPStatus.TOO_MANY_REQUESTS, "too many wrong PINs; wait a minute"
        if not hmac.compare_digest(pin.encode(), self._pin.encode()):
            self._wrong_s.append(now_s)
            return HTTPStatus.UNAUTHORIZED, "the PIN is wrong or missing"
        return None


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.count(":") == 1 or host.startswith("[") else host
    name = name.strip("[]") or host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


class _Handler(BaseHTTPRequestHandler):
    sources: Sources
    doorkeeper: Doorkeeper
    html: bytes

    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/":
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", self.html)
        elif path == "/status.json":
            self._answer_json(HTTPStatus.OK, self.sources.document())
        elif path == "/metrics":
            self._answer(HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", self.sources.metrics())
        elif path == "/healthz":
            ready, degraded = self.sources.health()
            status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer_json(status, {"ready": ready, "degraded": degraded})
        elif path == "/diagnostics.zip":
            self._give_diagnostics()
        elif path.startswith(PICTURES) and (jpeg := self._picture(path, query)) is not None:
            self._answer(HTTPStatus.OK, "image/jpeg", jpeg)
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")

    def _give_diagnostics(self) -> None:
        """For whoever may operate the box: it tells more than the page does."""
        if refusal := self._refusal(kind="application/json"):
            self._answer_json(refusal[0], {"error": refusal[1]})
            return
        self._answer(HTTPStatus.OK, "application/zip", self.sources.diagnostics())

    def _refusal(self, *, kind: str) -> tuple[HTTPStatus, str] | None:
        return self.doorkeeper.refuses(
            address=self.client_address[0],
            host=self.headers.get("Host", ""),
            kind=kind,
            pin=self.headers.get("X-Shoal-Pin", ""),
        )

    def _picture(self, path: str, query: str) -> bytes | None:
        return self.sources.picture(path.removeprefix(PICTURES).removesuffix(".jpg"), "boxes" in query)

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if not 0 <= length <= LONGEST_BODY:
            self.close_connection = True
            self._answer_json(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"at most {LONGEST_BODY} bytes"})
            return
        body = self.rfile.read(length)
        if self.path != "/do":
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")
            return
        refusal = self._refusal(kind=self.headers.get("Content-Type", ""))
        if refusal is not None:
            self._answer_json(refusal[0], {"error": refusal[1]})
            return
        self._answer_json(*_operated(self.sources.operate, body, f"local page ({self.client_address[0]})"))

    def _answer_json(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        self._answer(status, "application/json", json.dumps(document).encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        policy = "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"  # no frame: no tricked clicks
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        log.debug("page.request", line=format % args)


class Page:
    """Serves the page from a thread of its own. The port is bound at once, so that a taken port is told at the start.

    Raises:
        ConfigurationError: the port is in use or the address is not this machine's.
    """

    def __init__(self, settings: MetricsSettings, sources: Sources, *, pin: str | None = None) -> None:
        html = resources.files("edge").joinpath("page.html").read_bytes()
        parts = {"sources": sources, "doorkeeper": Doorkeeper(pin), "html": html}
        handler = type("Handler", (_Handler,), parts)
        try:
            self._server = ThreadingHTTPServer((settings.host, settings.port), handler)
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


def _operated(operate: Operate, body: bytes, by: str) -> tuple[HTTPStatus, dict[str, Any]]:
    try:
        return HTTPStatus.OK, {"done": operate(json.loads(body), by)}
    except (ActuationRefusedError, CommandRefusedError) as error:
        return HTTPStatus.CONFLICT, {"error": str(error)}
    except OutboxUnavailableError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)}
    except (ValueError, TypeError, KeyError) as error:
        return HTTPStatus.BAD_REQUEST, {"error": f"not understood: {error}"}
