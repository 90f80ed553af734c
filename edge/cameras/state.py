"""The life of one camera as a pure state machine; the capture performs it.

connecting → warming (its rhythm is measured) → streaming ⇄ stalled → lost (backing off) → warming ... How long a silence means
something is measured, not set: a camera with a frame every ten seconds is as healthy as one with thirty a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_AFTER_S = 5.0
"""A camera that has delivered for this long has recovered: its next failure waits the shortest time again."""
WARM_FRAMES = 3
"""Frames after which the rhythm is known well enough to call a silence a stall."""
STALL_PERIODS = 3.0
SHORTEST_STALL_S = 1.0
"""Network cameras pause for half a second around every key frame."""
LOST_PERIODS = 6.0
LONGEST_PATIENCE_FACTOR = 8.0
"""A camera that never gave two frames may be a slow one: its patience doubles up to this with every silent attempt."""
_NEW_WEIGHT = 0.1


class Phase(str, Enum):
    """What the camera is doing."""

    CONNECTING = "connecting"
    WARMING = "warming"
    STREAMING = "streaming"
    STALLED = "stalled"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True)
class Life:
    """Phase, measured rhythm, failures in a row, and what was counted since the start."""

    phase: Phase = Phase.CONNECTING
    since_s: float = 0.0
    heard_s: float | None = None
    """Monotonic time of the last frame of this connection, or of its opening."""
    frames: int = 0
    """Of this connection."""
    period_s: float | None = None
    """Seconds between two frames, averaged; None until two have come. Kept over reconnects."""
    failures: int = 0
    reconnects: int = 0
    stalls: int = 0
    ever_streamed: bool = False
    was_lost: bool = False
    """Whether it has been lost since it last streamed."""

    @property
    def stall_after_s(self) -> float:
        """Silence that is a stall."""
        return max(SHORTEST_STALL_S, STALL_PERIODS * (self.period_s or 0.0))

    def patience_s(self, read_timeout_s: float) -> float:
        """Silence that means that the camera is lost, ``read_timeout_s`` at least."""
        if self.period_s is None:
            return read_timeout_s * min(2.0 ** min(self.failures, 10), LONGEST_PATIENCE_FACTOR)
        return max(read_timeout_s, LOST_PERIODS * self.period_s)


def on_open(life: Life, now_s: float) -> Life:
    """It is connected; no frame has come yet."""
    return replace(life, phase=Phase.WARMING, since_s=now_s, heard_s=now_s, frames=0)


def on_frame(life: Life, now_s: float) -> Life:
    """A frame has come, wanted or not."""
    period_s = life.period_s
    if life.frames and life.heard_s is not None and life.phase is not Phase.STALLED:
        gap_s = now_s - life.heard_s
        period_s = gap_s if period_s is None else period_s + _NEW_WEIGHT * (gap_s - period_s)
    life = replace(life, heard_s=now_s, frames=life.frames + 1, period_s=period_s)
    if life.phase is not Phase.STREAMING and life.frames >= WARM_FRAMES:
        again = life.reconnects + (life.ever_streamed and life.phase is not Phase.STALLED)
        return replace(life, phase=Phase.STREAMING, since_s=now_s, reconnects=again, ever_streamed=True, was_lost=False)
    if life.failures and life.phase is Phase.STREAMING and now_s - life.since_s >= STEADY_AFTER_S:
        return replace(life, failures=0)
    return life


def on_silence(life: Life, now_s: float) -> Life:
    """Time has passed: a stream that misses several of its own frames is stalled."""
    silent_s = now_s - life.heard_s if life.heard_s is not None else 0.0
    if life.phase is Phase.STREAMING and silent_s > life.stall_after_s:
        return replace(life, phase=Phase.STALLED, since_s=now_s, stalls=life.stalls + 1)
    return life


def on_failure(life: Life, now_s: float) -> Life:
    """The source failed to open, failed while reading, or stayed silent for too long."""
    since_s = life.since_s if life.phase is Phase.LOST else now_s
    return replace(
        life, phase=Phase.LOST, since_s=since_s, heard_s=None, frames=0, failures=life.failures + 1, was_lost=True
    )


def on_end(life: Life, now_s: float) -> Life:
    """A finite source has no more frames; there is nothing to wait for."""
    return replace(life, phase=Phase.ENDED, since_s=now_s)


def retry_wait_s(life: Life, *, jitter: float) -> float:
    """Seconds before the next attempt: doubling with every failure, bounded, half of it spread by ``jitter`` in 0..1."""
    full = min(FIRST_WAIT_S * 2.0 ** min(max(0, life.failures - 1), 20), LONGEST_WAIT_S)
    return full / 2 + full / 2 * jitter
