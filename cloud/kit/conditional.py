"""Conditional GET: an answer that has not changed is not sent again. ``ETag`` out, ``If-None-Match`` in, 304 when equal.

The tag is a hash of the answer, so it is true whatever the answer was made of; what it saves is the line, not the query.
"""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MAX_BYTES = 1_000_000
"""A larger answer is passed on as it comes."""
_OK = 200


class ConditionalGet:
    """ASGI middleware for JSON answers under ``/api/`` that carry no tag of their own."""

    def __init__(self, app: ASGIApp, *, never: tuple[str, ...] = ()) -> None:
        """Paths that begin with one of ``never`` are left alone."""
        self._app = app
        self._never = never

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        wanted = (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and scope["path"].startswith("/api/")
            and not scope["path"].startswith(self._never)
        )
        if not wanted:
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Tagged(Headers(scope=scope).get("if-none-match", ""), send).send)


class _Tagged:
    """Holds the answer back until its hash is known, or until it proves too large or not JSON."""

    def __init__(self, known: str, send: Send) -> None:
        self._known = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(scope=message)
            is_json = headers.get("content-type", "").startswith("application/json")
            if message["status"] == _OK and is_json and "etag" not in headers:
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if len(self._body) > _MAX_BYTES:
                await self._pass_on(more=message.get("more_body", False))
            elif not message.get("more_body", False):
                await self._finish()
            return
        await self._send(message)

    async def _pass_on(self, *, more: bool) -> None:
        start, self._start = self._start, None
        assert start is not None  # noqa: S101
        await self._send(start)
        await self._send({"type": "http.response.body", "body": bytes(self._body), "more_body": more})

    async def _finish(self) -> None:
        start = self._start
        assert start is not None  # noqa: S101
        tag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'
        headers = MutableHeaders(scope=start)
        # Weak, because compression further out changes the bytes.
        headers["ETag"] = f"W/{tag}"
        headers.setdefault("Cache-Control", "private, no-cache")
        if tag in self._known or "*" in self._known:
            start["status"] = 304
            del headers["content-length"]
            self._body.clear()
        await self._pass_on(more=False)
