"""What tracks and counts are worth: intervals that hold, lines that count once, speeds in body lengths."""

from __future__ import annotations

import numpy as np
import pytest

from edge.inference.counting import Activity, Flow, Line, LineCounter, mean_interval
from edge.inference.tracker import NOT_TRACKED, Tracker
from shoal.simulate.fish import FishScene
from tests.benchmarks.tracking import HEIGHT, WIDTH, simulate


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_the_interval_of_a_mean_count_holds_although_frames_repeat_the_same_fish(correlation: float) -> None:
    rng = np.random.default_rng(7)
    held = naive = 0
    for _ in range(400):
        noise = rng.normal(0, 1, 60)
        series = np.zeros(60)
        series[0] = noise[0]
        for i in range(1, 60):
            series[i] = correlation * series[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
        counts = 20 + 3 * series
        interval = mean_interval(counts.tolist())
        assert interval is not None
        held += interval.low <= 20 <= interval.high
        naive += abs(counts.mean() - 20) <= 1.96 * counts.std(ddof=1) / np.sqrt(60)
    assert held / 400 > 0.9
    if correlation > 0.7:
        assert naive / 400 < 0.65


def test_a_short_window_learns_from_the_ones_before_it_how_far_its_mean_can_be_trusted() -> None:
    rng = np.random.default_rng(3)
    held, widths = 0, []
    for _ in range(200):
        noise = rng.normal(0, 1, 625)
        series = np.zeros(625)
        for i in range(1, 625):
            series[i] = 0.9 * series[i - 1] + np.sqrt(1 - 0.81) * noise[i]
        counts = (8 + series).tolist()
        interval = mean_interval(counts[600:], before=counts[:600])
        alone = mean_interval(counts[600:])
        assert interval is not None
        assert alone is not None
        held += interval.low <= 8 <= interval.high
        widths.append(interval.high - interval.low)
    assert held / 200 > 0.9
    assert max(widths) < 5  # one count has a standard deviation of 1


def test_few_frames_give_a_wide_interval_and_none_gives_none() -> None:
    assert mean_interval([]) is None
    one, same = mean_interval([9]), mean_interval([9] * 20)
    assert one is not None
    assert same is not None
    assert one.high - one.low > 10
    assert (same.low, same.mean, same.high) == (9, 9, 9)


def swim(counter: LineCounter, xs: list[float], *, track: int = 1, y: float = 50, at_s: float = 0.0) -> None:
    for step, x in enumerate(xs):
        counter.see([(track, x, y)], width=100, height=100, at_s=at_s + step / 10)


def gate(margin: float = 0.05) -> LineCounter:
    """A line down the middle of a frame of 100 x 100 pixels: "in" is towards the left of the picture."""
    return LineCounter(Line("gate", (0.5, 0.0), (0.5, 1.0), margin))


def test_a_fish_that_hovers_on_the_line_counts_once() -> None:
    counter = gate()
    swim(counter, [20, 40, 48, 52, 49, 53, 47, 54, 46, 52, 60, 70])
    flow = counter.close()
    assert (flow.entered, flow.left) == (0, 1)
    swim(counter, [70, 60, 48, 40], at_s=2)
    flow = counter.close()
    assert (flow.entered, flow.left) == (1, 0)
    assert counter.close() == Flow("gate", 0, 0, 0.0, 0.0, 0.0, 0.0)


def test_who_turns_back_or_passes_beside_the_line_is_not_counted() -> None:
    counter = LineCounter(Line("gate", (0.5, 0.3), (0.5, 0.7), 0.05))
    swim(counter, [20, 40, 50, 52, 50, 40, 20])
    swim(counter, [20, 40, 60, 80], track=2, y=95)
    assert (counter.close().entered, counter.close().left) == (0, 0)


def test_a_track_lost_on_the_line_widens_the_interval_and_is_not_counted() -> None:
    counter = gate()
    swim(counter, [20, 40, 47, 51])
    counter.see([], width=100, height=100, at_s=60)
    flow = counter.close()
    assert flow.left == 0
    assert flow.left_low == 0
    assert flow.left_high > 1


def test_line_counts_of_a_school_agree_with_the_truth_within_their_interval() -> None:
    inside = total = 0
    for seed in (1, 2, 3):
        scene = simulate(seed, fish=8, fps=5, seconds=40)
        line = Line("middle", (0.5, 0.0), (0.5, 1.0))
        ours, truth, tracker = LineCounter(line), LineCounter(line), Tracker()
        for at_s, (boxes, fish), (found, scores) in zip(scene.times_s, scene.truth, scene.found, strict=True):
            ids = tracker.update(found, scores, at_s)
            for counter, names, where in ((truth, fish, boxes), (ours, ids.tolist(), found)):
                centres = (where[:, :2] + where[:, 2:]) / 2
                places = [(n, x, y) for n, (x, y) in zip(names, centres.tolist(), strict=True) if n != NOT_TRACKED]
                counter.see(places, width=WIDTH, height=HEIGHT, at_s=at_s)
        said, real = ours.close(), truth.close()
        inside += said.entered_low <= real.entered <= said.entered_high
        inside += said.left_low <= real.left <= said.left_high
        total += real.entered + real.left
        assert abs(said.entered + said.left - real.entered - real.left) <= 0.25 * (real.entered + real.left) + 1
    assert total > 10
    assert inside >= 5


def test_activity_is_the_speed_in_body_lengths_and_jitter_is_not_swimming() -> None:
    rng = np.random.default_rng(3)
    activity = Activity()
    for number in range(100):
        at_s = number / 10
        swimming = [50 + 40 * at_s, 100.0]  # 40 px/s with a body of 80 px
        resting = [300.0, 200.0]
        corners = np.array([[*swimming, swimming[0] + 80, 130], [*resting, 380, 230]]) + rng.normal(0, 1.5, (2, 4))
        activity.see([1, 2], corners.tolist(), at_s)
    speed, tracks = activity.close()
    assert tracks == 2
    assert speed is not None
    assert speed == pytest.approx((0.5 + 0.05) / 2, abs=0.06)
    assert activity.close() == (None, 0)


def test_the_index_of_a_school_doubles_when_it_swims_twice_as_fast() -> None:
    def index(haste: float) -> float:
        school, tracker, activity = FishScene(5, WIDTH, HEIGHT, 8), Tracker(), Activity()
        for number in range(int(120 / haste)):
            school.step(0.1 * haste)
            _, boxes = school.render()
            corners = np.array([[b.x, b.y, b.x + b.w, b.y + b.h] for b in boxes]).reshape(-1, 4)
            corners *= [WIDTH, HEIGHT, WIDTH, HEIGHT]
            ids = tracker.update(corners, np.ones(len(corners)), number / 10)
            seen = ids != NOT_TRACKED
            activity.see(ids[seen].tolist(), corners[seen].tolist(), number / 10)
        speed, _ = activity.close()
        assert speed is not None
        return speed

    assert index(2.0) == pytest.approx(2 * index(1.0), rel=0.3)
