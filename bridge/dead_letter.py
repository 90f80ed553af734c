"""What cannot be processed is kept whole with its reason, and may not flood: the rate has a limit that pauses.

A bad deploy can make every message of a fleet undecodable. Draining the stream into dead letters would take it from
the broker's keeping for nothing; beyond a burst the bridge therefore waits, loudly, with the rest still un-acknowledged.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, TypeAlias

from bridge.sink import Routed
from bridge.steps.route import key_of
from contracts.dead_letters import DeadLetter
from contracts.errors import InvalidMessageError
from contracts.topics import KafkaTopic, parse_uplink

if TYPE_CHECKING:
    from datetime import datetime

Stage: TypeAlias = Literal["decode", "authorize", "route", "store"]
MAX_DETAIL_CHARACTERS = 2_000


def dead_letter(
    origin: str,
    payload: bytes,
    received_at: datetime,
    *,
    stage: Stage,
    error: InvalidMessageError,
    max_bytes: int,
) -> Routed:
    """The refused message, addressed to ``error-messages``.

    A payload above ``max_bytes`` is cut to that size, and the letter's detail says so.
    """
    site, device = _identity(origin)
    detail = error.detail[:MAX_DETAIL_CHARACTERS]
    if len(payload) > max_bytes:
        detail = f"{detail} (payload of {len(payload)} bytes cut to the first {max_bytes})"
    letter = DeadLetter(
        id=hashlib.sha256(origin.encode() + b"\0" + payload).hexdigest(),
        received_at=received_at,
        stage=stage,
        reason=error.reason,
        detail=detail,
        origin=origin,
        site=site,
        device=device,
        payload=payload[:max_bytes],
    )
    return Routed(
        topic=KafkaTopic.ERROR_MESSAGES.value,
        key=key_of(site, device) if site and device else origin.encode(),
        value=letter.model_dump_json(exclude_none=True).encode(),
        message=letter,
        origin=origin,
        received_at=received_at,
    )


def _identity(origin: str) -> tuple[str | None, str | None]:
    try:
        uplink = parse_uplink(origin)
    except InvalidMessageError:
        return None, None
    return uplink.site, uplink.device


class DeadLetterLimit:
    """Token bucket that may go into debt: it never refuses, it says how long to wait first. No clock of its own.

    Args:
        rate_per_s: letters per second in the long run.
        burst: letters that may come at once.
    """

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at: float | None = None

    def spend(self, letters: int, now: float) -> float:
        """Seconds to wait before these letters may pass; ``now`` is monotonic."""
        if letters == 0:
            return 0.0
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate_per_s)
        self._at = now
        self._tokens -= letters
        return max(0.0, -self._tokens / self._rate_per_s)
