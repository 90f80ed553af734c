"""Who gets the model's time: virtual cameras and a virtual clock, thousands of frames in milliseconds."""

from __future__ import annotations

import math
from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference.scheduler import Scheduler, fair_rates, heat_share, next_capacity

QUEUE = 2


class Shift:
    """Cameras that deliver at their own rates and a model that takes its time, played through in virtual time."""

    def __init__(
        self, fps: list[float], *, weights: list[int] | None = None, frame_s: float, budget_s: float = 0.5
    ) -> None:
        self.scheduler = Scheduler(weights or [1] * len(fps), staleness_s=budget_s, batch=8)
        self.fps, self.frame_s = fps, frame_s
        self.queues: list[deque[float]] = [deque() for _ in fps]
        self.served: Counter[int] = Counter()
        self.dropped = self.captured = 0
        self.ages: list[float] = []

    def play(self, seconds: float) -> None:
        now_s = 0.0
        due = [index / 97 for index in range(len(self.fps))]
        while now_s < seconds:
            for camera, fps in enumerate(self.fps):
                while fps and due[camera] <= now_s:
                    self.queues[camera].append(due[camera])
                    self.captured += 1
                    due[camera] += 1 / fps
                    if len(self.queues[camera]) > QUEUE:
                        self.queues[camera].popleft()
                        self.dropped += 1
            now_s = self._batch(now_s)

    def _batch(self, now_s: float) -> float:
        oldest = {camera: queue[0] for camera, queue in enumerate(self.queues) if queue}
        if not oldest:
            return now_s + 0.001
        plan = self.scheduler.plan(oldest, now_s=now_s, ahead_s=0.0, frame_s=self.frame_s)
        taken = []
        for camera in plan.cameras:
            queue = self.queues[camera]
            while queue and queue[0] < plan.fresh_after_s:
                queue.popleft()
                self.dropped += 1
            if queue:
                taken.append(queue.popleft())
                self.scheduler.served(camera)
                self.served[camera] += 1
        done_s = now_s + self.frame_s * len(taken) + 0.0001
        self.ages += [done_s - captured for captured in taken]
        return done_s


def test_frames_are_fresh_and_accounted_for_at_twice_the_load() -> None:
    shift = Shift([10.0] * 16, frame_s=1 / 80)
    shift.play(60)
    assert sorted(shift.ages)[int(len(shift.ages) * 0.99)] <= 0.5
    assert shift.captured == sum(shift.served.values()) + shift.dropped + sum(map(len, shift.queues))
    assert max(shift.served.values()) - min(shift.served.values()) <= 2
    assert sum(shift.served.values()) == pytest.approx(60 * 80, rel=0.02)


def test_a_fast_camera_takes_nothing_from_the_others() -> None:
    shift = Shift([60.0, 5.0, 5.0, 5.0], frame_s=1 / 30)
    shift.play(30)
    assert [shift.served[camera] for camera in (1, 2, 3)] == pytest.approx([150] * 3, abs=4)


def test_a_camera_with_twice_the_priority_gets_twice_the_frames() -> None:
    shift = Shift([30.0, 30.0], weights=[2, 1], frame_s=1 / 15)
    shift.play(60)
    assert shift.served[0] / shift.served[1] == pytest.approx(2, rel=0.05)


def test_one_dead_camera_changes_nothing_for_cameras_that_are_kept_up_with() -> None:
    alive, dead = Shift([10.0] * 8, frame_s=1 / 100), Shift([0.0] + [10.0] * 7, frame_s=1 / 100)
    alive.play(30)
    dead.play(30)
    for camera in range(1, 8):
        assert dead.served[camera] == pytest.approx(alive.served[camera], rel=0.02)


def test_a_camera_that_comes_back_gets_its_share_and_no_more() -> None:
    scheduler = Scheduler([1, 1], staleness_s=0.5, batch=1)
    order = []
    for turn in range(100):
        waiting = {0: 0.0} if turn < 50 else {0: 0.0, 1: 0.0}
        chosen = scheduler.plan(waiting, now_s=0.0, ahead_s=0, frame_s=0.1).cameras[0]
        scheduler.served(chosen)
        order.append(chosen)
    assert Counter(order[50:])[1] == pytest.approx(25, abs=1)


def test_a_model_slower_than_the_budget_still_gets_frames() -> None:
    shift = Shift([5.0, 5.0], frame_s=1.2)
    shift.play(60)
    assert sum(shift.served.values()) >= 45
    assert max(shift.ages) <= 1.2 + 0.5 + 0.1


@given(
    wanted=st.lists(st.floats(0.1, 60), min_size=1, max_size=20),
    capacity=st.floats(0.1, 200),
    data=st.data(),
)
def test_rates_fit_the_capacity_and_nobody_gets_more_than_it_wants(
    wanted: list[float], capacity: float, data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.integers(1, 10), min_size=len(wanted), max_size=len(wanted)))
    rates = fair_rates(wanted, weights, capacity_fps=capacity)
    assert sum(rates) == pytest.approx(min(capacity, sum(wanted)))
    assert all(0 <= rate <= want + 1e-9 for rate, want in zip(rates, wanted, strict=True))


def test_a_camera_that_wants_little_gets_it_and_the_others_share_the_rest() -> None:
    assert fair_rates([1, 30, 30], [1, 1, 2], capacity_fps=31) == pytest.approx((1, 10, 20))


def test_an_overloaded_box_is_asked_for_what_it_manages_and_then_tries_more() -> None:
    capacity = next_capacity(math.inf, captured=200, dropped=100, results=100, busy_s=2)
    assert capacity == pytest.approx(47.5)
    assert next_capacity(capacity, captured=95, dropped=0, results=95, busy_s=2) > capacity
    assert next_capacity(math.inf, captured=100, dropped=2, results=98, busy_s=2) == math.inf
    assert next_capacity(10, captured=40, dropped=40, results=0, busy_s=2) > 0


def test_a_hot_box_looks_less_and_less_and_recovers_when_it_has_cooled() -> None:
    share = 1.0
    for _ in range(20):
        share = heat_share(share, hottest_c=95, limit_c=90)
    assert share == 0.2
    assert heat_share(share, hottest_c=87, limit_c=90) == share
    for _ in range(30):
        share = heat_share(share, hottest_c=60, limit_c=90)
    assert share == 1.0
    assert heat_share(0.5, hottest_c=None, limit_c=90) > 0.5
