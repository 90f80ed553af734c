"""The border of the HTTP service: what happens to every request, whatever it asks for.

request id -> size limit -> application -> security headers -> access log and metrics. An error that nobody expected
ends here as a problem with the request id; its trace goes to the log and nowhere else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.errors import ApiError, PayloadTooLargeError
from cloud.kit.problems import error_response

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"^[A-Za-z0-9_.-]{8,64}$")
_QUIET = frozenset({"/live", "/ready", "/metrics", "/health"})  # probes would drown everything else in the log

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""The dashboard's styles are made at run time (emotion), so inline styles are allowed; scripts are not."""

Observe = Callable[[str, str, int, float], None]
"""Told of every answer: method, route template, status, seconds."""


class Border:
    """ASGI middleware around the whole application.

    Args:
        app: the application.
        max_request_bytes: of a request's body.
        observe: told of every answer.
        larger: another limit by path, for uploads.
    """

    def __init__(
        self, app: ASGIApp, *, max_request_bytes: int, observe: Observe, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._max_request_bytes = max_request_bytes
        self._larger = dict(larger or {})
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or pass the lifespan on)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answer = _Answer(scope, send, request_id)
        started = perf_counter()
        try:
            await self._app(scope, self._limited(scope, receive, answer), answer.send)
            await answer.finish(receive)
        except PayloadTooLargeError:
            await answer.finish(receive)
        except Exception:
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            await answer.refuse(ApiError("Something went wrong on our side; it has been logged"), receive)
        finally:
            self._finish(scope, answer.status, perf_counter() - started)

    def _limited(self, scope: Scope, receive: Receive, answer: _Answer) -> Receive:
        """``receive`` that refuses a body which is too large, whether or not its length was announced."""
        announced = Headers(scope=scope).get("content-length", "0")
        limit = self._larger.get(scope["path"], self._max_request_bytes)
        too_large = PayloadTooLargeError(f"A request body may have at most {limit} bytes")
        received = 0

        async def limited() -> Message:
            nonlocal received
            if announced.isdecimal() and int(announced) > limit:
                answer.overrule(too_large)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                answer.overrule(too_large)
            return message

        return limited

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        self._observe(scope["method"], route_template(scope), status, seconds)
        if scope["path"] not in _QUIET:
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round(seconds * 1000, 2),
                client=scope["client"][0] if scope.get("client") else None,
            )


class _Answer:
    """What has been sent of the answer so far."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope = scope
        self._send = send
        self._request_id = request_id
        self.status = 500
        self._started = False
        self._overruling: ApiError | None = None

    async def send(self, message: Message) -> None:
        """Send a part of the answer, with the security headers on its first."""
        if self._overruling is not None:
            return
        if message["type"] == "http.response.start":
            self._started = True
            self.status = message["status"]
            _add_headers(message, self._scope, self._request_id)
        await self._send(message)

    def overrule(self, error: ApiError) -> None:
        """Stop the application; whatever it still answers is replaced by this problem, if nothing has been sent.

        Raising alone would not do: a framework that reads a body takes any error for a malformed one.
        """
        if not self._started:
            self._overruling = error
        raise error

    async def finish(self, receive: Receive) -> None:
        """Send the problem that overruled the application, if one did."""
        overruling, self._overruling = self._overruling, None
        if overruling is not None:
            await self.refuse(overruling, receive)

    async def refuse(self, error: ApiError, receive: Receive) -> None:
        """Answer with a problem, unless an answer is under way already (then the connection breaks off)."""
        if self._started:
            raise error
        await error_response(self._scope, error)(self._scope, receive, self.send)


def route_template(scope: Scope) -> str:
    """Path template of the route that answered, so that ids do not make metric labels."""
    context: Any = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(context, "path_format", None) or getattr(scope.get("route"), "path_format", None)
    return path if isinstance(path, str) else "other"


def route_tags(scope: Scope) -> tuple[str, ...]:
    """Tags of the route that answers."""
    context: Any = scope.get("fastapi", {}).get("effective_route_context")
    return tuple(str(tag) for tag in getattr(context, "tags", None) or getattr(scope.get("route"), "tags", None) or ())


_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_HERE = frozenset(
    {b"x-request-id", b"content-security-policy", b"strict-transport-security", *(name for name, _ in _ALWAYS)}
)


def _add_headers(message: Message, scope: Scope, request_id: str) -> None:
    """Set the headers of every answer. Written as bytes at once: one by one each would search the list for itself."""
    given: list[tuple[bytes, bytes]] = [pair for pair in message.get("headers", ()) if pair[0].lower() not in _HERE]
    by_name = {name.lower(): value for name, value in given}
    is_page = by_name.get(b"content-type", b"").startswith(b"text/html")
    given += _ALWAYS
    given.append((b"x-request-id", request_id.encode("latin-1")))
    given.append((b"content-security-policy", (PAGE_POLICY if is_page else API_POLICY).encode()))
    if scope["scheme"] == "https":
        given.append((b"strict-transport-security", b"max-age=31536000"))
    if scope["path"].startswith("/api/") and b"cache-control" not in by_name:
        given.append((b"cache-control", b"no-store"))
    message["headers"] = given


def _request_id(scope: Scope) -> str:
    """The client's request id when it is one that may stand in a log, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.match(given) else secrets.token_hex(8)
