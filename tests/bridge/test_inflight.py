from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bridge.inflight import Batch, Delivery, InFlight
from tests.bridge.farm import NOON


class Broker:
    """Notes what was acknowledged; forgets connections before ``generation``."""

    def __init__(self) -> None:
        self.generation = 1
        self.acked: list[int] = []

    def acknowledge(self, generation: int, mids: Sequence[int]) -> bool:
        if generation != self.generation:
            return False
        self.acked.extend(mids)
        return True


def deliveries(*mids: int, arrived: float = 0.0) -> list[Delivery]:
    return [Delivery("shoal/1/north/edge-1/readings", b"{}", mid, NOON, arrived) for mid in mids]


def window_of(broker: Broker, capacity: int = 100) -> InFlight:
    window = InFlight(capacity, broker.acknowledge, clock=lambda: 10.0)
    window.connection_lost(broker.generation)
    return window


def take(window: InFlight, limit: int) -> Batch:
    batch = window.take(limit, 0.0)
    assert batch is not None
    return batch


def assert_books_balance(window: InFlight) -> None:
    tally = window.tally()
    assert tally.received == tally.forwarded + sum(tally.dead_lettered.values()) + tally.in_flight
    assert tally.delivered == tally.received + tally.waiting + tally.returned


def test_a_batch_that_finishes_first_waits_for_the_one_that_arrived_first() -> None:
    broker = Broker()
    window = window_of(broker)
    window.arrive(1, deliveries(1, 2, 3, 4))
    first, second = take(window, 2), take(window, 2)

    window.finish(second, {})
    assert broker.acked == []
    window.finish(first, {})
    assert broker.acked == [1, 2, 3, 4]


def test_nothing_of_a_lost_connection_is_acknowledged_and_what_waited_returns_to_the_broker() -> None:
    broker = Broker()
    window = window_of(broker)
    window.arrive(1, deliveries(1, 2, 3))
    stale = take(window, 2)

    broker.generation = 2
    window.connection_lost(2)
    window.arrive(2, deliveries(1, 2, 3))
    window.finish(stale, {})
    assert broker.acked == []
    assert window.tally().returned == 1

    window.finish(take(window, 10), {})
    assert broker.acked == [1, 2, 3]
    assert_books_balance(window)


def test_a_message_at_qos_0_needs_no_acknowledgement() -> None:
    broker = Broker()
    window = window_of(broker)
    window.arrive(1, deliveries(0, 7))
    window.finish(take(window, 10), {})
    assert broker.acked == [7]
    assert window.tally().acked == 1


def test_a_batch_that_finishes_twice_counts_once() -> None:
    broker = Broker()
    window = window_of(broker)
    window.arrive(1, deliveries(1))
    batch = take(window, 1)
    window.finish(batch, {})
    window.finish(batch, {})
    assert broker.acked == [1]
    assert window.tally().forwarded == 1


def test_the_window_is_full_beyond_its_capacity_and_says_how_old_its_oldest_message_is() -> None:
    broker = Broker()
    window = window_of(broker, capacity=2)
    story: list[tuple[bool, float]] = []

    def note() -> None:
        story.append((window.full, window.tally().oldest_age_s))

    window.arrive(1, deliveries(1, 2, arrived=4.0))
    note()
    window.arrive(1, deliveries(3, arrived=9.0))
    note()
    batch = take(window, 2)
    note()
    window.finish(batch, {})
    note()
    assert story == [(False, 6.0), (True, 6.0), (True, 6.0), (False, 1.0)]


def test_a_closed_window_takes_nothing_more() -> None:
    broker = Broker()
    window = window_of(broker)
    window.arrive(1, deliveries(1))
    window.close()
    window.arrive(1, deliveries(2))
    assert window.take(10, 0.0) is None
    assert window.tally().returned == 2
    assert_books_balance(window)


@given(st.lists(st.sampled_from(["arrive", "take", "finish_oldest", "finish_newest", "poison", "lose"]), max_size=60))
def test_books_balance_and_pubacks_keep_their_order_whatever_happens(story: list[str]) -> None:
    broker = Broker()
    window = window_of(broker)
    open_batches: list[Batch] = []
    next_mid = 1
    expected: list[int] = []
    for event in story:
        if event == "arrive":
            window.arrive(broker.generation, deliveries(next_mid, next_mid + 1, next_mid + 2))
            expected += [next_mid, next_mid + 1, next_mid + 2]
            next_mid += 3
        elif event == "take" and (batch := window.take(2, 0.0)) is not None:
            open_batches.append(batch)
        elif event == "finish_oldest" and open_batches:
            window.finish(open_batches.pop(0), {})
        elif event == "finish_newest" and open_batches:
            window.finish(open_batches.pop(), {})
        elif event == "poison" and open_batches:
            window.finish(open_batches.pop(), {"bad_json": 1})
        elif event == "lose":
            broker.generation += 1
            window.connection_lost(broker.generation)
            broker.acked, expected = [], []
        assert broker.acked == expected[: len(broker.acked)]
        assert_books_balance(window)
