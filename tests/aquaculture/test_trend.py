"""Falling oxygen is told while there is time; alarms that wear people out are found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture.limits import Side
from aquaculture.nuisance import Chattering, Flood
from aquaculture.ranges import OutOfRangeError
from aquaculture.trend import MOST_POINTS, Slope, Window, seconds_to_limit


def window_of(*points: tuple[float, float], span_s: float = 1800) -> Window:
    window = Window(span_s)
    for now_s, value in points:
        window.add(value, now_s)
    return window


def test_oxygen_that_falls_by_two_an_hour_reaches_the_limit_in_an_hour_and_a_half() -> None:
    window = window_of(*((60.0 * n, 9.0 - 2 * n / 60) for n in range(31)))
    slope = window.slope()
    assert slope is not None
    assert slope.per_hour == pytest.approx(-2)
    assert slope.agreement == 1
    assert seconds_to_limit(8.0, 5.0, Side.LOW, slope) == pytest.approx(1.5 * 3600)


def test_a_third_of_wild_points_does_not_turn_the_slope() -> None:
    points = [(60.0 * n, 20.0 if n % 4 == 3 else 9.0 - 2 * n / 60) for n in range(31)]
    slope = window_of(*points).slope()
    assert slope is not None
    assert slope.per_hour == pytest.approx(-2, abs=0.3)
    assert slope.agreement < 1


def test_what_is_not_on_its_way_never_arrives() -> None:
    assert seconds_to_limit(8, 5, Side.LOW, Slope(0.5, 1)) is None
    assert seconds_to_limit(8, 5, Side.LOW, Slope(0.0, 0.5)) is None
    assert seconds_to_limit(8, 5, Side.LOW, None) is None
    assert seconds_to_limit(4.9, 5, Side.LOW, None) == 0
    assert seconds_to_limit(18, 20, Side.HIGH, Slope(1, 1)) == 7200


def test_a_short_window_says_nothing() -> None:
    assert window_of(*((60.0 * n, 9.0) for n in range(4))).slope() is None
    assert window_of(*((n * 1.0, 9.0) for n in range(100))).slope() is None
    with pytest.raises(OutOfRangeError, match="span_s = 5"):
        Window(5)


def test_a_fast_sensor_does_not_shorten_the_window() -> None:
    window = window_of(*((n / 10, 9.0 - n / 10 / 3600) for n in range(18_000)))
    slope = window.slope()
    assert slope is not None
    assert slope.per_hour == pytest.approx(-1)
    assert len(window._points) <= MOST_POINTS


@given(st.floats(-50, 50), st.floats(0, 20))
def test_a_straight_line_has_its_own_slope(per_hour: float, start: float) -> None:
    slope = window_of(*((60.0 * n, start + per_hour * n / 60) for n in range(31))).slope()
    assert slope is not None
    assert slope.per_hour == pytest.approx(per_hour, abs=1e-6)


def test_three_in_a_minute_chatter() -> None:
    chattering = Chattering()
    assert [chattering.raised(now_s) for now_s in (0, 30, 61, 85)] == [False, False, False, True]
    assert not chattering.chatters(200)


def test_a_flood_begins_once_and_ends_once() -> None:
    flood = Flood()
    assert [flood.raised(float(n)) for n in range(12)] == [False] * 10 + [True] * 2
    assert flood.under_way(500)
    assert not flood.under_way(700)
    assert not flood.raised(701)


def test_a_flood_that_could_not_last_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer_than = 20"):
        Flood(fewer_than=20)


@given(st.lists(st.floats(0, 400), max_size=80))
def test_a_flood_needs_more_than_ten_in_its_window(gaps: list[float]) -> None:
    flood, now_s, raised, before = Flood(), 0.0, [], False
    for gap in gaps:
        now_s += gap
        raised.append(now_s)
        under_way = flood.raised(now_s)
        recent = sum(1 for at in raised if now_s - at <= 600)
        if under_way and not before:
            assert recent > 10
        if before and not under_way:
            assert recent < 5
        before = under_way
