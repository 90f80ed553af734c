"""Fish keep their number while they swim, hide and meet; what cannot be followed is not claimed."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest

from edge.inference.tracker import MAX_TRACKS, NOT_TRACKED, Tracker, TrackerOptions, assign
from tests.benchmarks.tracking import GreedyOverlap, bridged, follow, labelled_video, simulate


def box(x: float, y: float, width: float = 60, height: float = 24) -> list[float]:
    return [x, y, x + width, y + height]


def ids_of(
    tracker: Tracker, frames: list[list[list[float]]], *, fps: float = 10, score: float = 0.8
) -> list[list[int]]:
    return [
        tracker.update(np.array(boxes).reshape(-1, 4), np.full(len(boxes), score), number / fps).tolist()
        for number, boxes in enumerate(frames)
    ]


def test_two_fish_that_pass_each_other_keep_their_numbers() -> None:
    frames = [[box(20 + 12 * i, 100), box(500 - 12 * i, 118)] for i in range(40)]
    ids = ids_of(Tracker(), frames)
    assert ids[0] == ids[-1]
    assert len({track for frame in ids for track in frame}) == 2


def test_a_fish_that_hides_for_a_second_keeps_its_number_and_one_that_stays_away_does_not() -> None:
    def swim(hidden: range) -> list[list[int]]:
        return ids_of(Tracker(), [[] if i in hidden else [box(20 + 10 * i, 100)] for i in range(60)])

    assert len({track for frame in swim(range(10, 20)) for track in frame}) == 1
    assert len({track for frame in swim(range(10, 45)) for track in frame if track != NOT_TRACKED}) == 2


def test_an_unsure_box_continues_a_track_and_begins_none() -> None:
    tracker = Tracker()
    (first,) = tracker.update(np.array([box(100, 100)]), np.array([0.8]), 0.0)
    (behind_another,) = tracker.update(np.array([box(104, 100)]), np.array([0.15]), 0.1)
    assert behind_another == first
    clutter = [tracker.update(np.array([box(300, 300)]), np.array([0.2]), 0.2 + i / 10).tolist() for i in range(5)]
    assert clutter == [[NOT_TRACKED]] * 5


def test_one_false_box_is_no_track() -> None:
    tracker = Tracker()
    tracker.update(np.zeros((0, 4)), np.zeros(0), 0.0)
    assert tracker.update(np.array([box(10, 10)]), np.array([0.9]), 0.1).tolist() == [NOT_TRACKED]
    assert tracker.update(np.array([box(12, 10)]), np.array([0.9]), 0.2).tolist() != [NOT_TRACKED]


def test_time_counts_not_frames() -> None:
    """Every third frame arrives, as on a busy box; the fish are followed as before."""
    frames = [[box(20 + 12 * i, 100), box(500 - 12 * i, 160)] for i in range(40)]
    tracker = Tracker()
    ids = [
        tracker.update(np.array(frames[i]), np.full(2, 0.8), i / 10).tolist() for i in range(40) if i % 3 == 0 or i < 2
    ]
    assert ids[0] == ids[-1]
    assert tracker.update(np.array(frames[5]), np.full(2, 0.8), 0.5).tolist() == [NOT_TRACKED] * 2  # from the past


@pytest.mark.parametrize("fps", [2.0, 10.0])
def test_a_simulated_school_is_followed_better_than_by_overlap_alone(fps: float) -> None:
    scene = simulate(1, fish=8, fps=fps, seconds=20)
    ours, plain = follow(scene, Tracker().update), follow(scene, GreedyOverlap().update)
    assert ours.mota > plain.mota
    assert ours.idf1 > 1.5 * plain.idf1
    assert ours.switches < plain.switches / 3


@pytest.mark.usefixtures("shared_data")
def test_wild_fish_are_followed_through_hidden_frames() -> None:
    video = labelled_video()
    assert video is not None
    measured = bridged(video)
    assert measured["boxes_followed"] > 0.8 * measured["boxes"]
    assert measured["fish_that_kept_their_number"] > 0.8 * measured["fish_over_hidden_frames"]


def test_a_flood_of_boxes_is_bounded() -> None:
    tracker = Tracker(TrackerOptions(confirm_hits=1))
    rng = np.random.default_rng(0)
    for number in range(6):
        corner = rng.uniform(0, 5000, (400, 2))
        tracker.update(np.concatenate([corner, corner + 3], axis=1), np.ones(400), number / 10)
    assert tracker.following <= MAX_TRACKS


def test_pairs_are_the_best_there_are() -> None:
    def best(score: npt.NDArray[np.float64], least: float) -> float:
        worth = np.maximum(score - least, 0)
        worth = worth.T if worth.shape[0] > worth.shape[1] else worth
        rows = range(worth.shape[0])
        return max(float(sum(worth[r, c] for r, c in zip(rows, p, strict=True))) for p in permutations(range(worth.shape[1]), len(rows)))  # fmt: skip

    rng = np.random.default_rng(0)
    for _ in range(100):
        score = rng.random((rng.integers(1, 6), rng.integers(1, 6)))
        rows, columns = assign(score, 0.3)
        assert len(set(rows)) == len(rows)
        assert len(set(columns)) == len(columns)
        assert (score[rows, columns] >= 0.3).all()
        assert float((score[rows, columns] - 0.3).sum()) == pytest.approx(best(score, 0.3))
    assert assign(np.zeros((0, 3)), 0.3)[0].tolist() == []
