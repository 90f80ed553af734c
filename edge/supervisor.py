"""Keeps the agent's worker threads running, and notices the one that hangs.

A worker is a function that runs until its stop event is set. One that dies is started again, with back-off. One that hangs
(it has not looked at its stop event for too long) is replaced where that is safe; a vital one cannot be, so the agent ends and
its service manager starts it anew. Only the supervisor starts threads of the agent.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
HEALTHY_AFTER_S = 60.0
"""A worker that ran this long has recovered: its next failure waits the shortest time again."""
STALL_AFTER_S = 60.0
"""How long a worker may go without looking at its stop event; longer than any connect or read timeout of the agent."""
REPLACEMENTS = 2
"""How often a hanging worker is replaced before the whole agent is started anew: each leaves a thread behind."""
LOOK_S = 1.0


class StopEvent(threading.Event):
    """The stop event of one worker. Looking at it, or waiting for it, is the worker's sign of life."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._alive_until_s = clock()

    def is_set(self) -> bool:
        """Whether to stop."""
        self._alive_until_s = self._clock()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait to be stopped, for at most ``timeout`` seconds."""
        self._alive_until_s = float("inf") if timeout is None else self._clock() + timeout
        found = super().wait(timeout)
        self._alive_until_s = self._clock()
        return found

    def silent_s(self, now_s: float) -> float:
        """Seconds since the worker last looked, or since its wait should have ended."""
        return max(0.0, now_s - self._alive_until_s)


@dataclass
class Worker:
    """One supervised thread.

    Attributes:
        vital: without it the fish are not watched over; when it hangs, the agent is started anew.
        stall_after_s: how long it may go without a sign of life.
    """

    name: str
    run: Callable[[threading.Event], None]
    vital: bool = False
    stall_after_s: float = STALL_AFTER_S
    stop: StopEvent = field(default_factory=StopEvent)
    thread: threading.Thread | None = None
    restarts: int = 0
    replacements: int = 0
    last_error: str | None = None

    def stalled(self, now_s: float) -> bool:
        """Whether it hangs."""
        running = self.thread is not None and self.thread.is_alive() and not threading.Event.is_set(self.stop)
        return running and self.stop.silent_s(now_s) > self.stall_after_s


@dataclass(frozen=True)
class Stall:
    """A worker that hangs, and where."""

    worker: str
    silent_s: float
    where: str
    """The innermost lines of its stack."""
    must_restart: bool
    """It cannot be replaced: the agent has to be started anew."""


class Supervisor:
    """Starts workers, restarts those that die, finds those that hang, stops them.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._workers: list[Worker] = []

    def start(
        self,
        name: str,
        run: Callable[[threading.Event], None],
        *,
        vital: bool = False,
        stall_after_s: float = STALL_AFTER_S,
    ) -> Worker:
        """Run ``run`` in a thread of its own until stopped."""
        worker = Worker(name, run, vital=vital, stall_after_s=stall_after_s, stop=StopEvent(self._clock))
        self._workers.append(worker)
        self._begin(worker)
        return worker

    def restarts(self) -> dict[str, int]:
        """How often each worker was started again."""
        return {worker.name: worker.restarts + worker.replacements for worker in self._workers}

    def failing(self) -> tuple[str, ...]:
        """Names and last errors of workers that are waiting to be started again."""
        return tuple(f"{worker.name}: {worker.last_error}" for worker in self._workers if worker.last_error)

    def stalled(self) -> tuple[Worker, ...]:
        """Workers that hang now."""
        now_s = self._clock()
        return tuple(worker for worker in self._workers if worker.stalled(now_s))

    def alive(self) -> bool:
        """Whether every vital worker makes progress: what the service manager's watchdog is fed with."""
        return not any(worker.vital for worker in self.stalled())

    def look(self) -> list[Stall]:
        """Find the workers that hang; replace those that may be. Call it about once a second."""
        found = []
        for worker in self.stalled():
            silent_s = worker.stop.silent_s(self._clock())
            final = worker.vital or worker.replacements >= REPLACEMENTS
            stall = Stall(worker.name, round(silent_s, 1), _where(worker.thread), must_restart=final)
            log.error("worker.stalled", worker=worker.name, silent_s=stall.silent_s, where=stall.where)
            found.append(stall)
            if not final:
                worker.stop.set()  # should the old thread ever come back, it ends
                worker.stop = StopEvent(self._clock)
                worker.replacements += 1
                self._begin(worker)
        return found

    @staticmethod
    def stop(workers: list[Worker], *, timeout_s: float) -> None:
        """Stop these workers together and wait for them, at most ``timeout_s`` in all."""
        for worker in workers:
            worker.stop.set()
        deadline = time.monotonic() + timeout_s
        for worker in workers:
            if worker.thread is not None:
                worker.thread.join(max(0.0, deadline - time.monotonic()))
                if worker.thread.is_alive():
                    log.warning("worker.did_not_stop", worker=worker.name)

    def stop_all(self, *, timeout_s: float) -> None:
        """Stop every worker."""
        self.stop(list(reversed(self._workers)), timeout_s=timeout_s)

    def _begin(self, worker: Worker) -> None:
        worker.thread = threading.Thread(
            target=self._supervise, args=(worker, worker.stop), name=worker.name, daemon=True
        )
        worker.thread.start()

    @staticmethod
    def _supervise(worker: Worker, stop: StopEvent) -> None:
        wait_s = FIRST_WAIT_S
        while not stop.is_set():
            started = time.monotonic()
            try:
                worker.run(stop)
            except Exception as error:  # a worker must never take the agent with it
                worker.last_error = f"{type(error).__name__}: {error}"
                log.exception("worker.failed", worker=worker.name)
            else:
                return  # it has finished its work, or was stopped
            wait_s = FIRST_WAIT_S if time.monotonic() - started > HEALTHY_AFTER_S else min(wait_s * 2, LONGEST_WAIT_S)
            if stop.wait(wait_s):
                return
            worker.restarts += 1
            worker.last_error = None


def _where(thread: threading.Thread | None) -> str:
    frame = sys._current_frames().get(thread.ident) if thread is not None and thread.ident is not None else None  # noqa: SLF001  (the documented way to see another thread's stack)
    if frame is None:
        return "unknown"
    lines = traceback.extract_stack(frame)[-3:]
    return " > ".join(f"{line.filename.rpartition('/')[2]}:{line.lineno} {line.name}" for line in lines)
