"""Conditional GET: an answer that has not changed is not sent again. ``ETag`` out, ``If-None-Match`` in, 304 when equal.

The tag is a hash of the answer, so it is true whatever the answer was made of; what it saves is the line, not the query. An
answer that comes with a weak tag was hashed before (``cloud.kit.shared_answers``).
"""

from __future__ import annotations

import hashlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MAX_BYTES = 1_000_000
"""A larger answer is passed on as it comes."""
_OK = 200


def weak_tag(body: bytes) -> bytes:
    """The tag of an answer. Weak, because compression further out changes the bytes."""
    return b'W/"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()


class ConditionalGet:
    """ASGI middleware for JSON answers under ``/api/`` that carry no strong tag of their own."""

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
        known = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
        await self._app(scope, receive, _Tagged(known, send).send)


class _Tagged:
    """Holds the answer back until its tag is known, or until it proves too large or not JSON."""

    def __init__(self, known: bytes, send: Send) -> None:
        self._known = {tag.strip().removeprefix(b"W/") for tag in known.split(b",")}
        self._send = send
        self._start: Message | None = None
        self._tag: bytes | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            is_json = headers.get(b"content-type", b"").startswith(b"application/json")
            self._tag = headers.get(b"etag")
            if message["status"] == _OK and is_json and (self._tag is None or self._tag.startswith(b"W/")):
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
        await self._send({"type": "http.response.body", "body": self._body, "more_body": more})

    async def _finish(self) -> None:
        start = self._start
        assert start is not None  # noqa: S101
        headers = list(start["headers"])
        if self._tag is None:
            self._tag = weak_tag(self._body)
            headers.append((b"etag", self._tag))
        if not any(name == b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"private, no-cache"))
        if self._tag.removeprefix(b"W/") in self._known or b"*" in self._known:
            start["status"] = 304
            headers = [pair for pair in headers if pair[0] != b"content-length"]
            self._body = b""
        start["headers"] = headers
        await self._pass_on(more=False)
