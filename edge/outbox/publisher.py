"""Rows of the outbox to the broker: alarms first, then live, live images, then backfill, at most a window in flight.

A PUBACK only advances the window: a broker may forget. A row is deleted when the store's committed watermark covers it,
and sent again when the store has not confirmed it long after its PUBACK, or after a new connection. Everything happens in
one thread that eats events, so there are no locks. Whether a message is backfill is decided when it is sent.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog

from contracts.devices import Watermark
from contracts.topics import uplink
from edge.clock import Clock
from edge.errors import LinkDownError, OutboxUnavailableError
from edge.messaging.state import Acknowledged, Committed, Connected, Disconnected, LinkEvent
from edge.outbox.budget import Budget
from edge.outbox.rules import PRIORITY_OF_KIND, Priority, covered, due_for_resend, highest_covered, waits_for_floor
from edge.outbox.store import Outbox, Row
from edge.outbox.traces import MessageTraces
from edge.stages import Stages

log = structlog.get_logger()

WATERMARK_WAIT_S = 2.0
"""How long a new connection waits for the retained watermark before it sends everything it has."""
UNCONFIRMED_LIMIT = 10_000
"""Rows that may be acknowledged by the broker and not yet confirmed by the store; bounds memory, the rest waits on disk."""
IN_FLIGHT_BYTES = 1_000_000
"""Bytes in flight beyond which only alarms are handed over: on a slow link an alarm must not wait behind images."""
FLOOR_EVERY_S = 1.0
"""Seconds between two heartbeats that a backlog with many gaps calls for."""
MAX_DEFERRED = 40
"""Live images that may wait for the bandwidth budget; each is a gap for the store, which reports 64. The oldest beyond are
dropped: a link that cannot carry the images of a day will not carry them tomorrow."""
BACKFILL_PER_S = 800
"""Messages of a backlog per second. It drains hundreds of times faster than it grew, and a live message that comes finds the
link, the broker and this process nearly free. A pace and not a small window: over a satellite every message takes a second."""
BACKFILL_AT_ONCE = 4
IDLE_S = 0.5
AGE_STEP_S = 0.5
_CHUNK_ROWS = 20
_LIVE = (Priority.COUNT, Priority.TELEMETRY)
_BACKFILL = (Priority.COUNT, Priority.TELEMETRY, Priority.EVIDENCE)
_ENVELOPE = '{"v":1,"site":"%s","device":"%s","boot":"%s","stream":"%s","seq":%d,"sent_at":"%s","time_trusted":%s,"backfill":%s,%s"body":'


class Link(Protocol):
    """What the publisher asks of a connection to the broker."""

    @property
    def max_payload_bytes(self) -> int:
        """Largest message that the broker takes."""
        ...

    def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:
        """Hand one QoS 1 message over, with its ``traceparent`` where it has one; returns the id that its PUBACK will name.

        Raises:
            LinkDownError: not connected; nothing was handed over.
        """
        ...


def compose(row: Row, *, site: str, device: str, backfill: bool, offset_us: int | None = None) -> bytes:
    """The envelope of a row as bytes; the body is not decoded again.

    A message never changes under its sequence: stamps of a free-running clock stay, and the offset goes with them.
    """
    free_clock = ""
    if row.timeline is not None:
        offset = "" if offset_us is None else f',"offset_us":{offset_us}'
        free_clock = f'"free_clock":{{"timeline":"{row.timeline}"{offset}}},'
    head = _ENVELOPE % (
        site,
        device,
        row.boot,
        row.stream,
        row.seq,
        row.sent_at.isoformat(),
        "true" if row.trusted else "false",
        "true" if backfill else "false",
        free_clock,
    )
    return head.encode() + row.body + b"}"


@dataclass
class PublisherStats:
    """Counts since the start, for metrics and the page."""

    sent: int = 0
    resent: int = 0
    acknowledged: int = 0
    released: int = 0
    in_flight: int = 0
    unconfirmed: int = 0
    watermark: int = 0


class Publisher:
    """Sends what the outbox holds and deletes what the store has.

    Args:
        window: messages in flight to the broker (handed over, no PUBACK yet).
        resend_after_s: wait after a PUBACK before a row that the store has not confirmed is sent again.
        backfill_after_s: a message older than this when it is sent is flagged as backfill.
        budget: bytes per second; None is no bound.
        on_stream_restart: the file was older than the store; its rows have been numbered anew.
        stages: gets how long messages take.
        on_gaps: the store waits for sequences that were dropped; a heartbeat tells it where to go on.
        traces: names and follows the traces of messages; None: nothing is traced.
    """

    def __init__(
        self,
        outbox: Outbox,
        link: Link,
        *,
        site: str,
        device: str,
        clock: Clock,
        window: int = 100,
        resend_after_s: float = 30.0,
        backfill_after_s: float = 30.0,
        budget: Budget | None = None,
        on_stream_restart: Callable[[], None] = lambda: None,
        on_gaps: Callable[[], None] = lambda: None,
        stages: Stages | None = None,
        traces: MessageTraces | None = None,
    ) -> None:
        self._traces = traces
        self._stages = stages or Stages()
        self.stats = PublisherStats()
        self._outbox = outbox
        self._link = link
        self._site, self._device = site, device
        self._clock = clock
        self._window = window
        self._resend_after_s = resend_after_s
        self._backfill_after_s = backfill_after_s
        self._budget = budget or Budget(None, evidence_share=0, now_s=clock.monotonic())
        self._on_stream_restart = on_stream_restart
        self._on_gaps = on_gaps
        self._floor_told_s = float("-inf")
        self._events: SimpleQueue[LinkEvent | None] = SimpleQueue()
        self._awake = False
        self._in_flight: dict[int, tuple[int, int, float | None]] = {}
        """By the id of the PUBACK: sequence, bytes, and of a live message the monotonic second that it was persisted."""
        self._in_flight_bytes = 0
        self._acked: dict[int, tuple[float, int]] = {}
        self._attempts: dict[int, int] = {}
        self._again: deque[int] = deque()
        self._send_from_s: float | None = None
        self._backfill_from_s = 0.0
        self._pause_s = IDLE_S
        self._connected = False
        self._stream = ""
        self._alarm_cursor = self._live_cursor = self._image_cursor = self._backfill_cursor = self._boundary = 0
        self._pending: Watermark | None = None
        self._old_up_to = outbox.last_seq
        self._ages: deque[tuple[float, int]] = deque()
        self._noted = (float("-inf"), self._old_up_to)
        outbox.on_accepted(self._wake)

    def handle(self, event: LinkEvent) -> None:
        """Take note of something that happened on the link; may be called from any thread and returns at once."""
        self._events.put(event)

    def run(self, stop: threading.Event) -> None:
        """Send until ``stop`` is set."""
        while not stop.is_set():
            self._take_events(timeout_s=self._pause_s)
            self._pause_s = IDLE_S
            try:
                self._apply_watermark()
                self._pump()
            except LinkDownError:
                self._connected = False
            except OutboxUnavailableError as error:
                log.warning("publisher.waits", reason=str(error))
                stop.wait(1.0)
            self._publish_stats()

    def idle(self) -> bool:
        """True when everything the outbox holds has been handed to the broker and acknowledged."""
        return not self._in_flight and self._live_cursor >= self._outbox.last_seq

    # -- events --------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._note_age()
        if not self._awake:  # one wake-up is enough for any number of commits
            self._awake = True
            self._events.put(None)

    def _note_age(self) -> None:
        """Remember, once a second, how far the outbox was; what has waited is known without a wall clock."""
        now_s, last = self._clock.monotonic(), self._outbox.last_seq
        noted_s, noted = self._noted  # two threads come here; the worst is one note too many
        if last > noted and now_s - noted_s >= AGE_STEP_S:
            self._noted = (now_s, last)
            self._ages.append((now_s, last))

    def _has_waited(self, seq: int) -> bool:
        """Whether a row is older than ``backfill_after_s``, or of an earlier life of the agent."""
        while self._ages and self._clock.monotonic() - self._ages[0][0] > self._backfill_after_s:
            self._old_up_to = self._ages.popleft()[1]
        return seq <= self._old_up_to

    def _take_events(self, *, timeout_s: float) -> None:
        try:
            event = self._events.get(timeout=timeout_s)
            while True:
                self._note(event)
                event = self._events.get_nowait()
        except Empty:
            return

    def _note(self, event: LinkEvent | None) -> None:
        if event is None:
            self._awake = False
        elif isinstance(event, Acknowledged):
            self._acknowledged(event.mid)
        elif isinstance(event, Committed):
            self._pending = event.watermark
            if self._send_from_s is not None:
                self._send_from_s = 0.0
        elif isinstance(event, Connected):
            self._connected = True
            self._boundary = self._outbox.last_seq
            self._send_from_s = self._clock.monotonic() + WATERMARK_WAIT_S
        elif isinstance(event, Disconnected):
            self._connected = False
            self._forget_in_flight()  # their acknowledgements will never come; the next connection sends them again

    def _acknowledged(self, mid: int) -> None:
        seq, size, persisted_s = self._in_flight.pop(mid, (None, 0, None))
        if self._traces is not None:
            self._traces.acknowledged(mid)
        if seq is None:
            return  # the birth message, or a message of an earlier stream
        self._in_flight_bytes -= size
        self.stats.acknowledged += 1
        attempt = self._attempts.pop(seq, 0) + 1
        now_s = self._clock.monotonic()
        self._acked[seq] = (now_s, attempt)
        if persisted_s is not None:
            self._stages.message_puback.observe(now_s - persisted_s)

    # -- the store's word ----------------------------------------------------------------------------------------

    def _apply_watermark(self) -> None:
        if self._outbox.stream != self._stream:
            self._begin_stream()
        watermark, self._pending = self._pending, None
        if watermark is None or watermark.stream != self._stream:
            return
        if highest_covered(watermark) > self._outbox.last_seq:
            log.warning("outbox.behind_store", committed=highest_covered(watermark), last=self._outbox.last_seq)
            self._outbox.restart_stream()
            self._begin_stream()
            self._on_stream_restart()
            return
        self._outbox.release(watermark.committed, watermark.above)
        self.stats.watermark = watermark.committed
        if waits_for_floor(watermark) and self._clock.monotonic() - self._floor_told_s >= FLOOR_EVERY_S:
            self._floor_told_s = self._clock.monotonic()
            self._on_gaps()
        for seq in [seq for seq in self._acked if covered(watermark, seq)]:
            self._stages.message_commit.observe(self._clock.monotonic() - self._acked.pop(seq)[0])
            self.stats.released += 1

    def _begin_stream(self) -> None:
        if self._stream:  # the rows that wait have other numbers now
            self._old_up_to = self._outbox.last_seq
            self._noted = (float("-inf"), self._old_up_to)
            self._ages.clear()
        self._stream = self._outbox.stream
        self._forget_in_flight()
        self._boundary = self._outbox.last_seq
        self._begin_sending()

    def _begin_sending(self) -> None:
        """After a new connection or in a new stream: everything that is not confirmed goes again, live first.

        Live is what was accepted after the boundary, the moment of connecting.
        """
        self._live_cursor = self._image_cursor = self._boundary
        self._alarm_cursor = self._backfill_cursor = 0
        self._acked.clear()
        self._attempts.clear()
        self._again.clear()

    # -- sending -------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        self._note_age()
        if not self._connected:
            return
        now = self._clock.monotonic()
        if self._send_from_s is not None:
            if now < self._send_from_s:
                return
            self._send_from_s = None
            self._begin_sending()
        if not self._again:
            self._again.extend(due_for_resend(self._acked, now_s=now, first_s=self._resend_after_s))
        lanes = (self._send_alarms, self._send_live, self._send_images, self._send_again, self._send_backfill)
        # The first lane that has something wins, then all over again; events are looked at in between.
        while self._room() and self._events.empty():
            if not any(lane() for lane in lanes):
                return

    def _room(self) -> int:
        """Messages that may still be handed over."""
        return self._window - len(self._in_flight)

    def _is_full(self) -> bool:
        """Whether everything but alarms must wait."""
        too_many = len(self._acked) >= UNCONFIRMED_LIMIT
        return too_many or self._in_flight_bytes >= IN_FLIGHT_BYTES or not self._room()

    def _send_alarms(self) -> bool:
        last = self._outbox.last_seq
        if self._alarm_cursor >= last:
            return False
        rows = self._outbox.rows_after(
            self._alarm_cursor, limit=min(_CHUNK_ROWS, self._room()), classes=(Priority.ALARM,)
        )
        for row in rows:
            self._send(row)
            self._alarm_cursor = row.seq
        if not rows:
            self._alarm_cursor = last
        return bool(rows)

    def _send_live(self) -> bool:
        self._live_cursor, sent = self._send_some(self._live_cursor, self._outbox.last_seq, _LIVE)
        return sent

    def _send_images(self) -> bool:
        if self._image_cursor >= self._outbox.last_seq:
            return False
        deferred = self._outbox.waiting(Priority.EVIDENCE, after=self._image_cursor, limit=_CHUNK_ROWS + MAX_DEFERRED)
        if len(deferred) > MAX_DEFERRED and not self._may_send(Priority.EVIDENCE):
            self._outbox.discard(deferred[:-MAX_DEFERRED])
        self._image_cursor, sent = self._send_some(self._image_cursor, self._outbox.last_seq, (Priority.EVIDENCE,))
        return sent

    def _send_again(self) -> bool:
        while self._again and not self._is_full():
            seq = self._again.popleft()
            row = self._outbox.row(seq)
            if row is not None and not self._may_send(PRIORITY_OF_KIND[row.kind]):
                continue  # still due when all that are due are looked at again
            _, attempt = self._acked.pop(seq, (0.0, 0))
            if row is not None and attempt:
                self._attempts[seq] = attempt
                self.stats.resent += 1
                self._send(row)
                return True
        return False

    def _send_backfill(self) -> bool:
        """In sequence order whatever the class: skipping a class would leave the store with more gaps than it reports."""
        now_s = self._clock.monotonic()
        if self._backfill_from_s > now_s:
            if self._backfill_cursor < self._boundary:
                self._pause_s = min(IDLE_S, self._backfill_from_s - now_s)
            return False
        before = self.stats.sent
        self._backfill_cursor, sent = self._send_some(
            self._backfill_cursor, self._boundary, _BACKFILL, at_most=BACKFILL_AT_ONCE
        )
        self._backfill_from_s = now_s + (self.stats.sent - before) / BACKFILL_PER_S
        return sent

    def _send_some(
        self, cursor: int, last: int, classes: tuple[Priority, ...], *, at_most: int = _CHUNK_ROWS
    ) -> tuple[int, bool]:
        """Send rows after ``cursor`` while there is room; the new cursor, and whether anything was sent."""
        if (
            cursor >= last
            or at_most <= 0
            or self._is_full()
            or not any(self._may_send(priority) for priority in classes)
        ):
            return cursor, False
        rows = self._outbox.rows_after(cursor, limit=min(at_most, _CHUNK_ROWS), up_to=last, classes=classes)
        if not rows:
            return last, False
        before = cursor
        for row in rows:
            if self._is_full() or not self._may_send(PRIORITY_OF_KIND[row.kind]):
                break
            self._send(row)
            cursor = row.seq
        return cursor, cursor > before

    def _may_send(self, priority: Priority) -> bool:
        return self._budget.allows(priority, self._clock.monotonic())

    def _send(self, row: Row) -> None:
        backfill = self._has_waited(row.seq)
        offset_us = None if row.timeline is None else self._clock.offset_us(row.timeline)
        payload = compose(row, site=self._site, device=self._device, backfill=backfill, offset_us=offset_us)
        if len(payload) > self._link.max_payload_bytes:
            log.error("outbox.too_large_for_uplink", seq=row.seq, kind=row.kind.value, bytes=len(payload))
            self._outbox.discard([row.seq])
            return
        trace = None if self._traces is None else self._traces.of(row)
        mid = self._link.publish(uplink(self._site, self._device, row.kind), payload, trace)
        if self._traces is not None and trace is not None:
            self._traces.sent(mid, trace, row, size=len(payload), backfill=backfill)
        self._budget.spend(PRIORITY_OF_KIND[row.kind], len(payload), self._clock.monotonic())
        self._in_flight[mid] = (row.seq, len(payload), None if backfill else self._persisted_s(row))
        self._in_flight_bytes += len(payload)
        self.stats.sent += 1

    def _persisted_s(self, row: Row) -> float | None:
        """When a row was persisted, on the monotonic clock; None where its stamp is on another clock than the present one."""
        now, timeline = self._clock.label()
        if row.timeline != timeline:
            return None
        return self._clock.monotonic() - max(0.0, (now - row.sent_at).total_seconds())

    def _forget_in_flight(self) -> None:
        self._in_flight.clear()
        self._in_flight_bytes = 0
        if self._traces is not None:
            self._traces.forget()

    def _publish_stats(self) -> None:
        self.stats.in_flight = len(self._in_flight)
        self.stats.unconfirmed = len(self._acked)
