"""A sink in memory that can be slow, absent or picky; it keeps the same protocol as the Kafka sinks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from bridge.errors import RecordRefusedError, SinkUnavailableError
from bridge.sink import Routed
from contracts.envelope import Envelope

OnDone = Callable[[BaseException | None], None]


class MemorySink:
    """Stores at once, unless told otherwise.

    Attributes:
        stored: everything durable, in order; repeats included.
        holding: while True batches wait in ``held`` for ``release``.
        away: while True every batch fails with SinkUnavailableError.
        largest: longer values are refused for good.
    """

    def __init__(self) -> None:
        self.stored: list[Routed] = []
        self.held: list[tuple[Sequence[Routed], OnDone]] = []
        self.holding = False
        self.away = False
        self.largest = 10_000_000
        self.attempts = 0
        self._lock = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        self._stopped = False

    def submit(self, batch: Sequence[Routed], on_done: OnDone) -> None:
        with self._lock:
            self.attempts += 1
            if self.holding:
                self.held.append((batch, on_done))
                return
        self._answer(batch, on_done)

    def release(self, which: int = 0) -> None:
        """Store one held batch, the oldest unless told otherwise."""
        with self._lock:
            batch, on_done = self.held.pop(which)
        self._answer(batch, on_done)

    def stop(self, *, timeout_s: float = 10.0) -> None:
        self._stopped = True
        with self._lock:
            held, self.held = self.held, []
        for _, on_done in held:
            on_done(SinkUnavailableError("the sink is stopped"))

    def sequences(self) -> list[int]:
        """Sequence numbers stored, in order."""
        return [routed.message.seq for routed in self.stored if isinstance(routed.message, Envelope)]

    def _answer(self, batch: Sequence[Routed], on_done: OnDone) -> None:
        if self._stopped or self.away:
            on_done(SinkUnavailableError("the store is away"))
            return
        refused = {i: "too large for memory" for i, routed in enumerate(batch) if len(routed.value) > self.largest}
        if refused:
            on_done(RecordRefusedError(refused))
            return
        with self._lock:
            self.stored.extend(batch)
        on_done(None)
