"""What can happen on a link, as frozen events, and how long to wait before the next attempt. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from contracts.devices import Watermark


@dataclass(frozen=True)
class Connected:
    """The broker has accepted the connection and the subscriptions are on their way."""


@dataclass(frozen=True)
class Disconnected:
    """The connection is gone; the client is already trying again."""

    reason: str


@dataclass(frozen=True)
class Acknowledged:
    """The broker has taken over the message with this id (PUBACK)."""

    mid: int


@dataclass(frozen=True)
class Committed:
    """The store says what it has committed."""

    watermark: Watermark


LinkEvent: TypeAlias = Connected | Disconnected | Acknowledged | Committed


def backoff_s(attempt: int, *, first_s: float, longest_s: float, jitter: float) -> float:
    """Seconds before connection attempt number ``attempt`` (from 1): doubling, bounded, spread by ``jitter`` in 0..1.

    Half of the wait is fixed and half is random, so that a farm's boxes do not knock in step after a power cut.
    """
    full = min(first_s * 2.0 ** min(attempt - 1, 30), longest_s)
    return full / 2 + full / 2 * jitter
