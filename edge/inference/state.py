"""The life of the worker process that runs the model, as a pure state machine; ``worker_client`` performs it.

A worker that dies is replaced at once the first time; if that goes on, after ever longer waits. Whatever it is asked has a
deadline on the monotonic clock, so that one that hangs is as good as dead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
REFUSED_WAIT_S = 300.0
"""A model that cannot be used stays so until someone changes something."""
STEADY_AFTER_S = 60.0
"""A worker that has answered for this long has recovered: its next failure is the first again."""
HOPELESS_AFTER = 3
"""Failures in a row after which the cameras go on without a model."""
SHORTEST_PATIENCE_S = 3.0
"""A busy box may take this long for a frame that usually takes milliseconds."""
PATIENCE = 20.0
"""A job that takes this many times as long as usual hangs."""


class Phase(str, Enum):
    """What the worker is doing."""

    DOWN = "down"
    LOADING = "loading"
    READY = "ready"


@dataclass(frozen=True)
class WorkerLife:
    """Phase and when it began, what must happen until when, and how often it failed."""

    phase: Phase = Phase.DOWN
    since_s: float = 0.0
    deadline_s: float | None = None
    """Monotonic time at which the answer that is awaited is overdue; None while nothing is awaited."""
    start_after_s: float = 0.0
    """Monotonic time before which no new process is started."""
    failures: int = 0
    starts: int = 0

    @property
    def hopeless(self) -> bool:
        """Whether to stop expecting the worker back soon."""
        return self.failures >= HOPELESS_AFTER

    def may_start(self, now_s: float) -> bool:
        """Whether it is time for a new process."""
        return self.phase is Phase.DOWN and now_s >= self.start_after_s

    def overdue(self, now_s: float) -> bool:
        """Whether an awaited answer did not come in time."""
        return self.deadline_s is not None and now_s > self.deadline_s


def on_start(life: WorkerLife, now_s: float, *, load_timeout_s: float) -> WorkerLife:
    """A process has been started and told to load the model."""
    return replace(life, phase=Phase.LOADING, since_s=now_s, deadline_s=now_s + load_timeout_s, starts=life.starts + 1)


def on_ready(life: WorkerLife, now_s: float) -> WorkerLife:
    """The model is loaded and has passed its self-test."""
    return replace(life, phase=Phase.READY, since_s=now_s, deadline_s=None)


def on_asked(life: WorkerLife, now_s: float, *, expected_s: float) -> WorkerLife:
    """A job was sent."""
    return replace(life, deadline_s=now_s + max(SHORTEST_PATIENCE_S, PATIENCE * expected_s))


def on_answer(life: WorkerLife, now_s: float) -> WorkerLife:
    """The job came back."""
    steady = now_s - life.since_s >= STEADY_AFTER_S
    return replace(life, deadline_s=None, failures=0 if steady else life.failures)


def on_failure(life: WorkerLife, now_s: float) -> WorkerLife:
    """The process died, hung, or grew too large; the first time there is no reason to wait."""
    wait_s = min(FIRST_WAIT_S * 2.0 ** (life.failures - 1), LONGEST_WAIT_S) if life.failures else 0.0
    return replace(
        life,
        phase=Phase.DOWN,
        since_s=now_s,
        deadline_s=None,
        start_after_s=now_s + wait_s,
        failures=min(life.failures + 1, 30),
    )


def on_refusal(life: WorkerLife, now_s: float) -> WorkerLife:
    """The model cannot be used: damaged, or its golden frames give other results."""
    down = on_failure(life, now_s)
    return replace(down, start_after_s=now_s + REFUSED_WAIT_S, failures=max(down.failures, HOPELESS_AFTER))
