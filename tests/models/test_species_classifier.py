"""Some painted crops: the whole way from an index to a bundle that the API can serve."""

from __future__ import annotations

import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from contracts.errors import ConfigurationError
from models.runtime import Classifier, check_golden, load_bundle, open_session
from models.runtime.preprocess import FrameArray
from tests.cloud.pictures import Colour, colour

if os.environ.get("CI", "").lower() not in {"1", "true"}:
    pytest.importorskip("torch", reason="needs the train extra")
from models.classifier.data import FOLDS, read_crops
from models.classifier.train import train

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]
COLOURS: tuple[Colour, ...] = ("red", "green", "blue")


def painted(name: Colour, seed: int) -> FrameArray:
    noise = np.random.default_rng(seed).integers(0, 60, (48, 64, 3), np.uint8)
    return np.asarray(np.maximum(colour(name), noise), np.uint8)


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    folder = tmp_path / "crops"
    folder.mkdir()
    lines = ["path,species,track"]
    for number, name in enumerate(COLOURS * 8):
        cv2.imwrite(str(folder / f"{number}.png"), painted(name, number))
        lines.append(f"{number}.png,{name}-fish,track-{number // 2}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_crops_become_a_bundle_that_names_them(crops: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "fish-species"
    options = {"name": "fish-species", "version": "1.0.0", "licence": "CC0", "attribution": "painted by the test"}
    manifest = train(crops, bundle, size=64, console=Console(file=io.StringIO()), **options)  # type: ignore[arg-type]
    assert manifest.labels == ("blue-fish", "green-fish", "red-fish")
    assert manifest.data[0].licence == "CC0"
    assert manifest.metrics["by_track.accuracy"] > 0.9
    session = open_session(load_bundle(bundle))
    assert check_golden(session).passed
    (said,) = Classifier(session).classify([painted("green", 1000)])
    assert said.best_label == "green-fish"
    assert "CC0" in (bundle / "NOTICE").read_text()


def test_a_track_is_in_one_fold_alone(crops: Path) -> None:
    folds: dict[str, set[int]] = {}
    for crop in read_crops(crops):
        folds.setdefault(crop.track, set()).add(crop.fold)
    assert all(len(each) == 1 and each < set(range(FOLDS)) for each in folds.values())


@pytest.mark.parametrize("text", ["", "path,species\na.png,cod\n", "path,species,track\na.png,cod,1\n"])
def test_an_index_that_cannot_teach_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(ConfigurationError):
        read_crops(tmp_path)
