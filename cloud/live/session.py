"""One WebSocket from its first message to its end: authenticate -> subscribe -> send until somebody stops.

A token ends the session when it expires, unless the client sends the next one before. Rights are read again every
minute. A client that does not take its messages is dropped with a reason: it can resume as soon as it can keep up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import Any

import structlog
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from cloud.auth.principal import Principal
from cloud.errors import ApiError, ForbiddenError, NotFoundError, UnauthenticatedError, UnavailableError
from cloud.kit.repository import Database
from cloud.live.hub import LiveHub, TooSlowError, Watcher
from cloud.live.schemas import Authenticate, ClientMessage, Closing, Subscribe
from cloud.live.service import Admitted, Seats, Selected, select, still_visible
from cloud.metrics import LIVE_CLOSED

log = structlog.get_logger()

PROTOCOL = "shoal.live.v1"
"""Subprotocol that the server agrees to; offer it first, then ``bearer.<access token>``."""
_BEARER = "bearer."
FIRST_MESSAGE_S = 10.0
SEND_S = 15.0
"""A message that the network has not taken by then ends the session."""
CHECK_EVERY_S = 60.0
MAX_MESSAGE = 64_000
MAX_COMMANDS = 30
"""Messages of a client within ``CHECK_EVERY_S``."""

_MESSAGES: TypeAdapter[Authenticate | Subscribe] = TypeAdapter(ClientMessage)
# 4000 and above belong to applications; the last three digits are those of HTTP.
_CLOSE_CODES = {
    "unauthenticated": 4401,
    "forbidden": 4403,
    "not_found": 4404,
    "invalid_message": 4400,
    "too_slow": 4408,
    "too_many_clients": 4429,
    "unavailable": 1013,
}

Admit = Callable[[str], Awaitable[Admitted]]
"""Turns a token into who shows it and when it ends."""


class SessionEnd(Exception):  # noqa: N818  (a signal: the session is over, for a reason that the client is told)
    """The session ends."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Session:
    """One client.

    Args:
        websocket: not accepted yet.
        hub: what it watches.
        database: where rights are read.
        seats: places for clients.
        admit: checks access tokens.
    """

    def __init__(self, websocket: WebSocket, *, hub: LiveHub, database: Database, seats: Seats, admit: Admit) -> None:
        self._websocket = websocket
        self._hub = hub
        self._database = database
        self._seats = seats
        self._admit = admit
        self._wanted: Subscribe | None = None
        self._selected: Selected | None = None
        self._watcher: Watcher | None = None
        self._expires = datetime.now(timezone.utc)
        self._user: Principal | None = None
        self._token = ""
        self._subscribed = asyncio.Event()

    async def run(self) -> None:
        """Serve until the client leaves or has to go."""
        offered: list[str] = self._websocket.scope.get("subprotocols", [])
        await self._websocket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
        token = next((each.removeprefix(_BEARER) for each in offered if each.startswith(_BEARER)), None)
        try:
            async with contextlib.AsyncExitStack() as seat:
                user = await self._authenticated(token)
                try:
                    seat.enter_context(self._seats.taken_by(user, "websocket"))
                except UnavailableError as error:
                    raise SessionEnd("too_many_clients", error.detail) from error
                await self._serve()
        except SessionEnd as end:
            await self._close(end)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the client is gone; RuntimeError is how starlette says that it was gone before we spoke
        except Exception:
            log.exception("live_failed", user=None if self._user is None else self._user.id)
            await self._close(SessionEnd("unavailable", "Something went wrong on our side; it has been logged"))
        finally:
            self._leave()

    async def _authenticated(self, token: str | None) -> Principal:
        if token is None:
            try:
                message = await asyncio.wait_for(self._receive(), FIRST_MESSAGE_S)
            except asyncio.TimeoutError as error:
                raise SessionEnd("unauthenticated", "No access token came in time") from error
            if not isinstance(message, Authenticate):
                raise SessionEnd("unauthenticated", "Send the access token first, or offer it as a subprotocol")
            token = message.token
        return await self._take_token(token)

    async def _take_token(self, token: str) -> Principal:
        try:
            user, expires = await self._admit(token)
        except UnauthenticatedError as error:
            raise SessionEnd("unauthenticated", error.detail) from error
        except ForbiddenError as error:
            raise SessionEnd("forbidden", error.detail) from error
        except (SQLAlchemyError, OSError) as error:
            if self._user is not None:
                raise  # the guard asks again later; until then what was true a minute ago holds
            raise SessionEnd("unavailable", "The database does not answer right now") from error
        if self._user is not None and (user.kind, user.id) != (self._user.kind, self._user.id):
            raise SessionEnd("forbidden", "The token belongs to another user")
        self._user, self._expires, self._token = user, expires, token
        return user

    async def _serve(self) -> None:
        """Receive, send and watch the clock at the same time; the first that ends ends all."""
        tasks = [asyncio.ensure_future(each) for each in (self._commands(), self._send(), self._guard())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        del done
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _commands(self) -> None:
        loop = asyncio.get_running_loop()
        window, count = loop.time(), 0
        while True:
            message = await self._receive()
            if loop.time() - window > CHECK_EVERY_S:
                window, count = loop.time(), 0
            count += 1
            if count > MAX_COMMANDS:
                raise SessionEnd("invalid_message", f"More than {MAX_COMMANDS} messages in a minute")
            if isinstance(message, Authenticate):
                await self._take_token(message.token)
            else:
                await self._subscribe(message)

    async def _subscribe(self, wanted: Subscribe) -> None:
        assert self._user is not None  # noqa: S101  (nobody comes here without a token)
        try:
            selected = await select(self._database, self._user, wanted)
            watcher = await self._hub.watch(selected.coverage, selected.slugs, wanted.resume)
        except NotFoundError as error:
            raise SessionEnd("not_found", error.detail) from error
        except ApiError as error:
            raise SessionEnd("unavailable", error.detail) from error
        except (SQLAlchemyError, OSError) as error:
            raise SessionEnd("unavailable", "The database does not answer right now") from error
        self._leave()
        self._wanted, self._selected, self._watcher = wanted, selected, watcher
        self._subscribed.set()

    async def _send(self) -> None:
        try:
            await asyncio.wait_for(self._subscribed.wait(), FIRST_MESSAGE_S)
        except asyncio.TimeoutError as error:
            raise SessionEnd("invalid_message", "No subscription came in time") from error
        while not self._hub.closed:
            watcher = self._watcher
            assert watcher is not None  # noqa: S101  (set before the event)
            try:
                message = await watcher.next()
                if message is not None and watcher is self._watcher:  # else the subscription was replaced meanwhile
                    await asyncio.wait_for(self._websocket.send_text(message.data.decode()), SEND_S)
            except (TooSlowError, asyncio.TimeoutError) as error:
                raise SessionEnd(
                    "too_slow", "The client does not keep up; connect again with the last resume"
                ) from error
        raise SessionEnd("unavailable", "The server is stopping; connect again with the last resume")

    async def _guard(self) -> None:
        """End the session with its token, and when the user may not see any more what it shows."""
        while True:
            left_s = (self._expires - datetime.now(timezone.utc)).total_seconds()
            if left_s <= 0:
                raise SessionEnd("unauthenticated", "The login has expired; sign in again")
            await asyncio.sleep(min(left_s + 0.01, CHECK_EVERY_S))
            if left_s > CHECK_EVERY_S:
                try:
                    await self._check()
                except (UnavailableError, SQLAlchemyError, OSError) as error:
                    log.warning("live_check_failed", error=type(error).__name__)

    async def _check(self) -> None:
        """Read the user's rights again."""
        await self._take_token(self._token)
        if self._wanted is None or self._selected is None or self._user is None:
            return
        try:
            visible = still_visible(self._selected, await select(self._database, self._user, self._wanted))
        except NotFoundError:
            visible = False
        if not visible:
            raise SessionEnd("forbidden", "This user may not watch all of that any more")

    async def _receive(self) -> Authenticate | Subscribe:
        event: dict[str, Any] = dict(await self._websocket.receive())
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1000))
        text = event.get("text") or ""
        if len(text) > MAX_MESSAGE:
            raise SessionEnd("invalid_message", f"A message may have at most {MAX_MESSAGE} characters")
        try:
            return _MESSAGES.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "message"
            raise SessionEnd("invalid_message", f"{where}: {first['msg']}") from error

    async def _close(self, end: SessionEnd) -> None:
        LIVE_CLOSED.labels(end.code).inc()
        log.info("live_closed", code=end.code, user=None if self._user is None else self._user.id)
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect, asyncio.TimeoutError):
            body = Closing.model_validate({"code": end.code, "detail": end.detail})
            await asyncio.wait_for(self._websocket.send_text(body.model_dump_json()), 1)
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect, asyncio.TimeoutError):
            await asyncio.wait_for(self._websocket.close(_CLOSE_CODES[end.code], end.detail[:100]), 5)

    def _leave(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.leave()
