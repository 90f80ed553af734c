"""Counts the answers of one batch, so that the sink answers the batch exactly once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bridge.errors import RecordRefusedError, SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable


class BatchTracker:
    """One batch on its way to Kafka. Answers when the last record has; any thread may report."""

    def __init__(self, records: int, on_done: Callable[[BaseException | None], None]) -> None:
        self._lock = threading.Lock()
        self._open = records
        self._on_done = on_done
        self._refused: dict[int, str] = {}
        self._failure: str | None = None

    def delivered(self) -> None:
        """One record is durable."""
        self._settle(1)

    def refused(self, index: int, reason: str) -> None:
        """Record ``index`` can never be stored."""
        with self._lock:
            self._refused[index] = reason
        self._settle(1)

    def failed(self, reason: str, *, records: int = 1) -> None:
        """``records`` of the batch were not stored this time."""
        with self._lock:
            self._failure = reason
        self._settle(records)

    def _settle(self, records: int) -> None:
        with self._lock:
            self._open -= records
            if self._open > 0 or records == 0:
                return
        if self._refused:  # before a failure: without these records the next attempt can succeed
            self._on_done(RecordRefusedError(self._refused))
        elif self._failure is not None:
            self._on_done(SinkUnavailableError(self._failure))
        else:
            self._on_done(None)
