"""Group commit: many threads hand work over and wait, one thread commits what waits in one transaction.

The disk is synced for alarms and counts before their producer goes on, and for everything else within ``SYNC_S``. So a kill
of the process takes nothing, and a power cut at most the last ``SYNC_S`` of telemetry and never an alarm.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import structlog

from edge.errors import OutboxUnavailableError

log = structlog.get_logger()

Work = TypeVar("Work")

GROUP_LIMIT = 256
"""Requests in one transaction: bounds how long the first of them waits."""
GROUP_WAIT_S = 0.02
"""Longest wait of the first request for others to share its sync of the disk with."""
SYNC_S = 1.0
"""Telemetry that a power cut may take, in seconds: how long a commit may stay in the kernel's memory alone."""


class Request(Generic[Work]):
    """Work, whether it must reach the disk, and the answer to whoever waits for it."""

    __slots__ = ("done", "durable", "error", "work")

    def __init__(self, work: Work, *, durable: bool) -> None:
        self.work = work
        self.durable = durable
        self.error: BaseException | None = None
        self.done = threading.Lock()  # ten times cheaper than an Event; there is one waiter
        self.done.acquire()

    def settle(self, error: BaseException | None = None) -> None:
        """Let the producer go on."""
        self.error = error
        self.done.release()


class Committer(Generic[Work]):
    """The thread that commits.

    Args:
        commit: commits a group and settles each request, whatever happens; gets whether the disk must be synced.
        close: called in the thread after the last group.
    """

    def __init__(self, commit: Callable[[Sequence[Request[Work]], bool], None], close: Callable[[], None]) -> None:
        self._commit = commit
        self._close = close
        self._requests: SimpleQueue[Request[Work] | None] = SimpleQueue()
        self._closing = threading.Event()
        self._expected = 1
        self._commit_s = 0.0
        self._thread = threading.Thread(target=self._run, name="outbox-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, work: Work, *, durable: bool) -> None:
        """Wait until ``work`` is committed; with ``durable`` until it is on the disk.

        Raises:
            OutboxUnavailableError: it is not committed.
        """
        if self._closing.is_set():
            raise OutboxUnavailableError("the outbox is closed")
        request = Request(work, durable=durable)
        self._requests.put(request)
        while not request.done.acquire(timeout=1.0):
            if not self._thread.is_alive():
                raise OutboxUnavailableError("the outbox has stopped writing")
        if request.error is not None:
            raise OutboxUnavailableError(str(request.error)) from request.error

    def close(self, *, timeout_s: float) -> bool:
        """Commit what waits and end the thread; False when it was closed before."""
        if self._closing.is_set():
            return False
        self._closing.set()
        self._requests.put(None)
        self._thread.join(timeout_s)
        return True

    def _run(self) -> None:
        unsynced_since_s: float | None = None
        stop = False
        while not stop:
            group: list[Request[Work]] = []
            with contextlib.suppress(Empty):  # nothing came; what was committed meanwhile is due for the disk
                stop = self._collect(group, unsynced_since_s)
            now_s = time.monotonic()
            overdue = unsynced_since_s is not None and (stop or now_s - unsynced_since_s >= SYNC_S)
            sync = overdue or any(request.durable for request in group)
            if group or sync:
                self._commit(group, sync)
                self._commit_s = time.monotonic() - now_s
                unsynced_since_s = None if sync else unsynced_since_s if unsynced_since_s is not None else now_s
        self._close()

    def _collect(self, group: list[Request[Work]], unsynced_since_s: float | None) -> bool:
        """Fill ``group`` with what waits; True when it is time to stop.

        When many producers shared the last sync they will be back: the first of them waits for the others, at most about as
        long as a commit takes. A single producer never waits.
        """
        wait_s = None if unsynced_since_s is None else max(0.0, unsynced_since_s + SYNC_S - time.monotonic())
        first = self._requests.get(timeout=wait_s)
        deadline_s = time.monotonic() + min(GROUP_WAIT_S, 2 * self._commit_s)
        while first is not None:
            group.append(first)
            if len(group) >= GROUP_LIMIT:
                break
            try:
                first = self._requests.get_nowait()
            except Empty:
                left_s = deadline_s - time.monotonic()
                if len(group) >= self._expected or left_s <= 0:
                    break
                try:
                    first = self._requests.get(timeout=left_s)
                except Empty:
                    break
        self._expected = len(group)
        return first is None
