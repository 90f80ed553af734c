"""A signed POST that says that a prediction is ready, to an address that a client gave: so to no address of our own network.

The host is looked up once, every address that it has must be public, and the call goes to the very number that was checked.
Redirects are not followed and answers are not read. ``Idempotency-Key`` is the task: after a crash it may come twice.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import httpx

from cloud.errors import CallbackRefusedError
from cloud.notifications.channels.webhook import signature
from cloud.predictions.rules import callback_fault, is_allowed, is_public

TIMEOUT_S = 10.0
_TRY_LATER = frozenset({408, 425, 429})


class CallbackError(Exception):
    """The callback did not arrive.

    Args:
        reason: in words.
        permanent: another try would end the same.
    """

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Callbacks:
    """Posts to clients.

    Args:
        allowed_hosts: ``host`` or ``host:port`` of the own network that may be called.
        now_s: wall clock in seconds, for the signature's stamp.
    """

    def __init__(self, allowed_hosts: tuple[str, ...], *, now_s: Callable[[], float] = time.time) -> None:
        self._allowed_hosts = allowed_hosts
        self._now_s = now_s

    async def check(self, url: str) -> None:
        """Refuse what can never be called, before anything is queued. A host that is unknown now may be known later.

        Raises:
            CallbackRefusedError: the address may not be called.
        """
        fault = callback_fault(url, self._allowed_hosts)
        if fault is None:
            try:
                await self._number(httpx.URL(url))
            except CallbackError as error:
                fault = str(error) if error.permanent else None
            except httpx.InvalidURL as error:
                fault = f"it is no URL ({error})"
        if fault is not None:
            raise CallbackRefusedError(f"callback_url cannot be used: {fault}")

    async def send(self, url: str, payload: dict[str, Any], *, key: bytes, task_id: str) -> None:
        """Post one callback.

        Raises:
            CallbackError: it did not arrive.
        """
        fault = callback_fault(url, self._allowed_hosts)
        if fault is not None:  # the setting may have changed since
            raise CallbackError(fault, permanent=True)
        address = httpx.URL(url)
        number = await self._number(address)
        body = json.dumps(payload, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shoal",
            "Host": address.netloc.decode(),
            "Idempotency-Key": task_id,
            "X-Shoal-Signature": signature(key, int(self._now_s()), body),
        }
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
                client.stream(
                    "POST",
                    address.copy_with(host=number),
                    content=body,
                    headers=headers,
                    extensions={"sni_hostname": address.host},
                ) as answer,
            ):
                status = answer.status_code
        except (httpx.HTTPError, OSError) as error:
            raise CallbackError(f"{address.host}: {str(error) or type(error).__name__}", permanent=False) from error
        if not 200 <= status < 300:  # noqa: PLR2004 - success
            passing = status >= 500 or status in _TRY_LATER  # noqa: PLR2004 - the server's own failures
            raise CallbackError(f"{address.host} answered {status}", permanent=not passing)

    async def _number(self, url: httpx.URL) -> str:
        """The host's number; all that the host has are looked at, because any of them might be called."""
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise CallbackError(f"{url.host}: {error}", permanent=False) from error
        numbers = [str(each[4][0]).partition("%")[0] for each in found]
        if not is_allowed(url.host, url.port, self._allowed_hosts):
            for number in numbers:
                if not is_public(ip_address(number)):
                    raise CallbackError(
                        f"{url.host} is {number}, an address of the server's own network; SHOAL_CALLBACK_ALLOW_HOSTS"
                        " names those that are meant",
                        permanent=True,
                    )
        return numbers[0]
