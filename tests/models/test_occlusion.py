"""Where a classifier's answer comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.runtime import Classifier, InferenceError, load_bundle, open_session
from models.runtime.occlusion import GRID, occlusion_map
from tests.cloud.pictures import encoded
from tests.models.tiny_bundle import tiny_classifier


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    return Classifier(open_session(load_bundle(tiny_classifier(tmp_path / "colours"))))


def corner(*, width: int = 140, height: int = 70) -> bytes:
    """Green in the top left, nothing elsewhere."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: height // 2, : width // 2] = (0, 255, 0)
    return encoded(frame, ".png")


def test_what_the_answer_rests_on_is_lost_when_it_is_covered(classifier: Classifier) -> None:
    found = occlusion_map(classifier, corner(), grid=2)
    assert found.label == "green"
    assert found.confidence > 0.5
    assert found.lost[0][0] > 0.1
    assert max(found.lost[0][1], *found.lost[1]) <= 0, "the dark parts speak against green, if anything"


def test_a_map_has_seven_by_seven_parts_whatever_the_size_of_the_picture(classifier: Classifier) -> None:
    found = occlusion_map(classifier, corner(width=2100, height=1400))
    lost = np.array(found.lost)
    assert lost.shape == (GRID, GRID)
    assert np.unravel_index(lost.argmax(), lost.shape)[0] <= GRID // 2
    assert np.abs(lost).max() <= 1


def test_what_is_no_picture_has_no_map(classifier: Classifier) -> None:
    with pytest.raises(InferenceError, match="not an image"):
        occlusion_map(classifier, b"\x89PNG nothing")
