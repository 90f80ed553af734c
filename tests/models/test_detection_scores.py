from __future__ import annotations

import math

import numpy as np
import pytest

from models.evaluation.detection import FrameResult, average_precision, score
from models.runtime.preprocess import FloatArray

FISH: FloatArray = np.array([[0, 0, 10, 10], [20, 20, 40, 30]], np.float32)


def frame(boxes: FloatArray, scores: list[float], truth: FloatArray = FISH) -> FrameResult:
    return FrameResult(np.asarray(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), truth)


def test_a_perfect_detector_scores_one() -> None:
    figures = score([frame(FISH, [0.9, 0.8])] * 3, 0.5)
    assert (figures.map50, figures.map50_95, figures.best_f1, figures.f1, figures.count_mae) == (1, 1, 1, 1, 0)
    assert (figures.frames, figures.objects) == (3, 6)
    assert figures.best_threshold == pytest.approx(0.8)


def test_a_blind_detector_scores_nothing() -> None:
    figures = score([frame(FISH[:0], [])], 0.5)
    assert (figures.map50, figures.count_mae, figures.f1) == (0, 2, 0)


def test_a_second_box_on_the_same_fish_is_a_false_alarm() -> None:
    figures = score([frame(np.concatenate([FISH[:1], FISH[:1], FISH[1:]]), [0.9, 0.8, 0.7])], 0.5)
    assert figures.map50 == pytest.approx((51 * 1.0 + 50 * 2 / 3) / 101)
    assert figures.best_f1 == pytest.approx(0.8)
    assert figures.count_mae == 1


def test_boxes_that_are_a_little_off_count_at_loose_overlap_only() -> None:
    moved = FISH + np.array([0, 0, 4, 0], np.float32)  # IoU 0.71 and 0.83
    figures = score([frame(moved, [0.9, 0.8])], 0.5)
    assert figures.map50 == 1
    assert 0 < figures.map50_95 < 1


def test_false_alarms_on_empty_frames_lower_precision() -> None:
    empty = frame(FISH[:1], [0.95], FISH[:0])
    assert score([frame(FISH, [0.9, 0.8]), empty], 0.5).map50 == pytest.approx(2 / 3)


def test_no_fish_anywhere_has_no_precision() -> None:
    figures = score([frame(FISH[:0], [], FISH[:0])], 0.5)
    assert math.isnan(figures.map50)
    assert math.isnan(figures.f1)
    assert figures.count_mae == 0
    assert math.isnan(score([], 0.5).count_mae)


def test_average_precision_of_half_the_recall() -> None:
    assert average_precision(np.array([True]), 2) == pytest.approx(51 / 101)
