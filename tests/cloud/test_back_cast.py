"""Counts of before in the eyes of the model that looks now."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from cloud.rollouts.back_cast import Change, Count, bucket

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


def later(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def test_each_box_of_a_tank_is_cast_back_over_its_own_changes() -> None:
    counts = [Count("left", NOON, 300, 40.0), Count("right", NOON, 100, 20.0)]
    changes = [
        Change("left", later(1), "b", 1.5),
        Change("left", later(2), "c", 0.5),
        Change("right", later(-1), "b", 9.0),
    ]
    found = bucket(NOON, counts, changes, known_from=None)
    assert found.mean == pytest.approx(35.0)
    assert found.cast_back == pytest.approx((300 * 40.0 * 0.75 + 100 * 20.0) / 400)
    assert found.observations == 400


def test_the_same_model_told_twice_counts_once() -> None:
    twice = [Change("left", later(1), "b", 1.5), Change("left", later(1.1), "b", 1.5)]
    assert bucket(NOON, [Count("left", NOON, 1, 10.0)], twice, known_from=None).cast_back == pytest.approx(15.0)


@pytest.mark.parametrize("ratio", [None, 0.0])
def test_a_change_that_nobody_compared_cannot_be_cast_back_over(ratio: float | None) -> None:
    changes = [Change("left", later(1), "b", ratio), Change("left", later(2), "c", 1.1)]
    assert bucket(NOON, [Count("left", NOON, 1, 10.0)], changes, known_from=None).cast_back is None
    since = bucket(later(1.5), [Count("left", later(1.5), 1, 10.0)], changes, known_from=None)
    assert since.cast_back == pytest.approx(11.0), "only the older counts are lost to it"


def test_nothing_is_cast_back_over_changes_that_are_not_in_the_list() -> None:
    assert bucket(NOON, [Count("left", NOON, 1, 10.0)], [], known_from=later(1)).cast_back is None
    assert bucket(NOON, [Count("left", NOON, 1, 10.0)], [], known_from=later(-1)).cast_back == 10.0
