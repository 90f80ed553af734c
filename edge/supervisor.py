"""Keeps the agent's worker threads running: one that dies is started again, with back-off, and counted.

A worker is a function that runs until its stop event is set. Only the supervisor starts threads of the agent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
HEALTHY_AFTER_S = 60.0
"""A worker that ran this long has recovered: its next failure waits the shortest time again."""


@dataclass
class Worker:
    """One supervised thread."""

    name: str
    run: Callable[[threading.Event], None]
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    restarts: int = 0
    last_error: str | None = None


class Supervisor:
    """Starts workers, restarts those that die, stops them in the reverse order of their start."""

    def __init__(self) -> None:
        self._workers: list[Worker] = []

    def start(self, name: str, run: Callable[[threading.Event], None]) -> Worker:
        """Run ``run`` in a thread of its own until stopped."""
        worker = Worker(name, run)
        worker.thread = threading.Thread(target=self._supervise, args=(worker,), name=name, daemon=True)
        self._workers.append(worker)
        worker.thread.start()
        return worker

    def restarts(self) -> dict[str, int]:
        """How often each worker was started again."""
        return {worker.name: worker.restarts for worker in self._workers}

    def failing(self) -> tuple[str, ...]:
        """Names and last errors of workers that are waiting to be started again."""
        return tuple(f"{worker.name}: {worker.last_error}" for worker in self._workers if worker.last_error)

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

    @staticmethod
    def _supervise(worker: Worker) -> None:
        wait_s = FIRST_WAIT_S
        while not worker.stop.is_set():
            started = time.monotonic()
            try:
                worker.run(worker.stop)
            except Exception as error:  # a worker must never take the agent with it
                worker.last_error = f"{type(error).__name__}: {error}"
                log.exception("worker.failed", worker=worker.name)
            else:
                return  # it has finished its work, or was stopped
            wait_s = FIRST_WAIT_S if time.monotonic() - started > HEALTHY_AFTER_S else min(wait_s * 2, LONGEST_WAIT_S)
            if worker.stop.wait(wait_s):
                return
            worker.restarts += 1
            worker.last_error = None
