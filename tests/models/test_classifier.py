from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.runtime import BundleError, Classifier, load_bundle, open_session
from models.runtime.classifier import UNKNOWN, probabilities
from tests.models.tiny_bundle import tiny_classifier, tiny_detector


def colour(blue: int, green: int, red: int) -> np.ndarray:
    return np.full((20, 50, 3), (blue, green, red), np.uint8)


def test_the_dominant_colour_is_named_and_grey_is_unknown(tmp_path: Path) -> None:
    classifier = Classifier(open_session(load_bundle(tiny_classifier(tmp_path / "colours"))))
    red, blue, grey = classifier.classify([colour(0, 0, 255), colour(255, 0, 0), colour(90, 90, 90)])
    assert (red.label, blue.label) == ("red", "blue")
    assert grey.label == UNKNOWN
    assert grey.confidence == pytest.approx(1 / 3, abs=1e-3)
    assert grey.best_label in {"red", "green", "blue"}
    assert sum(red.scores.values()) == pytest.approx(1.0, abs=1e-5)


def test_without_a_limit_nothing_is_unknown(tmp_path: Path) -> None:
    classifier = Classifier(open_session(load_bundle(tiny_classifier(tmp_path / "colours", unknown_below=None))))
    (grey,) = classifier.classify([colour(90, 90, 90)])
    assert grey.label == grey.best_label


def test_a_detector_is_no_classifier(tmp_path: Path) -> None:
    session = open_session(load_bundle(tiny_detector(tmp_path / "tiny")))
    with pytest.raises(BundleError, match="task is classification"):
        Classifier(session)


def test_scores_become_fractions() -> None:
    raw = np.array([[1000.0, 0.0], [0.0, 0.0]], np.float32)
    assert probabilities(raw, "logits").tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert probabilities(raw[1:], "sigmoid").tolist() == [[0.5, 0.5]]
    assert probabilities(np.array([[1.0000001, -0.1]]), "probabilities").tolist() == [[1.0, 0.0]]
