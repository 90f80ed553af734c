"""Batches stored one after the other in a thread of its own, while the caller prepares the next.

    caller:  prepare 1 | prepare 2 | wait      | prepare 3 | ...
    thread:            | store 1 ............. | store 2 ............. | ...

Two batches are in memory at most: one that is being stored and one that is ready for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from cloud.consumers.prepare import Prepared
from cloud.consumers.records import IngestResult, StreamRecord

SWITCH_INTERVAL_S = 0.000_5
"""For ``sys.setswitchinterval`` in programs that run the ingest. A thread that has an answer of the database waits this
long for the interpreter when another one is decoding; Python's default of 5 ms, ten times a batch, costs a whole batch."""

Done = Callable[[IngestResult | BaseException], None]
"""Told, in the storing thread, what became of a batch: its result after the commit, or why nothing of it counts."""


class Store(Protocol):
    """What this needs of ``cloud.consumers.Ingest``."""

    def prepare(self, records: Sequence[StreamRecord]) -> Prepared:
        """Do what needs no database."""

    def store(self, prepared: Prepared) -> IngestResult:
        """Store a batch in one transaction."""


class Ahead:
    """For one caller.

    Args:
        store: where batches go, one at a time, in their order.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ingest-store")
        self._storing: Future[None] | None = None

    def write(self, records: Sequence[StreamRecord], on_done: Done) -> None:
        """Prepare a batch, wait until the one before is through, and hand it over."""
        prepared = self._store.prepare(records)
        self.wait()
        self._storing = self._thread.submit(self._run, prepared, on_done)

    def wait(self) -> None:
        """Until everything that was handed over is through.

        Raises:
            Exception: what ``on_done`` of the last batch raised.
        """
        storing, self._storing = self._storing, None
        if storing is not None:
            storing.result()

    def close(self) -> None:
        """Let the thread end after what it has. Safe twice."""
        self._thread.shutdown()

    def _run(self, prepared: Prepared, on_done: Done) -> None:
        try:
            outcome: IngestResult | BaseException = self._store.store(prepared)
        except Exception as error:  # noqa: BLE001  (handed over: whoever owns the batch decides)
            outcome = error
        on_done(outcome)
