"""Token buckets: how often a caller may ask, decided in this process, or in Redis by all processes together.

A Redis that is away takes nothing down: until it answers again every process counts for itself.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.errors import RateLimitedError
from cloud.kit.problems import error_response

log = structlog.get_logger()

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
_CAPACITY = 50_000
"""Buckets kept in a process; beyond it the one that was touched longest ago is forgotten, which is full again by then."""
_REDIS_TIMEOUT_S = 0.25
_REDIS_REST_S = 5.0
"""How long a Redis that failed is left alone, so that it costs one time-out and not one per request."""


@dataclass(frozen=True)
class Rate:
    """How often a caller may ask."""

    per_minute: float
    burst: int
    """Requests that may come at once after a pause."""


@dataclass(frozen=True)
class Verdict:
    """Whether a request is answered now."""

    allowed: bool
    left: int
    """Requests that could follow at once."""
    wait_s: float
    """Until the next one is answered; 0 when it is now."""


def take(tokens: float, elapsed_s: float, rate: Rate) -> tuple[float, Verdict]:
    """Take one token from a bucket that held ``tokens`` some time ago. Pure; returns what it holds then."""
    per_s = rate.per_minute / 60
    now = min(float(rate.burst), tokens + max(0.0, elapsed_s) * per_s)
    if now >= 1:
        return now - 1, Verdict(allowed=True, left=int(now - 1), wait_s=0.0)
    return now, Verdict(allowed=False, left=0, wait_s=(1 - now) / per_s)


class Limiter(Protocol):
    """Decides on requests."""

    async def take(self, caller: str, rate: Rate) -> Verdict:
        """Count one request of a caller."""
        ...

    async def stop(self) -> None:
        """Close connections; safe twice."""
        ...


class ProcessLimiter:
    """Buckets in memory: right for a box, whose API is one process.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, caller: str, rate: Rate) -> Verdict:
        """Count one request of a caller."""
        now = self._clock()
        tokens, touched = self._buckets.pop(caller, (float(rate.burst), now))
        tokens, verdict = take(tokens, now - touched, rate)
        self._buckets[caller] = (tokens, now)
        if len(self._buckets) > _CAPACITY:
            self._buckets.popitem(last=False)
        return verdict

    async def stop(self) -> None:
        """Nothing to close."""


# One round trip, atomic, by the clock of Redis: processes need not agree on the time. The bucket goes when it is full.
_TAKE = """
local per_s = tonumber(ARGV[1]) / 60
local burst = tonumber(ARGV[2])
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = burst
if held[1] then tokens = math.min(burst, tonumber(held[1]) + math.max(0, now - tonumber(held[2])) * per_s) end
local allowed = 0
if tokens >= 1 then allowed = 1; tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / per_s * 1000) + 1000)
return {allowed, tostring(tokens)}
"""


class RedisLimiter:
    """Buckets in Redis, shared by every process of the API; in memory while Redis is away.

    Args:
        url: ``redis://...`` or ``rediss://...``.
    """

    def __init__(self, url: str, clock: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._clock = clock
        self._alone = ProcessLimiter(clock)
        self._rests_until = -math.inf
        self._redis: Any = None
        self._script: Any = None

    async def take(self, caller: str, rate: Rate) -> Verdict:
        """Count one request of a caller."""
        from redis.exceptions import RedisError

        if self._clock() < self._rests_until:
            return await self._alone.take(caller, rate)
        try:
            allowed, tokens = await self._take(caller, rate)
        except (RedisError, OSError, TimeoutError) as error:
            self._rests_until = self._clock() + _REDIS_REST_S
            log.warning("rate_limit_redis_away", error=type(error).__name__)
            return await self._alone.take(caller, rate)
        held = float(tokens)
        wait_s = 0.0 if allowed else (1 - held) * 60 / rate.per_minute
        return Verdict(allowed=bool(allowed), left=int(held), wait_s=wait_s)

    async def stop(self) -> None:
        """Close the connections."""
        redis, self._redis = self._redis, None
        if redis is not None:
            await redis.aclose()

    async def _take(self, caller: str, rate: Rate) -> tuple[int, bytes]:
        if self._redis is None:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            self._redis = Redis.from_url(
                self._url,
                socket_timeout=_REDIS_TIMEOUT_S,
                socket_connect_timeout=_REDIS_TIMEOUT_S,
                retry=Retry(NoBackoff(), 1),  # an idle connection that the server closed is not an outage
            )
            self._script = self._redis.register_script(_TAKE)
        allowed, tokens = await self._script(keys=[f"shoal:rate:{caller}"], args=[rate.per_minute, rate.burst])
        return allowed, tokens


Identify = Callable[[Scope], tuple[str, Rate] | None]
"""Name of the caller's bucket with its rate; None for a request that is not counted."""


class RateLimit:
    """ASGI middleware: counts requests by caller and refuses what is too much with 429 and ``Retry-After``."""

    def __init__(self, app: ASGIApp, *, identify: Identify, limiter: Limiter) -> None:
        self._app = app
        self._identify = identify
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        counted = self._identify(scope) if scope["type"] == "http" else None
        if counted is None:
            await self._app(scope, receive, send)
            return
        caller, rate = counted
        verdict = await self._limiter.take(caller, rate)
        headers = _headers(verdict, rate)
        if not verdict.allowed:
            refusal = RateLimitedError(max(1, math.ceil(verdict.wait_s)), headers=headers)
            await error_response(scope, refusal)(scope, receive, send)
            return
        await self._app(scope, receive, _with(headers, send))


def _headers(verdict: Verdict, rate: Rate) -> dict[str, str]:
    missing = rate.burst - verdict.left
    return {
        "RateLimit-Limit": str(rate.burst),
        "RateLimit-Remaining": str(verdict.left),
        "RateLimit-Reset": str(math.ceil(missing * 60 / rate.per_minute)),
        "RateLimit-Policy": f"{rate.per_minute:g};w=60;burst={rate.burst}",
    }


def _with(headers: dict[str, str], send: Send) -> Callable[[Message], Awaitable[None]]:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *raw]
        await send(message)

    return sending
