"""A signed POST to a program.

The receiver checks ``X-Shoal-Signature: t=<unix seconds>,v1=<hex>``: HMAC-SHA256 over ``<t>.<body>`` with the contact's key,
and refuses old stamps. ``Idempotency-Key`` is the message's id: after a crash it may come twice.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import time
from collections.abc import Callable

import httpx

from cloud.notifications.channels import DeliveryError
from cloud.notifications.messages import Message

TIMEOUT_S = 10.0
_TRY_LATER = frozenset({408, 425, 429})


def signature(key: bytes, stamp: int, body: bytes) -> str:
    """Value of ``X-Shoal-Signature``."""
    return f"t={stamp},v1={hmac.new(key, f'{stamp}.'.encode() + body, hashlib.sha256).hexdigest()}"


class WebhookSender:
    """Posts to one address; redirects are not followed.

    Args:
        allow_private: whether addresses of the own network may be called. On a box the receiver stands beside it; in a company's
            cloud it would let any farm manager reach what only the servers may see.
        now_s: wall clock in seconds, for the signature's stamp.
    """

    def __init__(self, key: bytes, *, allow_private: bool, now_s: Callable[[], float] = time.time) -> None:
        self._key = key
        self._allow_private = allow_private
        self._now_s = now_s

    def send(self, message: Message, address: str) -> str:
        """Post the message."""
        body = json.dumps(message.payload(), separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shoal",
            "Idempotency-Key": str(message.id),
            "X-Shoal-Signature": signature(self._key, int(self._now_s()), body),
        }
        url = httpx.URL(address)
        target = self._checked(url)
        headers["Host"] = url.netloc.decode()
        try:
            with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
                answer = client.post(target, content=body, headers=headers, extensions={"sni_hostname": url.host})
        except httpx.HTTPError as error:
            raise DeliveryError(f"{url.host}: {str(error) or type(error).__name__}", permanent=False) from error
        if answer.is_success:
            return str(answer.headers.get("X-Request-ID", ""))[:200]
        permanent = not answer.is_server_error and answer.status_code not in _TRY_LATER
        raise DeliveryError(f"{url.host} answered {answer.status_code}", permanent=permanent)

    def _checked(self, url: httpx.URL) -> httpx.URL:
        """The same address with the host's number in it, so that what is called is what was checked."""
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise DeliveryError(f"{url.host}: {error.strerror}", permanent=False) from error
        number = str(found[0][4][0])
        if not self._allow_private and not ipaddress.ip_address(number.partition("%")[0]).is_global:
            raise DeliveryError(
                f"{url.host} is {number}, an address of the server's own network; set SHOAL_WEBHOOK_ALLOW_PRIVATE=true if"
                " that is meant",
                permanent=True,
            )
        return url.copy_with(host=number)
