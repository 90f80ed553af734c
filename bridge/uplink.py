"""The uplink: source -> decode -> authorize -> route -> sink, in batches, acknowledged only when durable.

One thread walks the flow. The network thread only fills the window, and sinks answer from their own threads, so a slow
or absent store holds messages back at the broker while the MQTT connection stays up.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from bridge.dead_letter import DeadLetterLimit
from bridge.errors import NumbersUnavailableError, RecordRefusedError, UplinkBrokenError
from bridge.inflight import Batch, InFlight
from bridge.source import MqttSource
from bridge.walk import Walk
from contracts.dead_letters import DeadLetter
from contracts.errors import InvalidMessageError
from contracts.traces import TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.inflight import Delivery, Tally
    from bridge.settings import BridgeSettings
    from bridge.sink import Routed, Sink
    from bridge.source import SourceState

log = structlog.get_logger()

_TAKE_S = 0.2
_RESOLVE_S = 1.0
_WATCH_S = 2.0
_CUT_AGAIN_BYTES = 16_000


@dataclass(frozen=True)
class UplinkState:
    """How the uplink stands: the books, the connection, and what keeps it from forwarding, in words.

    Attributes:
        alive: both threads run; False calls for a restart of the process.
        obstacles: empty when ready.
    """

    tally: Tally
    source: SourceState
    alive: bool
    paused_for_dead_letters: bool
    sink_failures: int
    obstacles: tuple[str, ...]


@dataclass
class _Submission:
    """A batch on its way through the sink, for as long as that takes."""

    batch: Batch
    routed: list[Routed]

    def dead_lettered(self) -> Counter[str]:
        return Counter(routed.message.reason for routed in self.routed if isinstance(routed.message, DeadLetter))


class Uplink:
    """Carries uplink messages from the MQTT broker into ``sink``; owns both from ``start`` to ``stop``.

    Args:
        settings: all of the bridge's.
        sink: where routed messages become durable.
        typed: False for a sink that takes bytes alone; it spares the objects of every message in flight.
    """

    def __init__(self, settings: BridgeSettings, sink: Sink, *, typed: bool = True) -> None:
        self._settings = settings
        self._sink = sink
        self._walk = Walk(settings, typed=typed)
        self._window = InFlight(settings.window, self._acknowledge)
        self._source = MqttSource(settings, self._window)
        self._limit = DeadLetterLimit(settings.dead_letter_rate_per_s, settings.dead_letter_burst)
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._outstanding = 0
        self._failed: list[_Submission] = []
        self._attempt = 0
        self._sink_failures = 0
        self._sink_error: str | None = None
        self._paused = False
        self._flow: threading.Thread | None = None

    def start(self) -> None:
        """Start the sink, then the flow, then connect. Returns at once; nothing needs to be reachable yet."""
        self._sink.start()
        self._flow = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._flow.start()
        self._source.start()

    def stop(self) -> None:
        """Drain: take no more, finish what is in the sink, acknowledge it, disconnect. Safe twice.

        What is not finished within ``drain_timeout_s`` stays un-acknowledged: the broker delivers it to the next process.
        """
        if self._stopping.is_set():
            self._stopped.wait(self._settings.drain_timeout_s + 15)
            return
        self._stopping.set()
        self._window.close()
        with self._changed:
            self._changed.notify_all()
        if self._flow is not None:
            self._flow.join(self._settings.drain_timeout_s)
        drained = self._window.wait_until_empty(self._settings.drain_timeout_s) if not self._failed else False
        self._sink.stop(timeout_s=self._settings.drain_timeout_s)
        self._source.stop()
        self._walk.close()
        tally = self._window.tally()
        log.info(
            "uplink.stopped", drained=drained, acked=tally.acked, left_with_broker=tally.in_flight + tally.returned
        )
        self._stopped.set()

    def run_forever(self) -> None:
        """Start and block until ``stop`` is called from another thread.

        Raises:
            UplinkBrokenError: a thread ended by a fault; only a new process can go on.
        """
        self.start()
        while not self._stopped.wait(_WATCH_S):
            if not self._stopping.is_set() and not self.state().alive:
                raise UplinkBrokenError("a thread of the uplink has ended; start the bridge again")

    def state(self) -> UplinkState:
        """How it goes, for health and metrics."""
        source = self._source.state()
        alive = source.running and self._flow is not None and self._flow.is_alive()
        obstacles = []
        if not source.subscribed:
            reason = source.refusal or (f"refused: {', '.join(source.refused)}" if source.refused else "connecting")
            obstacles.append(f"not subscribed at the MQTT broker: {reason}")
        if self._sink_error is not None:
            obstacles.append(f"the sink fails: {self._sink_error}")
        if self._paused:
            obstacles.append("too many dead letters: paused")
        if self._stopping.is_set():
            obstacles.append("stopping")
        return UplinkState(
            tally=self._window.tally(),
            source=source,
            alive=alive,
            paused_for_dead_letters=self._paused,
            sink_failures=self._sink_failures,
            obstacles=tuple(obstacles),
        )

    # The flow, on its own thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._failed:
                self._try_again()
            elif (batch := self._window.take(self._settings.batch_max, _TAKE_S)) is not None:
                self._forward(batch)

    def _forward(self, batch: Batch) -> None:
        """The sentence of the bridge, for one batch."""
        routed = self._walked(batch)
        if routed is None:  # stopped: the broker keeps it
            return
        submission = _Submission(batch, routed)
        self._wait_for_dead_letters(submission.dead_lettered().total())
        if self._stopping.is_set():
            self._failed.append(submission)
        else:
            self._submit(submission)

    def _walked(self, batch: Batch) -> list[Routed] | None:
        """Every message with its destination, and the numbers of adapted ones durable; waits while those cannot be."""
        while not self._stopping.is_set():
            try:
                routed = [self._walk.one(each.topic, each.payload, each.received_at) for each in batch.deliveries]
                if self._settings.traces:
                    routed = [_traced(*each) for each in zip(routed, batch.deliveries, strict=True)]
                self._walk.commit()
            except NumbersUnavailableError as error:  # noqa: PERF203  (the loop is the retry)
                if self._sink_error is None:
                    log.warning("uplink.numbers_failed", reason=str(error))
                self._sink_error = str(error)
                self._stopping.wait(self._settings.retry_max_s)
            else:
                return routed
        return None

    def _wait_for_dead_letters(self, letters: int) -> None:
        wait_s = self._limit.spend(letters, time.monotonic())
        if wait_s <= 0:
            return
        self._paused = True
        log.error("uplink.paused_for_dead_letters", letters=letters, wait_s=round(wait_s, 1))
        self._stopping.wait(wait_s)
        self._paused = False

    # The hand-over to the sink and its answer

    def _submit(self, submission: _Submission) -> None:
        answered = threading.Lock()

        def on_done(error: BaseException | None) -> None:
            if answered.acquire(blocking=False):  # a sink that answers twice must not spoil the books
                self._answered(submission, error)

        with self._changed:
            self._outstanding += 1
        try:
            self._sink.submit(submission.routed, on_done)
        except Exception as error:
            log.exception("uplink.sink_raised")
            on_done(error)

    def _answered(self, submission: _Submission, error: BaseException | None) -> None:
        if error is None:
            self._window.finish(submission.batch, submission.dead_lettered())
        with self._changed:
            self._outstanding -= 1
            if error is None:
                self._attempt, self._sink_error = 0, None
            elif isinstance(error, RecordRefusedError):
                submission.routed = self._without_refused(submission, error)
                self._failed.append(submission)
            else:
                self._sink_failures += 1
                self._sink_error = str(error)
                self._failed.append(submission)
                if self._attempt == 0:
                    log.warning("uplink.sink_failed", kind=type(error).__name__, reason=str(error))
            self._changed.notify_all()

    def _without_refused(self, submission: _Submission, error: RecordRefusedError) -> list[Routed]:
        """The batch with the records that the sink will never take replaced by their dead letters."""
        routed = list(submission.routed)
        for index, reason in error.refused.items():
            delivery = submission.batch.deliveries[index]
            refusal = InvalidMessageError("refused_by_sink", reason)
            again = isinstance(routed[index].message, DeadLetter)  # even the letter is too large
            letter = self._walk.refuse(
                delivery.topic,
                delivery.payload,
                delivery.received_at,
                stage="store",
                error=refusal,
                max_bytes=_CUT_AGAIN_BYTES if again else 0,
            )
            routed[index] = replace(letter, received_at=delivery.received_at)
        return routed

    def _try_again(self) -> None:
        """Submit what failed once more, in its order, after all other answers are in and a growing wait."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._outstanding == 0 or self._stopping.is_set(), _RESOLVE_S):
                return
            self._failed.sort(key=lambda submission: submission.batch.number)
            failed, self._failed = self._failed, []
            refused_only = self._sink_error is None
        if not refused_only:
            wait_s = min(self._settings.retry_max_s, self._settings.retry_min_s * 2 ** min(self._attempt, 16))
            self._attempt += 1
            self._stopping.wait(wait_s)
        for submission in failed:
            if self._stopping.is_set():
                self._failed.append(submission)
            else:
                self._submit(submission)

    def _acknowledge(self, generation: int, mids: Sequence[int]) -> bool:
        return self._source.acknowledge(generation, mids)


def _traced(routed: Routed, delivery: Delivery) -> Routed:
    """The record with its sender's trace, where it has one."""
    if delivery.trace is None:
        return routed
    return replace(routed, headers=(*routed.headers, (TRACEPARENT, delivery.trace)))
