from __future__ import annotations

from random import Random

import pytest

from cloud.operations.performance import MAX_ROUTES, MAX_WINDOW_S, SLICE_S, PerformanceWindow


def test_percentiles_are_right_to_five_percent() -> None:
    window, random = PerformanceWindow(0.0), Random(3)
    seconds = sorted(random.lognormvariate(-5, 1) for _ in range(20_000))
    for value in seconds:
        window.observe("GET /sites", 200, value, 5.0)
    total, routes = window.figures(300, 9.0)
    for share, told in ((0.5, total.p50_s), (0.95, total.p95_s), (0.99, total.p99_s)):
        assert told == pytest.approx(seconds[int(share * len(seconds))], rel=0.055)
    assert total.slowest_s == seconds[-1]
    assert routes == {"GET /sites": total}


def test_what_is_older_than_the_window_does_not_count() -> None:
    window = PerformanceWindow(0.0)
    window.observe("GET /a", 500, 0.1, 1.0)
    window.observe("GET /a", 404, 0.1, 301.0)
    total, _ = window.figures(300, 311.0)
    assert (total.requests, total.errors, total.refused) == (1, 0, 1)
    assert window.covered_s(300, 311.0) == 300
    assert window.covered_s(300, 20.0) == 20


def test_memory_is_bounded_in_time_and_in_routes() -> None:
    window = PerformanceWindow(0.0)
    for second in range(0, 10 * MAX_WINDOW_S, SLICE_S):
        window.observe("GET /a", 200, 0.01, float(second))
    for number in range(3 * MAX_ROUTES):
        window.observe(f"GET /{number}", 200, 0.01, 10.0 * MAX_WINDOW_S)
    total, routes = window.figures(MAX_WINDOW_S, 10.0 * MAX_WINDOW_S)
    assert total.requests == MAX_WINDOW_S // SLICE_S - 1 + 3 * MAX_ROUTES
    assert len(routes) <= MAX_ROUTES + 2
    assert routes["other"].requests == 2 * MAX_ROUTES


def test_nothing_is_told_of_nothing() -> None:
    window = PerformanceWindow(0.0)
    window.observe("GET /a", 200, 0.01, 1.0)
    window.reset(2.0)
    total, routes = window.figures(300, 3.0)
    assert (total.requests, total.p99_s, routes) == (0, 0.0, {})
    assert window.covered_s(300, 3.0) == 1.0
