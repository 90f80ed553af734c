"""The consumer loop against a consumer in memory: what is committed, what is kept while waiting, what is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import pytest

from cloud.kit.stream import BatchLimits, Partition, StreamError, StreamLoop, StreamMessage
from contracts.errors import RetryableError
from tests.cloud.messages import NOON


def message(offset: int, *, partition: int = 0, size: int = 10) -> StreamMessage:
    return StreamMessage("sensor-data", partition, offset, b"key", b"x" * size, NOON)


class MemoryConsumer:
    """Hands out messages once per membership, from the committed offset on."""

    def __init__(self, messages: Sequence[StreamMessage], committed: dict[Partition, int]) -> None:
        self._waiting = [m for m in messages if m.offset >= committed.get((m.topic, m.partition), 0)]
        self.committed = committed
        self.commit_fails = 0
        self.handed_while_waiting: list[StreamMessage] = []
        self.closed = False

    def poll(self, *, max_messages: int, timeout_s: float) -> list[StreamMessage]:
        assert timeout_s > 0
        taken, self._waiting = self._waiting[:max_messages], self._waiting[max_messages:]
        return taken

    def keep_alive(self, timeout_s: float) -> list[StreamMessage]:
        threading.Event().wait(min(timeout_s, 0.005))
        taken, self._waiting = self._waiting[:1], self._waiting[1:]
        self.handed_while_waiting += taken
        return taken

    def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        if self.commit_fails:
            self.commit_fails -= 1
            raise StreamError("a rebalance came first")
        self.committed.update(next_offsets)

    def close(self) -> None:
        self.closed = True


class Handled:
    """Work that hands its messages to a function of the test."""

    def __init__(self, handle: Callable[[Sequence[StreamMessage]], None]) -> None:
        self._handle = handle
        self._messages: list[StreamMessage] = []

    def add(self, messages: Sequence[StreamMessage]) -> None:
        self._messages += messages

    def store(self) -> None:
        self._handle(self._messages)


class Run:
    """A loop over messages that stops when the handler has seen the last of them."""

    def __init__(
        self,
        messages: Sequence[StreamMessage],
        *,
        limits: BatchLimits | None = None,
        handle: Callable[[Sequence[StreamMessage]], None] = lambda _batch: None,
        commit_fails: int = 0,
    ) -> None:
        self.work: Callable[[Callable[[Sequence[StreamMessage]], None]], Handled] = Handled
        self.batches: list[list[int]] = []
        self.committed: dict[Partition, int] = {}
        self.consumers: list[MemoryConsumer] = []
        self.retries = 0
        fails = [commit_fails]

        def opened() -> MemoryConsumer:
            consumer = MemoryConsumer(messages, self.committed)
            consumer.commit_fails, fails[0] = fails[0], 0
            self.consumers.append(consumer)
            return consumer

        def handled(batch: Sequence[StreamMessage]) -> None:
            handle(batch)
            self.batches.append([m.offset for m in batch])
            expected = len({(m.partition, m.offset) for m in messages})
            if len(self.consumers) > commit_fails and sum(map(len, self.batches)) >= expected:
                loop.stop()

        def retried() -> None:
            self.retries += 1

        loop = StreamLoop(
            "test",
            open_consumer=opened,
            begin=lambda: self.work(handled),
            limits=limits or BatchLimits(messages=100, bytes=10_000, wait_s=0.02),
            on_retry=retried,
        )
        self.loop = loop


def test_each_partition_is_committed_behind_its_last_message_and_the_group_is_left() -> None:
    run = Run([message(0), message(1), message(0, partition=3), message(2)])
    run.loop.run()
    assert run.committed == {("sensor-data", 0): 3, ("sensor-data", 3): 1}
    assert run.consumers[0].closed


def test_batches_end_at_the_count_and_at_the_size() -> None:
    limits = BatchLimits(messages=3, bytes=1_000, wait_s=0.02)
    run = Run([*(message(n) for n in range(4)), message(4, size=2_000), message(5)], limits=limits)
    run.loop.run()
    assert max(map(len, run.batches)) <= 3
    assert sorted(chain.from_iterable(run.batches)) == [0, 1, 2, 3, 4, 5]


def test_nothing_is_committed_until_the_handler_succeeds_and_nothing_that_came_meanwhile_is_lost() -> None:
    tries = 0

    def away_twice(_batch: Sequence[StreamMessage]) -> None:
        nonlocal tries
        tries += 1
        if tries <= 2:
            assert run.committed == {}
            raise RetryableError("the database is away")

    run = Run(
        [message(n) for n in range(5)], limits=BatchLimits(messages=2, bytes=10_000, wait_s=0.02), handle=away_twice
    )
    run.loop.run()
    assert run.retries == 2
    assert run.consumers[0].handed_while_waiting
    assert run.batches[0] == [0, 1]
    assert list(chain.from_iterable(run.batches)) == [0, 1, 2, 3, 4]
    assert run.committed == {("sensor-data", 0): 5}


def test_a_refused_commit_makes_the_messages_come_again() -> None:
    run = Run([message(0), message(1)], commit_fails=1)
    run.loop.run()
    assert [len(batch) for batch in run.batches] == [2, 2]
    assert [consumer.closed for consumer in run.consumers] == [True, True]
    assert run.committed == {("sensor-data", 0): 2}


def test_a_fault_of_our_own_ends_the_loop_uncommitted() -> None:
    def broken(_batch: Sequence[StreamMessage]) -> None:
        raise ZeroDivisionError

    run = Run([message(0)], handle=broken)
    with pytest.raises(ZeroDivisionError):
        run.loop.run()
    assert run.committed == {}
    assert run.consumers[0].closed


def test_stopping_while_the_database_is_away_leaves_the_batch_uncommitted() -> None:
    def away(_batch: Sequence[StreamMessage]) -> None:
        run.loop.stop()
        raise RetryableError("the database is away")

    run = Run([message(0)], handle=away)
    run.loop.run()
    assert run.committed == {}


def test_the_next_batch_is_prepared_while_one_is_being_stored_and_waits_for_its_turn() -> None:
    prepared, order = threading.Event(), list[str]()

    def handle(batch: Sequence[StreamMessage]) -> None:
        first = batch[0].offset == 0
        if first:
            assert prepared.wait(10), "nothing was prepared beside the first batch"
            assert run.committed == {}
        order.append(f"stored {batch[0].offset}")

    run = Run([message(n) for n in range(4)], limits=BatchLimits(messages=2, bytes=10_000, wait_s=0.02), handle=handle)

    class Watched(Handled):
        def add(self, messages: Sequence[StreamMessage]) -> None:
            super().add(messages)
            if messages[0].offset == 2:
                prepared.set()

    run.work = Watched
    run.loop.run()
    assert order == ["stored 0", "stored 2"]
    assert run.committed == {("sensor-data", 0): 4}


def test_a_batch_grows_while_the_one_before_takes_its_time() -> None:
    grown = threading.Event()

    def handle(batch: Sequence[StreamMessage]) -> None:
        if batch[0].offset == 0:
            assert grown.wait(10)

    class Watched(Handled):
        count = 0

        def add(self, messages: Sequence[StreamMessage]) -> None:
            super().add(messages)
            self.count += len(messages)
            if self.count >= 150:
                grown.set()

    limits = BatchLimits(messages=200, bytes=100_000, wait_s=0.000_001)
    run = Run([message(n) for n in range(450)], limits=limits, handle=handle)
    run.work = Watched
    run.loop.run()
    first, second, *_ = map(len, run.batches)
    assert first < 150, "nothing was in its way, so it went out as soon as its time was up"
    assert 150 <= second <= 200


def test_memory_holds_two_batches_while_the_store_is_away() -> None:
    tries = 0

    def away(_batch: Sequence[StreamMessage]) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            run.loop.stop()
        raise RetryableError("the database is away")

    held = list[int]()

    class Counted(Handled):
        def add(self, messages: Sequence[StreamMessage]) -> None:
            super().add(messages)
            held.append(len(messages))

    run = Run([message(n) for n in range(500)], limits=BatchLimits(messages=20, bytes=10_000, wait_s=0.02), handle=away)
    run.work = Counted
    run.loop.run()
    assert sum(held) <= 40
    assert run.committed == {}
