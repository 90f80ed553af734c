"""The life of one camera's connection as a pure state machine; the capture thread performs it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_AFTER_S = 5.0
"""A camera that has delivered for this long has recovered: its next failure waits the shortest time again."""


class Phase(str, Enum):
    """What the camera is doing."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True)
class Life:
    """Phase, failures in a row, and how often the connection was made again."""

    phase: Phase = Phase.CONNECTING
    since_s: float = 0.0
    failures: int = 0
    reconnects: int = 0
    ever_streamed: bool = False


def on_frame(life: Life, now_s: float) -> Life:
    """A frame has come."""
    if life.phase is not Phase.STREAMING:
        again = life.reconnects + life.ever_streamed
        return replace(life, phase=Phase.STREAMING, since_s=now_s, reconnects=again, ever_streamed=True)
    if life.failures and now_s - life.since_s >= STEADY_AFTER_S:
        return replace(life, failures=0)
    return life


def on_failure(life: Life, now_s: float) -> Life:
    """The source failed to open, failed while reading, or stayed silent."""
    since_s = life.since_s if life.phase is Phase.LOST else now_s
    return replace(life, phase=Phase.LOST, since_s=since_s, failures=life.failures + 1)


def on_end(life: Life, now_s: float) -> Life:
    """A finite source has no more frames; there is nothing to wait for."""
    return replace(life, phase=Phase.ENDED, since_s=now_s)


def retry_wait_s(life: Life, *, jitter: float) -> float:
    """Seconds before the next attempt: doubling with every failure, bounded, half of it spread by ``jitter`` in 0..1."""
    full = min(FIRST_WAIT_S * 2.0 ** min(max(0, life.failures - 1), 20), LONGEST_WAIT_S)
    return full / 2 + full / 2 * jitter
