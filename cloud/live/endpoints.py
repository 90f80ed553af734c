"""The live interface: a WebSocket, and server-sent events for where none gets through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.types import Receive, Scope, Send

from cloud.auth.dependencies import Viewer
from cloud.errors import ForbiddenError, UnauthenticatedError
from cloud.kit.problems import problems
from cloud.kit.repository import database_of
from cloud.live.hub import LiveHub, TooSlowError, Watcher
from cloud.live.schemas import MAX_SITES, MAX_UNITS, LiveMessage, Subscribe
from cloud.live.service import Admitted, Seats, admitted, select
from cloud.live.session import CHECK_EVERY_S, SEND_S, Session
from cloud.metrics import LIVE_CLOSED
from contracts.base import Slug

router = APIRouter(prefix="/live", tags=["live"])


@router.websocket("")
async def watch(websocket: WebSocket) -> None:
    """Everything that changes in the sites and units of a subscription; docs/live.md tells the messages."""
    state = websocket.app.state

    session = Session(
        websocket,
        hub=state.live,
        database=state.database,
        seats=state.live_seats,
        admit=lambda token: admitted(state.database, state.tokens, state.keys, token),
    )
    await session.run()


class EventStream(StreamingResponse):
    """Server-sent events of one watcher; a client that does not take them is cut off."""

    media_type = "text/event-stream"

    def __init__(
        self, watcher: Watcher, seat: AbstractContextManager[None], admit: Callable[[], Awaitable[Admitted]]
    ) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy must not collect them
        super().__init__(_events(watcher, admit), headers=headers)
        self._watcher = watcher
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the token expires, the client leaves, or the network does not take a part in time."""

        async def in_time(message: MutableMapping[str, Any]) -> None:
            try:
                await asyncio.wait_for(send(message), SEND_S)
            except asyncio.TimeoutError as error:
                LIVE_CLOSED.labels("too_slow").inc()
                raise OSError("the client does not keep up") from error

        try:
            with self._seat:
                await super().__call__(scope, receive, in_time)
        finally:
            self._watcher.leave()


async def _events(watcher: Watcher, admit: Callable[[], Awaitable[Admitted]]) -> AsyncIterator[bytes]:
    """Until the token ends; whether it still holds is looked at every minute."""
    check_at, expires = 0.0, datetime.now(timezone.utc)
    with contextlib.suppress(TooSlowError, UnauthenticatedError, ForbiddenError):
        while (message := await watcher.next()) is not None:
            if monotonic() >= check_at:
                expires = (await admit()).expires
                check_at = monotonic() + CHECK_EVERY_S
            if datetime.now(timezone.utc) >= expires:
                return
            name = b"" if message.resume is None else f"id: {message.resume}\n".encode()
            yield b"event: %s\n%sdata: %s\n\n" % (message.kind.encode(), name, message.data)


@router.get(
    "/events",
    status_code=200,
    summary="Changes as server-sent events",
    response_class=EventStream,
    responses={200: {"model": LiveMessage, "description": "An endless stream"}, **problems(401, 404, 503)},
)
async def watch_events(
    request: Request,
    user: Viewer,
    site: Annotated[list[Slug] | None, Query(max_length=MAX_SITES, description="All that the user may see.")] = None,
    unit: Annotated[
        list[Annotated[int, Field(ge=1, lt=2**31)]] | None, Query(max_length=MAX_UNITS, description="All of the sites.")
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=200, description="To go on where it broke off.")] = None,
) -> EventStream:
    """The messages of the WebSocket, for where none gets through: `event` is the type and `id` is for `Last-Event-ID`.

    The stream ends with the access token. A heartbeat comes every 15 seconds when nothing else does.
    """
    state = request.app.state
    hub: LiveHub = state.live
    seats: Seats = state.live_seats
    wanted = Subscribe(
        type="subscribe",
        sites=None if site is None else tuple(site),
        units=None if unit is None else tuple(unit),
    )
    seats.check(user)
    selected = await select(database_of(request), user, wanted)
    token = request.headers.get("authorization", "").partition(" ")[2]
    watcher = await hub.watch(selected.coverage, selected.slugs, last_event_id)
    return EventStream(
        watcher,
        seats.taken_by(user, "events"),
        lambda: admitted(state.database, state.tokens, state.keys, token),
    )


def document_events(document: dict[str, Any]) -> None:
    """Say in the OpenAPI document what an event carries; the framework takes every stream for a plain string."""
    content = document["paths"]["/api/v1/live/events"]["get"]["responses"]["200"]["content"]
    content[EventStream.media_type]["schema"].pop("type", None)
