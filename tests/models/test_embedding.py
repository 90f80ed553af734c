"""How far a frame lies from the training: the arithmetic, the contract, and real water that changes its colour."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from contracts.bundles import EmbeddingOutput
from contracts.datasets import DatasetImage
from contracts.errors import ConfigurationError
from models.data.frames import Located, read_picture
from models.runtime import Detector, load_bundle, open_session, shipped_bundle
from models.runtime.embedding import distances
from models.runtime.preprocess import FrameArray
from tests.models.tiny_bundle import bright_cells, edit_manifest, tiny_detector

CELLS = 8
"""Of the tiny detector, whose scores serve as its embedding here."""


def taught(numbers: int = CELLS) -> dict[str, object]:
    return {"name": "scores", "mean": [0.5] * numbers, "spread": [0.25] * numbers, "frames": 100}


def test_a_frame_one_spread_away_everywhere_is_at_distance_one() -> None:
    output = EmbeddingOutput(mean=(1.0, 2.0), spread=(0.5, 4.0), frames=10)
    frames = np.array([[1.0, 2.0], [1.5, 6.0], [1.0, 10.0], [np.nan, 2.0]], np.float32)
    assert distances(frames, output) == [0.0, 1.0, pytest.approx(2 / np.sqrt(2), abs=1e-4), None]


def test_a_detector_with_an_embedding_tells_the_distance_and_one_without_does_not(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    frames = [bright_cells([]), bright_cells([(0, 0)], value=128)]
    assert [look.distance for look in Detector(open_session(load_bundle(folder))).look(frames)] == [None, None]

    edit_manifest(folder, embedding=taught())
    detector = Detector(open_session(load_bundle(folder)))
    looks = detector.look(frames * 10)  # more than one batch
    assert [look.distance for look in looks[:2]] == [pytest.approx(2.0), pytest.approx(np.sqrt(7 / 8) * 2, abs=0.01)]
    assert [look.detections for look in looks] == detector.detect(frames * 10)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "features"}, "manifest.embedding.name"),
        ({"mean": [0.5] * 3, "spread": [0.25] * 3}, "manifest.embedding.mean"),
        ({"mean": [0.5]}, "manifest.embedding.spread"),
        ({"spread": [0.0] * CELLS}, "manifest.embedding.spread.0"),
    ],
)
def test_an_embedding_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, change: dict[str, object], field: str
) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    edit_manifest(folder, embedding=taught() | change)
    with pytest.raises(ConfigurationError) as caught:
        open_session(load_bundle(folder))
    assert caught.value.field == field


def test_green_dark_and_murky_water_lie_farther_than_the_clear_frames_that_they_were_made_of(
    shared_data: Path,
) -> None:
    detector = Detector(open_session(load_bundle(shipped_bundle("fish-detector"))))

    def far(pictures: list[FrameArray]) -> npt.NDArray[np.float64]:
        return np.array([look.distance for look in detector.look(pictures)], np.float64)

    clear = [read_picture(*located) for located in real_frames(shared_data / "fish_detection")]
    before = far(clear)
    assert 0.5 < np.median(before) < 2
    for water in (green, dark, murky):
        after = far([water(picture) for picture in clear])
        assert (after > 1.3 * before).all(), water.__name__


def green(picture: FrameArray) -> FrameArray:
    return np.clip(picture * np.array([0.5, 1.0, 0.45]) + np.array([0, 18, 0]), 0, 255).astype(np.uint8)


def dark(picture: FrameArray) -> FrameArray:
    return (picture * 0.35).astype(np.uint8)


def murky(picture: FrameArray) -> FrameArray:
    return np.asarray(cv2.GaussianBlur((picture * 0.5 + 45).astype(np.uint8), (0, 0), 2), np.uint8)


def real_frames(folder: Path) -> list[Located]:
    """Ten frames of different videos at places where the detector was trained."""
    held_out = {"7426", "7623", "9866"}
    with (folder / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["habitat"] not in held_out]
    return [
        Located(
            folder,
            DatasetImage(
                path=row["path"], sha256=hashlib.sha256((folder / row["path"]).read_bytes()).hexdigest(),
                width=360, height=202, crop=(0, 79, 360, 281), site=row["habitat"], group=row["sequence"],
                licence="CC-BY-4.0", provenance="DeepFish",
            ),
        )
        for row in rows[:: len(rows) // 10]
    ]  # fmt: skip
