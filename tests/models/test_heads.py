"""Any ONNX file with a manifest runs: every form of head, boxes back in the pixels of the original frame."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.bundles import DetectionOutput, ModelManifest
from models.runtime import BundleError, Detector, Scorer, check_golden, load_bundle, open_session
from models.runtime.postprocess import read_detections
from tests.models.tiny_bundle import bright_cells, edit_manifest
from tests.models.tiny_heads import CELLS, HEADS, LABELS, tiny_head, tiny_scores
from tests.servers.presence import ROOT

README = ROOT / "models" / "runtime" / "README.md"


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("head", HEADS)
def test_every_head_finds_the_same_fish_once_and_knows_their_class(tmp_path: Path, head: str, layout: str) -> None:
    detector = Detector(open_session(load_bundle(tiny_head(tmp_path, head, layout=layout))))
    frames = [bright_cells([(1, 0), (2, 1)], scale=10), bright_cells([], scale=10), bright_cells([(3, 1)], scale=10)]
    found = detector.detect(frames)
    assert [len(one) for one in found] == [2, 0, 1]
    for detection, (x, y) in [*zip(sorted(found[0], key=lambda d: d.box.x), [(160, 0), (320, 160)], strict=True), (found[2][0], (480, 160))]:  # fmt: skip
        box = detection.box
        assert (box.x * 640, box.y * 320, box.w * 640, box.h * 320) == pytest.approx((x, y, 160, 160), abs=1)
        assert detection.label == LABELS[1]
        assert detection.confidence == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("head", HEADS)
def test_letterbox_and_stretch_give_original_pixels_back(tmp_path: Path, head: str) -> None:
    square = np.zeros((640, 640, 3), np.uint8)
    square[:320, :320] = 255
    for fit in ("letterbox", "stretch"):
        (found,) = Detector(open_session(load_bundle(tiny_head(tmp_path / fit, head, fit=fit)))).detect([square])
        # Letterboxed to 32x32 in the middle the quarter is one cell; stretched it is two beside each other.
        assert sorted((round(d.box.x * 640), round(d.box.w * 640)) for d in found) == (
            [(0, 320)] if fit == "letterbox" else [(0, 160), (160, 160)]
        )
        assert {(round(d.box.y * 640), round(d.box.h * 640)) for d in found} == {(0, 320)}


def test_hundreds_of_labels_and_hundreds_of_fish_fit() -> None:
    rng = np.random.default_rng(0)
    centres = np.stack(np.meshgrid(np.arange(40), np.arange(20)), -1).reshape(-1, 2) * 15.0 + 7
    count = len(centres)
    output = np.zeros((4 + 365, count), np.float32)
    output[:4] = np.concatenate([centres, np.full((count, 2), 10.0)], axis=1).T
    classes = rng.integers(0, 365, count)
    output[4 + classes, np.arange(count)] = 0.9
    yolo = DetectionOutput(format="yolo")
    found = read_detections({"boxes": output}, yolo, threshold=0.3, width=640, height=320)
    assert len(found.boxes) == count == 800
    assert sorted(found.classes.tolist()) == sorted(classes.tolist())
    few = yolo.model_copy(update={"max_detections": 50})
    assert len(read_detections({"boxes": output}, few, threshold=0.3, width=640, height=320).boxes) == 50


def test_logits_are_scores_after_the_logistic_function() -> None:
    boxes = np.array([[10, 10, 20, 20], [30, 30, 40, 40]], np.float32)
    output = DetectionOutput(score_kind="logits", box_format="xywh")
    found = read_detections(
        {"boxes": boxes, "scores": np.array([2.0, -3.0])}, output, threshold=0.3, width=100, height=100
    )
    assert found.scores.tolist() == pytest.approx([0.8808], abs=1e-4)
    assert found.boxes.tolist() == [[10, 10, 30, 30]]


@pytest.mark.parametrize(
    ("head", "changes", "field", "remedy"),
    [
        ("yolo-v8", {"boxes": "out"}, "manifest.detection.boxes", "outputs are: output0"),
        ("yolo-v8", {"anchors_first": True}, "manifest.detection.anchors_first", "Write False"),
        ("yolo-v5", {"objectness": False}, "manifest.detection.objectness", "write True"),
        ("yolo-v8", {"objectness": True}, "manifest.detection.objectness", "write False"),
        ("yolo-v10", {"format": "boxes_scores"}, "manifest.detection.scores", "outputs are"),
        ("ssd", {"background": None}, "manifest.labels", "3 classes"),
        ("centernet", {"format": "rows"}, "manifest.detection.format", "not (..., 6)"),
        ("tensorflow-ssd", {"count": "number"}, "manifest.detection.count", "num_detections"),
        ("torchvision", {"batched": True}, "manifest.detection.boxes", "3 dimensions"),
    ],
)
def test_a_manifest_that_does_not_fit_its_graph_is_refused_by_field_with_the_remedy(
    tmp_path: Path, head: str, changes: dict[str, Any], field: str, remedy: str
) -> None:
    bundle = load_bundle(tiny_head(tmp_path, head, **changes))
    with pytest.raises(BundleError) as refused:
        open_session(bundle)
    assert refused.value.field == field
    assert remedy in refused.value.remedy


def test_a_missing_label_is_named_and_a_batch_that_is_fixed_is_told(tmp_path: Path) -> None:
    folder = tiny_head(tmp_path, "yolo-v8")
    edit_manifest(folder, labels=["salmon", "wrasse", "cod"])
    with pytest.raises(BundleError, match="The graph gives 2 classes"):
        open_session(load_bundle(folder))
    folder = tiny_head(tmp_path, "torchvision")
    manifest = json.loads((folder / "manifest.json").read_text())
    edit_manifest(folder, input=manifest["input"] | {"dynamic_batch": True})
    with pytest.raises(BundleError, match="need false"):
        load_bundle(folder)


def test_health_scores_are_independent_and_have_their_own_thresholds(tmp_path: Path) -> None:
    scorer = Scorer(open_session(load_bundle(tiny_scores(tmp_path, thresholds={"red_spots": 0.99}))))
    blue, red, both, grey = (np.full((40, 40, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255), (255, 0, 255), (0, 90, 0)))  # fmt: skip
    answers = scorer.score([blue, red, both, grey])
    assert [answer.present for answer in answers] == [("pale",), (), ("pale",), ()]
    assert answers[2].scores["red_spots"] == pytest.approx(0.982, abs=0.01)
    assert answers[3].scores == pytest.approx({"pale": 0.018, "red_spots": 0.018}, abs=0.01)
    with pytest.raises(BundleError, match="task is scores"):
        Scorer(open_session(load_bundle(tiny_head(tmp_path / "d", "yolo-v8"))))


def test_a_score_models_self_test_and_its_mistakes(tmp_path: Path) -> None:
    import cv2

    folder = tiny_scores(tmp_path)
    cv2.imwrite(str(folder / "golden.png"), np.full((40, 40, 3), (255, 0, 0), np.uint8))
    (folder / "golden.json").write_text('{"scores": {"pale": 0.98, "red_spots": 0.02}}')
    edit_manifest(folder, golden=["golden.png"])
    assert check_golden(open_session(load_bundle(folder))).passed
    (folder / "golden.json").write_text('{"scores": {"pale": 0.5}}')
    assert not check_golden(open_session(load_bundle(folder))).passed
    edit_manifest(folder, scores={"name": "scores", "thresholds": {"lice": 0.5}})
    with pytest.raises(BundleError, match="none of the labels"):
        load_bundle(folder)


@pytest.mark.parametrize("head", HEADS)
def test_the_readme_shows_how_this_head_is_described(head: str) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| `(\{.*\})` \|$", README.read_text(), re.MULTILINE)
    shown = {name: json.loads(example) for name, example in rows}
    assert shown[head] == HEADS[head][1]


def test_the_whole_manifest_of_the_readme_is_valid() -> None:
    for block in re.findall(r"^```json\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL):
        ModelManifest.model_validate_json(block)
    assert CELLS == 8
