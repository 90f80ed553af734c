"""Messages between the broker's delivery and our acknowledgement: waiting, then in flight, then acknowledged in order.

The broker owns a message until its PUBACK; this window only remembers what we still owe, so forgetting all of it loses
nothing. PUBACKs leave in the order of arrival [MQTT-4.6.0-2] and only on the connection that brought the message: after
a reconnect packet ids name other messages.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime


class Delivery(NamedTuple):
    """One PUBLISH as it came from the broker.

    ``mid`` is 0 for QoS 0, which needs no acknowledgement; ``arrived`` is the monotonic twin of ``received_at``. ``trace`` is its
    ``traceparent``, where the settings ask for it.
    """

    topic: str
    payload: bytes
    mid: int
    received_at: datetime
    arrived: float
    trace: bytes | None = None


@dataclass(eq=False)
class Batch:
    """Deliveries that go through the flow together, in order of arrival, all of one connection."""

    number: int
    generation: int
    deliveries: Sequence[Delivery]
    done: bool = field(default=False)


@dataclass(frozen=True)
class Tally:
    """The books of the window at one instant: ``received == forwarded + dead_lettered + in_flight``, always.

    Attributes:
        delivered: messages that the broker sent, repeats included: received + waiting + returned.
        waiting: delivered, not yet taken by the flow.
        returned: left with the broker unread, because the connection went away or the bridge stopped.
        received: taken by the flow.
        acked: PUBACKs handed to the connection.
        oldest_age_s: seconds since the oldest unacknowledged message arrived; 0 when there is none.
    """

    delivered: int
    waiting: int
    returned: int
    received: int
    forwarded: int
    dead_lettered: Mapping[str, int]
    in_flight: int
    acked: int
    oldest_age_s: float


class InFlight:
    """Thread-safe window. The network thread puts in, the flow takes out, sink threads finish.

    Args:
        capacity: beyond this many messages ``full`` tells the connection to stop reading.
        acknowledge: sends PUBACKs for a generation, and says whether that connection still exists. Called under the
            window's lock, since two sink threads finishing together must not overtake each other.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        capacity: int,
        acknowledge: Callable[[int, Sequence[int]], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = capacity
        self._acknowledge = acknowledge
        self._clock = clock
        self._changed = threading.Condition()
        self._open = True
        self._generation = 0
        self._waiting: deque[Delivery] = deque()
        self._batches: deque[Batch] = deque()
        self._numbers = 0
        self._in_flight = 0
        self._delivered = self._returned = self._received = self._forwarded = self._acked = 0
        self._dead_lettered: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether more was delivered than the window holds. Read without the lock: one block late does not matter."""
        return len(self._waiting) + self._in_flight > self._capacity

    def arrive(self, generation: int, deliveries: Sequence[Delivery]) -> None:
        """Keep what the broker delivered on connection ``generation`` until the flow takes it."""
        with self._changed:
            self._delivered += len(deliveries)
            if not self._open or generation != self._generation:
                self._returned += len(deliveries)
                return
            self._waiting.extend(deliveries)
            self._changed.notify_all()

    def take(self, limit: int, timeout_s: float) -> Batch | None:
        """The next batch of at most ``limit`` messages, or None when nothing arrived in time."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(timeout_s)
            if not self._waiting:
                return None
            count = min(limit, len(self._waiting))
            deliveries = [self._waiting.popleft() for _ in range(count)]
            batch = Batch(self._numbers, self._generation, deliveries)
            self._numbers += 1
            self._batches.append(batch)
            self._received += count
            self._in_flight += count
            return batch

    def finish(self, batch: Batch, dead_lettered: Mapping[str, int]) -> None:
        """Everything of ``batch`` is durable: acknowledge it as soon as all that arrived before it is finished too."""
        with self._changed:
            if batch.done:
                return
            batch.done = True
            count = len(batch.deliveries)
            self._in_flight -= count
            self._dead_lettered.update(dead_lettered)
            self._forwarded += count - sum(dead_lettered.values())
            mids: list[int] = []
            while self._batches and self._batches[0].done:
                finished = self._batches.popleft()
                if finished.generation == self._generation:
                    mids.extend(delivery.mid for delivery in finished.deliveries if delivery.mid)
            if mids and self._acknowledge(self._generation, mids):
                self._acked += len(mids)
            self._changed.notify_all()

    def connection_lost(self, next_generation: int) -> None:
        """Forget what waits, since the broker delivers it again; what is in the flow finishes without a PUBACK."""
        with self._changed:
            self._generation = next_generation
            self._returned += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Take nothing more from the broker; what waits stays with it."""
        with self._changed:
            self._open = False
            self._returned += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until every taken batch is finished; says whether that happened in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight == 0, timeout_s)

    def tally(self) -> Tally:
        """The books at this instant, consistent with each other."""
        with self._changed:
            oldest = [batch.deliveries[0].arrived for batch in self._batches if batch.generation == self._generation][
                :1
            ]
            oldest += [self._waiting[0].arrived] if self._waiting else []
            return Tally(
                delivered=self._delivered,
                waiting=len(self._waiting),
                returned=self._returned,
                received=self._received,
                forwarded=self._forwarded,
                dead_lettered=dict(self._dead_lettered),
                in_flight=self._in_flight,
                acked=self._acked,
                oldest_age_s=max(0.0, self._clock() - min(oldest)) if oldest else 0.0,
            )
