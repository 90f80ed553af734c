"""How a link behaves while there is none: how long it waits, and how much it writes about that."""

from __future__ import annotations

import pytest

from edge.messaging.state import Outage, backoff_s

DAY_S = 86_400.0


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_the_wait_doubles_up_to_its_bound_and_is_spread(jitter: float) -> None:
    waits = [backoff_s(attempt, first_s=1.0, longest_s=30.0, jitter=jitter) for attempt in range(1, 8)]
    share = 0.5 + jitter / 2
    assert waits == [share * full for full in (1, 2, 4, 8, 16, 30, 30)]


def test_a_day_without_a_link_writes_a_line_an_hour_with_the_number_of_attempts() -> None:
    outage = Outage()
    lines = [outage.failed("Connection refused", second) for second in range(0, int(DAY_S), 30)]
    told = [attempts for attempts in lines if attempts]
    assert told == [1] + [120] * 23


def test_each_reason_is_told_once_in_an_hour_and_many_reasons_are_no_flood() -> None:
    outage = Outage()
    assert outage.failed("Connection refused", 0.0) == 1
    assert outage.failed("Connection refused", 1.0) == 0
    assert outage.failed("No route to host", 2.0) == 2
    assert outage.failed("Connection refused", 3.0) == 0
    told = [outage.failed(f"error {number}", 4.0) for number in range(100)]
    assert sum(attempts > 0 for attempts in told) == 6


def test_the_next_outage_is_told_anew() -> None:
    outage = Outage()
    outage.failed("Connection refused", 0.0)
    outage.ended()
    assert outage.failed("Connection refused", 1.0) == 1
