"""Pictures of concurrent requests go through a model together.

One thread per loaded version takes what waits, up to a batch. It only waits for more when it knows of more: a request that
is alone is never held up, and the longest wait is bounded. The queue is bounded too: what finds it full is refused at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class QueueFullError(Exception):
    """As many pictures wait as may; nothing was queued."""


class MicroBatcher(Generic[Item, Result]):
    """Collects single calls into batches.

    Args:
        run: takes up to ``max_batch`` items and returns a result, or the error, for each.
        max_batch: items per call.
        max_wait_s: how long a batch waits for items that are on their way.
        max_queue: items that may wait.
        name: of the thread.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        *,
        max_batch: int,
        max_wait_s: float,
        max_queue: int,
        name: str = "predict",
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._max_wait_s = max_wait_s
        self._max_queue = max_queue
        self._name = name
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._changed = threading.Condition()
        self._arriving = 0
        self._running = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Items in the queue."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether anything is queued, under way or announced."""
        with self._changed:
            return bool(self._waiting or self._running or self._arriving)

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Announce an item while it is prepared, so that a batch knows that waiting is worth it."""
        with self._changed:
            self._arriving += 1
        try:
            yield
        finally:
            with self._changed:
                self._arriving -= 1
                self._changed.notify()

    def submit(self, item: Item) -> Future[Result]:
        """Queue one item.

        Raises:
            QueueFullError: too many wait, or the batcher is closed.
        """
        future: Future[Result] = Future()
        with self._changed:
            if self._closing or len(self._waiting) >= self._max_queue:
                raise QueueFullError
            self._waiting.append((item, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()
        return future

    def close(self) -> None:
        """Take no more; what waits is still done. Does not wait. Safe twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread of a closed batcher."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while batch := self._take():
            # Whoever asked may have gone meanwhile.
            batch = [(item, future) for item, future in batch if future.set_running_or_notify_cancel()]
            try:
                results: Sequence[Result | Exception] = self._run([item for item, _ in batch]) if batch else []
            except Exception as error:  # noqa: BLE001 - told to everybody who waits
                results = [error] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
            with self._changed:
                self._running = 0

    def _take(self) -> list[tuple[Item, Future[Result]]]:
        """The next batch; empty when closed and nothing waits."""
        with self._changed:
            while not self._waiting:
                if self._closing:
                    return []
                self._changed.wait()
            deadline = time.monotonic() + self._max_wait_s
            while len(self._waiting) < self._max_batch and self._arriving and not self._closing:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            taken = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
            self._running = len(taken)
            return taken
