"""One answer for everybody who asks the same: it is read once and given again until something has been committed.

who asks -> what the store holds -> the answer that is known for both, or one reading that all who want it wait for

Nobody gets an older answer than a reading of their own would have been: the version of the store is looked at anew for every
request, after it came (``cloud.kit.store_version``). Only what moves with the clock, such as the age of a reading, may be
``lasts_s`` behind, and an answer says for which moment it was made.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.kit.conditional import weak_tag

MOST_BYTES = 32_000_000
"""Of all answers kept; beyond it the one that was read first is forgotten, which costs a reading."""
_ENTRY_BYTES = 1000
"""What an answer is counted with beside its body and its address."""
MAX_ANSWER_BYTES = 1_000_000
"""A larger answer is not kept: every request reads its own."""
_PACKED_BYTES = (1024, 131_072)
"""Bytes of an answer that is compressed here: fewer gain nothing, and more would hold up the event loop, so that whoever
compresses further out does it in a thread."""
_LEVEL = 4
_OK = 200
_MARK = "_shared_answer"

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
Key = tuple[Hashable, str, bytes]
Identify = Callable[[Scope], Awaitable[Hashable]]
"""What an answer depends on beside its address; raises what the endpoint would raise for whoever may not ask."""


def shared(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint whose answer depends on the store, the address and the scope of whoever asks, and on nothing else."""
    setattr(endpoint, _MARK, True)
    return endpoint


def is_shared(endpoint: object) -> bool:
    """Whether an endpoint was marked."""
    return getattr(endpoint, _MARK, False)


class _Answer:
    """An answer as the endpoint gave it. Hashed once and compressed once, however many ask."""

    def __init__(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        self._headers = (*headers, (b"etag", weak_tag(body)))
        self._body = body
        self._packed: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of the body; the compressed form is a fraction of it."""
        return len(self._body)

    def messages(self, scope: Scope) -> tuple[Message, Message]:
        """For a request, compressed if it takes that."""
        headers, body = list(self._headers), self._body
        if _PACKED_BYTES[0] <= len(body) <= _PACKED_BYTES[1] and b"gzip" in _header(scope, b"accept-encoding"):
            if self._packed is None:
                self._packed = gzip.compress(body, _LEVEL, mtime=0)
            body = self._packed
            headers = [pair for pair in headers if pair[0] != b"content-length"]
            headers += [
                (b"content-length", str(len(body)).encode()),
                (b"content-encoding", b"gzip"),
                (b"vary", b"Accept-Encoding"),
            ]
        return {"type": "http.response.start", "status": _OK, "headers": headers}, {
            "type": "http.response.body",
            "body": body,
        }


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for each, value in scope["headers"] if each == name), b"")


@dataclass(slots=True)
class _Entry:
    version: str
    until: float
    answer: asyncio.Future[_Answer | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """None: it cannot be shared, so whoever waited reads their own."""


class SharedAnswers:
    """Answers of this process, used from its event loop alone.

    Args:
        version: of the store, not older than the call.
        identify: who asks, as far as an answer depends on it.
        lasts_s: how long an answer is given at most; 0 shares nothing.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        version: Callable[[], Awaitable[str]],
        *,
        identify: Identify,
        lasts_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._version = version
        self._identify = identify
        self._lasts_s = lasts_s
        self._clock = clock
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._bytes = 0

    def around(self, app: ASGIApp) -> ASGIApp:
        """A route's application whose answers are shared."""
        if self._lasts_s <= 0:
            return app

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self._answer(app, scope, receive, send)

        return answer

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        key = (await self._identify(scope), scope["path"], scope["query_string"])
        version = await self._version()
        entry = self._entries.get(key)
        if entry is None or entry.version != version or self._clock() >= entry.until:
            await self._read(app, scope, receive, send, key=key, version=version)
            return
        known = entry.answer.result() if entry.answer.done() else await asyncio.shield(entry.answer)
        if known is None:
            await app(scope, receive, send)
            return
        for message in known.messages(scope):
            await send(message)

    async def _read(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, key: Key, version: str) -> None:
        """Let the endpoint answer, and keep what it says.

        The reading begins after the version was looked at, so it sees at least that. What it sees beyond was committed since,
        and then the next look finds another version.
        """
        entry = _Entry(version, self._clock() + self._lasts_s)
        self._forget(key)
        self._entries[key] = entry
        try:
            await app(scope, receive, _Copying(send, lambda answer: self._keep(key, entry, answer)).send)
        finally:
            if not entry.answer.done():
                entry.answer.set_result(None)
                if self._entries.get(key) is entry:
                    del self._entries[key]

    def _keep(self, key: Key, entry: _Entry, answer: _Answer) -> None:
        entry.answer.set_result(answer)
        if self._entries.get(key) is entry:
            self._bytes += _counted(key, answer)
        while self._bytes > MOST_BYTES:
            self._forget(next(iter(self._entries)))

    def _forget(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        known = None if entry is None or not entry.answer.done() else entry.answer.result()
        if known is not None:
            self._bytes -= _counted(key, known)


def _counted(key: Key, answer: _Answer) -> int:
    """Whoever asks chooses the address, so a long one may be larger than its answer."""
    _, path, query = key
    return answer.size + len(path) + len(query) + _ENTRY_BYTES


class _Copying:
    """Passes an answer on; before its last byte, so that nobody waits for a slow client, whoever shares it has a copy."""

    def __init__(self, send: Send, keep: Callable[[_Answer], None]) -> None:
        self._send = send
        self._keep = keep
        self._headers: list[tuple[bytes, bytes]] | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._headers = list(message["headers"]) if message["status"] == _OK else None
        elif self._headers is not None:
            body = message.get("body", b"")
            if not message.get("more_body", False) and len(body) <= MAX_ANSWER_BYTES:
                self._keep(_Answer(self._headers, body))
            self._headers = None  # what comes in pieces is not kept
        await self._send(message)
