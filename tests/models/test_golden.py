from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from models.runtime import BundleError, Detector, check_golden, load_bundle, open_session
from models.runtime.golden import GoldenExpectation
from tests.models.tiny_bundle import bright_cells, edit_manifest, tiny_detector


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A tiny detector with one golden frame that shows two bright cells."""
    folder = tiny_detector(tmp_path / "tiny")
    frame = bright_cells([(1, 0), (3, 1)], scale=4)
    cv2.imwrite(str(folder / "frame.png"), frame)
    (found,) = Detector(open_session(load_bundle(folder))).detect([frame])
    (folder / "frame.json").write_text(GoldenExpectation(detections=tuple(found)).model_dump_json())
    edit_manifest(folder, golden=["frame.png"])
    return folder


def test_a_model_gives_its_golden_results(bundle: Path) -> None:
    result = check_golden(open_session(load_bundle(bundle)))
    assert result.passed
    assert (result.frames, result.failures) == (1, ())
    assert result.min_iou == pytest.approx(1.0)


def test_another_model_under_the_same_manifest_fails(bundle: Path, tmp_path: Path) -> None:
    # A graph of 32-pixel cells would be another model; here the golden frame shows what this one no longer finds.
    cv2.imwrite(str(bundle / "frame.png"), bright_cells([(1, 0), (2, 1)], scale=4))
    result = check_golden(open_session(load_bundle(bundle)))
    assert not result.passed
    assert len(result.failures) == 2
    assert "frame.png: no fish" in result.failures[0]
    assert "unexpected fish" in result.failures[1]


def test_a_drifting_confidence_fails(bundle: Path) -> None:
    cv2.imwrite(str(bundle / "frame.png"), bright_cells([(1, 0), (3, 1)], scale=4, value=200))
    result = check_golden(open_session(load_bundle(bundle)))
    assert any("confidence changed" in failure for failure in result.failures)


def test_a_bundle_without_golden_frames_has_proven_nothing(tmp_path: Path) -> None:
    assert not check_golden(open_session(load_bundle(tiny_detector(tmp_path / "tiny")))).passed


@pytest.mark.parametrize("name", ["frame.png", "frame.json"])
def test_a_missing_golden_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError) as caught:
        check_golden(open_session(load_bundle(bundle)))
    assert str(caught.value.value).endswith(name)
