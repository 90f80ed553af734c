"""The second look: found fish go through a health model, some of them, and a bad health model takes no counts away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from contracts.errors import ShoalError
from contracts.vision import Box, Detection
from edge.inference.health import HealthEngine, load_health
from edge.inference.rules import Window, summarise
from edge.inference.settings import ModelSettings
from models.runtime.preprocess import Placement
from tests.edge.farm import eventually
from tests.edge.test_vision import Sight
from tests.models.tiny_bundle import bright_cells, edit_manifest, tiny_detector
from tests.models.tiny_heads import tiny_scores

WHOLE = Placement(0, 10, 100, 80)
"""A frame with bars above and below."""


def engine(folder: Path, *, fish: int = 4, color: str = "BGR") -> HealthEngine:
    found = load_health(ModelSettings(health_model=str(tiny_scores(folder)), health_fish=fish), color=color)
    assert found is not None
    return found


def fish(x: float, confidence: float = 0.9, *, size: float = 0.2) -> Detection:
    return Detection(label="fish", confidence=confidence, box=Box(x=x, y=0.5, w=size, h=size))


def picture() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Blue on the left, red on the right, in OpenCV's order."""
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[:, :50, 0], frame[:, 50:, 2] = 255, 255
    return frame


def test_each_fish_is_scored_by_what_its_own_crop_shows(tmp_path: Path) -> None:
    left, right = engine(tmp_path).look(picture(), WHOLE, [fish(0.1), fish(0.7, 0.8)], 0.5)
    assert (left["pale"] > 0.9, left["red_spots"] < 0.1) == (True, True)
    assert (right["pale"] < 0.1, right["red_spots"] > 0.9) == (True, True)


def test_a_detector_in_other_colours_changes_nothing(tmp_path: Path) -> None:
    (found,) = engine(tmp_path, color="RGB").look(picture()[..., ::-1].copy(), WHOLE, [fish(0.1)], 0.5)
    assert found["pale"] > 0.9


def test_the_surest_fish_of_a_frame_are_looked_at_and_no_more_than_allowed(tmp_path: Path) -> None:
    many = [fish(0.1, 0.6), fish(0.7, 0.95), fish(0.1, 0.7), fish(0.7, 0.4)]
    found = engine(tmp_path, fish=2).look(picture(), WHOLE, many, 0.5)
    assert [one["red_spots"] > 0.9 for one in found] == [True, False]
    assert engine(tmp_path).look(picture(), WHOLE, [fish(0.1, size=0.05), fish(0.5, 0.3)], 0.5) == ()


def test_a_window_tells_the_mean_of_its_looks_and_how_many_there_were() -> None:
    now = datetime(2026, 11, 21, tzinfo=timezone.utc)
    window = Window(now)
    window.look([{"pale": 0.25}, {"pale": 0.75}])
    window.look([{"pale": 0.8}])
    told = summarise(window, camera="cam-1", unit="tank-1", ended_at=now, dropped=0, model=None, evidence=None)
    assert (told.health, told.health_fish) == ({"pale": 0.6}, 3)
    empty = summarise(Window(now), camera="cam-1", unit="tank-1", ended_at=now, dropped=0, model=None, evidence=None)
    assert (empty.health, empty.health_fish) == ({}, 0)


def test_a_bundle_of_another_kind_or_with_other_golden_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShoalError, match="task is scores"):
        load_health(ModelSettings(health_model=str(tiny_detector(tmp_path / "d"))), color="BGR")
    with pytest.raises(ShoalError, match="golden"):
        load_health(ModelSettings(health_model=str(spoiled(tmp_path / "h"))), color="BGR")


def spoiled(folder: Path) -> Path:
    """A bundle whose golden frame was published with other scores."""
    found = tiny_scores(folder)
    cv2.imwrite(str(found / "golden.png"), np.full((40, 40, 3), (255, 0, 0), np.uint8))
    (found / "golden.json").write_text('{"scores": {"pale": 0.1, "red_spots": 0.02}}')
    edit_manifest(found, golden=["golden.png"])
    return found


@pytest.fixture
def sight(tmp_path: Path) -> Iterator[Callable[[Path], Sight]]:
    (tmp_path / "frames").mkdir()
    cv2.imwrite(str(tmp_path / "frames" / "0.png"), bright_cells([(0, 0), (2, 1)], scale=4))
    started: list[Sight] = []

    def start(health: Path) -> Sight:
        started.append(Sight(tmp_path, bundle=tiny_detector(tmp_path / "bundle"), health=health))
        return started[-1]

    yield start
    for running in started:
        running.stop()


def test_observations_carry_the_health_of_the_fish_that_were_found(
    sight: Callable[[Path], Sight], tmp_path: Path
) -> None:
    running = sight(tiny_scores(tmp_path / "health"))
    seen = eventually(lambda: [one for one in running.observations() if one.health_fish], timeout_s=40)
    assert seen[0].count_mean
    assert set(seen[0].health) == {"pale", "red_spots"}
    assert seen[0].health["pale"] > 0.5  # white cells are blue and red at once
    assert seen[0].health_fish <= 2 * (0.5 / 0.1 + 2)


def test_a_bad_health_model_is_told_and_the_counts_go_on(sight: Callable[[Path], Sight], tmp_path: Path) -> None:
    running = sight(spoiled(tmp_path / "health"))
    seen = eventually(lambda: [one for one in running.observations() if one.count_mean], timeout_s=40)
    assert not seen[0].health
    report = running.reports[0][0]
    assert report is not None
    assert (report.health, "golden frames" in report.health_trouble) == (None, True)
