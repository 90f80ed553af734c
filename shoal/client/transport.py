"""Sends operations over HTTP: signs in, renews the login, waits when asked to, and turns refusals into ``ApiFailure``.

Only what is safe to repeat is sent again: reads, and anything with an ``Idempotency-Key``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any

import httpx

from contracts.errors import ShoalError
from shoal.client.operations import AsyncOperations, Operations

TRIES = 3
_AGAIN = frozenset({429, 502, 503, 504})
_MAX_WAIT_S = 30.0
_LOGIN = "/api/v1/auth/login"
_REFRESH = "/api/v1/auth/refresh"


class ApiFailure(ShoalError):  # noqa: N818  (the server failed or refused; named like the rest of the interface)
    """The server refused, or could not be reached.

    Attributes:
        status: of HTTP; 0 when there was no answer.
        code: stable name of the kind of problem, e.g. ``not_found``.
        detail: what was wrong with this request.
        request_id: for whoever runs the server; its log has the same.
    """

    def __init__(self, status: int, code: str, detail: str, request_id: str | None = None) -> None:
        super().__init__(f"{detail} ({code}{'' if request_id is None else f', request {request_id}'})")
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id


class _Login:
    """What the client shows: a key, or a login that it renews."""

    def __init__(self, key: str | None, email: str | None, password: str | None, refresh_token: str | None) -> None:
        self.token = key
        self.is_key = key is not None
        self.email = email
        self.password = password
        self.refresh_token = refresh_token

    def headers(self) -> dict[str, str]:
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def renewal(self) -> tuple[str, dict[str, Any]] | None:
        """Address and arguments of the request that makes a new token; None when there is no way to one."""
        if self.is_key:
            return None
        if self.refresh_token is not None:
            return _REFRESH, {"json": {"refresh_token": self.refresh_token}}
        if self.email is not None and self.password is not None:
            return _LOGIN, {"data": {"username": self.email, "password": self.password}}
        return None

    def take(self, answer: Mapping[str, Any]) -> None:
        self.token = answer["access_token"]
        self.refresh_token = answer.get("refresh_token") or self.refresh_token


class _Base:
    def __init__(
        self,
        *,
        key: str | None,
        email: str | None,
        password: str | None,
        refresh_token: str | None,
    ) -> None:
        self._login = _Login(key, email, password, refresh_token)

    @property
    def refresh_token(self) -> str | None:
        """To go on with the same login later; it changes with every renewal."""
        return self._login.refresh_token


class Client(_Base, Operations):
    """One server, for programs that wait.

    Args:
        url: of the server, e.g. ``https://farm.example``.
        key: of a machine (``shk_...``); or
        email: with ``password``: signs in with the first request; or
        refresh_token: of an earlier login.
        timeout_s: for each request.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        email: str | None = None,
        password: str | None = None,
        refresh_token: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        super().__init__(key=key, email=email, password=password, refresh_token=refresh_token)
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=timeout_s)

    def __enter__(self) -> Client:  # noqa: PYI034  (typing.Self came with Python 3.11)
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections; safe twice."""
        self._http.close()

    def live(self, *, sites: list[str] | None = None, units: list[int] | None = None) -> Iterator[dict[str, Any]]:
        """Snapshot, deltas and heartbeats (docs/live.md), for ever; a break is mended, and what was missed follows."""
        last: str | None = None
        while True:
            try:
                with self._http.stream("GET", **_live_request(sites, units, last, self._login.headers())) as answer:
                    if answer.status_code == httpx.codes.UNAUTHORIZED and self._renew():
                        continue
                    if answer.is_error:
                        answer.read()
                        raise _failure(answer)
                    for message in map(_message, answer.iter_lines()):
                        if message is not None:
                            last = message.get("resume", last)
                            yield message
            except httpx.TransportError:
                pass
            time.sleep(1)

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any],
        headers: Mapping[str, Any],
        body: Any,
        form: bool,
        as_json: bool,
    ) -> Any:
        arguments = _arguments(query, headers, body, form=form)
        if self._login.token is None and path not in {_LOGIN, _REFRESH}:
            self._renew()
        renewed = False
        for attempt in range(1, TRIES + 1):
            arguments["headers"] = {**_given(headers), **self._login.headers()}
            try:
                answer = self._http.request(method, path, **arguments)
            except httpx.TransportError as error:
                if attempt == TRIES or not _repeatable(method, headers):
                    raise ApiFailure(0, "unreachable", f"{self._http.base_url} does not answer: {error}") from error
                time.sleep(0.5 * attempt)
                continue
            if answer.status_code == httpx.codes.UNAUTHORIZED and not renewed and path != _LOGIN and self._renew():
                renewed = True
                continue
            if answer.status_code in _AGAIN and attempt < TRIES and _repeatable(method, headers):
                time.sleep(_pause_s(answer, attempt))
                continue
            break
        return _taken(answer, as_json=as_json)

    def _renew(self) -> bool:
        renewal = self._login.renewal()
        if renewal is None:
            return False
        answer = self._http.post(renewal[0], **renewal[1])
        if answer.is_error:
            raise _failure(answer)
        self._login.take(answer.json())
        return True


class AsyncClient(_Base, AsyncOperations):
    """One server, for programs with an event loop. Arguments as those of ``Client``."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        email: str | None = None,
        password: str | None = None,
        refresh_token: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        super().__init__(key=key, email=email, password=password, refresh_token=refresh_token)
        self.url = url
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s)
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> AsyncClient:  # noqa: PYI034  (typing.Self came with Python 3.11)
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; safe twice."""
        await self._http.aclose()

    async def live(
        self, *, sites: list[str] | None = None, units: list[int] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Snapshot, deltas and heartbeats (docs/live.md), for ever; a break is mended, and what was missed follows."""
        last: str | None = None
        while True:
            try:
                async with self._http.stream(
                    "GET", **_live_request(sites, units, last, self._login.headers())
                ) as answer:
                    if answer.status_code == httpx.codes.UNAUTHORIZED and await self._renew(self._login.token):
                        continue
                    if answer.is_error:
                        await answer.aread()
                        raise _failure(answer)
                    async for line in answer.aiter_lines():
                        message = _message(line)
                        if message is not None:
                            last = message.get("resume", last)
                            yield message
            except httpx.TransportError:
                pass
            await asyncio.sleep(1)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any],
        headers: Mapping[str, Any],
        body: Any,
        form: bool,
        as_json: bool,
    ) -> Any:
        arguments = _arguments(query, headers, body, form=form)
        if self._login.token is None and path not in {_LOGIN, _REFRESH}:
            await self._renew(None)
        renewed = False
        for attempt in range(1, TRIES + 1):
            shown = self._login.token
            arguments["headers"] = {**_given(headers), **self._login.headers()}
            try:
                answer = await self._http.request(method, path, **arguments)
            except httpx.TransportError as error:
                if attempt == TRIES or not _repeatable(method, headers):
                    raise ApiFailure(0, "unreachable", f"{self._http.base_url} does not answer: {error}") from error
                await asyncio.sleep(0.5 * attempt)
                continue
            if (
                answer.status_code == httpx.codes.UNAUTHORIZED
                and not renewed
                and path != _LOGIN
                and await self._renew(shown)
            ):
                renewed = True
                continue
            if answer.status_code in _AGAIN and attempt < TRIES and _repeatable(method, headers):
                await asyncio.sleep(_pause_s(answer, attempt))
                continue
            break
        return _taken(answer, as_json=as_json)

    async def _renew(self, shown: str | None) -> bool:
        """A refresh token works once, so of many requests that find the login expired one renews it."""
        async with self._renewing:
            if self._login.token != shown:
                return True
            renewal = self._login.renewal()
            if renewal is None:
                return False
            answer = await self._http.post(renewal[0], **renewal[1])
            if answer.is_error:
                raise _failure(answer)
            self._login.take(answer.json())
            return True


def _arguments(query: Mapping[str, Any], headers: Mapping[str, Any], body: Any, *, form: bool) -> dict[str, Any]:
    del headers
    arguments: dict[str, Any] = {"params": _given(query)}
    if form:
        files = {name: value for name, value in body.items() if isinstance(value, (bytes, tuple))}
        arguments["data"] = {name: value for name, value in body.items() if name not in files and value is not None}
        if files:
            arguments["files"] = files
    elif isinstance(body, bytes):
        arguments["content"] = body
    elif body is not None:
        arguments["json"] = body
    return arguments


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _repeatable(method: str, headers: Mapping[str, Any]) -> bool:
    return method == "GET" or any(name.lower() == "idempotency-key" and value for name, value in headers.items())


def _pause_s(answer: httpx.Response, attempt: int) -> float:
    asked = answer.headers.get("retry-after", "")
    return min(_MAX_WAIT_S, float(asked)) if asked.isdecimal() else 0.5 * attempt


def _taken(answer: httpx.Response, *, as_json: bool) -> Any:
    if answer.is_error:
        raise _failure(answer)
    if as_json:
        return answer.json()
    return answer.content


def _failure(answer: httpx.Response) -> ApiFailure:
    try:
        body = answer.json()
        return ApiFailure(answer.status_code, body["code"], body["detail"], body.get("request_id"))
    except (ValueError, KeyError, TypeError):
        return ApiFailure(
            answer.status_code, "unknown", f"The server answered {answer.status_code} {answer.reason_phrase}"
        )


def _live_request(
    sites: list[str] | None, units: list[int] | None, last: str | None, login: Mapping[str, str]
) -> dict[str, Any]:
    headers = {**login, **({} if last is None else {"Last-Event-ID": last})}
    params = _given({"site": sites, "unit": units})
    return {"url": "/api/v1/live/events", "params": params, "headers": headers, "timeout": httpx.Timeout(30, read=60)}


def _message(line: str) -> dict[str, Any] | None:
    if not line.startswith("data: "):
        return None
    message: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return message
