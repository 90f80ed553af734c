from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from models.runtime import BundleError, InferenceError, load_bundle, open_session
from tests.models.tiny_bundle import edit_manifest, tiny_detector


def test_the_session_says_what_it_runs_and_on_what(tmp_path: Path) -> None:
    bundle = load_bundle(tiny_detector(tmp_path / "tiny"))
    session = open_session(bundle, providers=["CPUExecutionProvider"])
    assert session.provider == "CPUExecutionProvider"
    assert session.sha256 == hashlib.sha256(bundle.model_path.read_bytes()).hexdigest()
    assert session.bundle is bundle


def test_a_provider_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    bundle = load_bundle(tiny_detector(tmp_path / "tiny"))
    with pytest.raises(BundleError) as caught:
        open_session(bundle, providers=["MadeUpExecutionProvider"])
    assert (caught.value.field, caught.value.value) == ("model.providers", "MadeUpExecutionProvider")
    assert "CPUExecutionProvider" in caught.value.remedy
    with pytest.raises(BundleError, match="Name at least one"):
        open_session(bundle, providers=[])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"input": {"name": "pictures", "width": 64, "height": 32}}, "manifest.input.name"),
        ({"input": {"width": 64, "height": 32, "dtype": "float32"}}, "manifest.input.dtype"),
        ({"input": {"width": 32, "height": 64}}, "manifest.input"),
        ({"input": {"width": 64, "height": 32, "layout": "NCHW"}}, "manifest.input"),
        ({"detection": {"boxes": "rectangles"}}, "manifest.detection.boxes"),
    ],
)
def test_a_manifest_that_does_not_fit_the_graph_is_refused(
    tmp_path: Path, changes: dict[str, object], field: str
) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    edit_manifest(folder, **changes)
    with pytest.raises(BundleError) as caught:
        open_session(load_bundle(folder))
    assert caught.value.field == field


def test_a_failing_graph_is_one_failed_frame_not_a_crash(tmp_path: Path) -> None:
    session = open_session(load_bundle(tiny_detector(tmp_path / "tiny")))
    with pytest.raises(InferenceError, match=r"tiny 1\.0\.0 failed"):
        session.run(np.zeros((1, 5, 5, 3), np.uint8), ["boxes"])
