"""``Idempotency-Key`` on POST: the same request again gets the answer of the first time, and nothing happens twice.

The first request with a key claims it; its answer is kept, encrypted, for a day, and given again to the same caller with
the same request. A different request under the same key is refused. An answer of 500 and more frees the key: the
transaction behind it was rolled back, so the next try may do the work.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.auth.dependencies import machine_of, person_of
from cloud.auth.repository import AnswerRepository
from cloud.auth.tokens import KeyTokens, derive_key
from cloud.errors import ApiError, BadRequestError, IdempotencyMismatchError, InProgressError, UnavailableError
from cloud.kit.problems import error_response
from cloud.kit.repository import Database

KEPT = timedelta(hours=24)
CLAIM_LASTS = timedelta(minutes=2)
"""A claim without an answer for longer belongs to a process that died; the next request takes it over."""
MOST_PER_CALLER = 1000
"""Older answers of a caller are forgotten before their day is over."""
MAX_REQUEST_BYTES = 1_000_000
MAX_ANSWER_BYTES = 65_536
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SERVER_ERROR = 500


class Idempotency:
    """ASGI middleware around the endpoints."""

    def __init__(self, app: ASGIApp, *, secret: bytes) -> None:
        self._app = app
        self._fernet = Fernet(base64.urlsafe_b64encode(derive_key(secret, "idempotency")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        key = headers.get("idempotency-key")
        try:
            caller = None if key is None else await _caller(scope, headers)
        except (SQLAlchemyError, OSError):
            caller = None  # the database is away, and the endpoint will say so
        if key is None or caller is None:  # an anonymous request is refused, or (a login) has no answer worth keeping
            await self._app(scope, receive, send)
            return
        try:
            if _KEY.fullmatch(key) is None:
                raise BadRequestError("Idempotency-Key: write 1 to 255 visible ASCII characters")
            body = await _body(receive)
            answered = await self._claim(scope, caller, key, _hash_of(scope, headers, body))
        except ApiError as refusal:
            await error_response(scope, refusal)(scope, receive, send)
            return
        except (SQLAlchemyError, OSError):
            away = UnavailableError("The database does not answer right now")
            await error_response(scope, away)(scope, receive, send)
            return
        if answered is not None:
            await answered(scope, receive, send)
            return
        await self._serve(scope, _again(body, receive), send, stored=_name(caller, key))

    async def _claim(self, scope: Scope, caller: str, key: str, request_hash: str) -> Response | None:
        """Claim the key, or the answer that was given before.

        Raises:
            IdempotencyMismatchError: the key belongs to another request.
            InProgressError: the first one is still being answered.
        """
        now = datetime.now(timezone.utc)
        async with _database(scope).write() as writer:
            answers = AnswerRepository(writer)
            row = await answers.claim(
                _name(caller, key), caller, request_hash, now=now, kept=KEPT, dead=CLAIM_LASTS, most=MOST_PER_CALLER
            )
        if row is None:
            return None
        if row["request_hash"] != request_hash:
            raise IdempotencyMismatchError("This Idempotency-Key came with another request; make a new one")
        if row["status"] is None:
            raise InProgressError(
                "The first request with this Idempotency-Key is still being answered", headers={"Retry-After": "1"}
            )
        return self._read(row["status"], row["answer"])

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *, stored: str) -> None:
        answer = _Answer(send)
        kept = False
        try:
            await self._app(scope, receive, answer.send)
            if answer.status < _SERVER_ERROR and not answer.passed_on:
                async with _database(scope).write() as writer:
                    await AnswerRepository(writer).keep(stored, answer.status, self._write(answer))
                kept = True
        finally:
            if not kept:
                await _free(scope, stored)
        await answer.release()

    def _write(self, answer: _Answer) -> bytes:
        content = {"headers": answer.headers, "body": base64.b64encode(answer.body).decode()}
        return bytes(self._fernet.encrypt(json.dumps(content).encode()))

    def _read(self, status: int, encrypted: bytes) -> Response:
        try:
            content = json.loads(self._fernet.decrypt(encrypted))
        except InvalidToken as error:
            raise InProgressError("The answer was kept under another secret key; ask what has become of it") from error
        response = Response(base64.b64decode(content["body"]), status, {"Idempotency-Replayed": "true"})
        for name, value in content["headers"]:
            response.headers[name] = value
        return response


class _Answer:
    """Holds an answer back until it is kept; one that grows too large is passed on as it comes."""

    _KEPT_HEADERS = frozenset({"content-type", "location", "cache-control"})

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []
        self.status = _SERVER_ERROR
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.passed_on = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (name, value) for name, value in Headers(scope=message).items() if name in self._KEPT_HEADERS
            ]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        if self.passed_on:
            await self._send(message)
            return
        self._messages.append(message)
        if len(self.body) > MAX_ANSWER_BYTES:
            self.passed_on = True
            await self.release()

    async def release(self) -> None:
        messages, self._messages = self._messages, []
        for message in messages:
            await self._send(message)


async def _caller(scope: Scope, headers: Headers) -> str | None:
    """Who asks, checked as any endpoint does it; None for whoever an endpoint would refuse."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        return None
    state: Any = scope["app"].state
    try:
        if token.startswith(KeyTokens.PREFIX):
            found, _scopes = await machine_of(state.database, state.keys, token)
        else:
            found = await person_of(state.database, state.tokens, token)
    except ApiError:
        return None
    return f"{found.kind}:{found.id}"


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequestError("The request ended early")
        body += message.get("body", b"")
        if len(body) > MAX_REQUEST_BYTES:
            raise BadRequestError(f"Idempotency-Key: only requests up to {MAX_REQUEST_BYTES} bytes can carry one")
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body, for an application that has not seen it."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


async def _free(scope: Scope, stored: str) -> None:
    try:
        async with _database(scope).write() as writer:
            await AnswerRepository(writer).free(stored)
    except (SQLAlchemyError, OSError):
        return  # the database is away: the claim ends by itself


def _database(scope: Scope) -> Database:
    database: Database = scope["app"].state.database
    return database


def _name(caller: str, key: str) -> str:
    return hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()


def _hash_of(scope: Scope, headers: Headers, body: bytes) -> str:
    head = "\n".join(
        [scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers.get("content-type", "")]
    )
    return hashlib.sha256(head.encode() + b"\n" + body).hexdigest()
