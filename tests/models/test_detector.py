from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from contracts.bundles import DetectionOutput
from models.runtime import BundleError, Detector, InferenceError, load_bundle, open_session
from models.runtime.postprocess import Candidates, iou, read_detections, suppress, to_detections
from models.runtime.preprocess import Placement
from tests.models.tiny_bundle import Head, bright_cells, edit_manifest, tiny_classifier, tiny_detector

WHOLE = Placement(0, 0, 100, 100)


def read(output: DetectionOutput, threshold: float = 0.3, **tensors: npt.NDArray[Any]) -> Candidates:
    return read_detections(tensors, output, threshold=threshold, width=100, height=50)


def open_detector(folder: Path) -> Detector:
    return Detector(open_session(load_bundle(folder)))


@pytest.mark.parametrize("head", get_args(Head))
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dynamic_batch", [True, False])
def test_both_heads_find_the_bright_cells(tmp_path: Path, head: Head, layout: str, dynamic_batch: bool) -> None:
    folder = tiny_detector(
        tmp_path / "tiny",
        head=head,
        layout="NCHW" if layout == "NCHW" else "NHWC",
        dtype="float32" if layout == "NCHW" else "uint8",
        dynamic_batch=dynamic_batch,
    )
    found = open_detector(folder).detect([bright_cells([(1, 0)]), bright_cells([]), bright_cells([(0, 1), (3, 0)])])
    assert [len(frame) for frame in found] == [1, 0, 2]
    (detection,) = found[0]
    assert detection.label == "fish"
    assert detection.confidence == pytest.approx(1.0)
    assert (detection.box.x, detection.box.y, detection.box.w, detection.box.h) == pytest.approx((0.25, 0, 0.25, 0.5))


def test_boxes_are_fractions_of_the_original_frame_whatever_its_shape(tmp_path: Path) -> None:
    detector = open_detector(tiny_detector(tmp_path / "tiny"))
    square = np.zeros((640, 640, 3), np.uint8)
    square[:320, :320] = 255  # a quarter of the frame; in the letterboxed 64x32 input it is exactly one cell
    tall = np.concatenate([square, square * 0])[:, :320]  # 1280x320: a cell holds the whole width and more
    ((in_square,), in_tall) = detector.detect([square, tall])
    assert in_square.box.model_dump() == pytest.approx({"x": 0.0, "y": 0.0, "w": 0.5, "h": 0.5})
    for detection in in_tall:
        assert 0 <= detection.box.x <= detection.box.x + detection.box.w <= 1


def test_many_frames_go_through_in_bounded_batches(tmp_path: Path) -> None:
    detector = open_detector(tiny_detector(tmp_path / "tiny"))
    frames = [bright_cells([(index % 4, 0)]) for index in range(21)]
    found = detector.detect(frames)
    assert [round(frame[0].box.x * 4) for frame in found] == [index % 4 for index in range(21)]
    assert detector.detect([]) == []


def test_the_threshold_of_the_manifest_can_be_overridden(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny", threshold=0.9)
    session = open_session(load_bundle(folder))
    dim = bright_cells([(0, 0)], value=128)
    assert Detector(session).detect([dim]) == [[]]
    assert len(Detector(session, threshold=0.4).detect([dim])[0]) == 1


def test_a_classifier_is_no_detector(tmp_path: Path) -> None:
    session = open_session(load_bundle(tiny_classifier(tmp_path / "colours")))
    with pytest.raises(BundleError, match="task is detection"):
        Detector(session)


def test_more_classes_than_labels_is_an_error_of_the_model(tmp_path: Path) -> None:
    found = Candidates(np.array([[0, 0, 9, 9]], np.float32), np.array([0.9], np.float32), np.array([3]))
    with pytest.raises(InferenceError, match="class 3"):
        to_detections(found, WHOLE, ("fish",))


def test_boxes_are_clipped_to_the_frame_and_vanish_outside_it() -> None:
    boxes = np.array([[-50, -50, 50, 50], [120, 120, 140, 140]], np.float32)
    (detection,) = to_detections(
        Candidates(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 0])), WHOLE, ("fish",)
    )
    assert detection.box.model_dump() == {"x": 0.0, "y": 0.0, "w": 0.5, "h": 0.5}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_gives_no_numbers_is_reported(bad: float) -> None:
    boxes, scores = np.zeros((1, 4), np.float32), np.array([0.9], np.float32)
    with pytest.raises(InferenceError, match="not numbers"):
        read(DetectionOutput(), boxes=boxes, scores=scores * bad)
    with pytest.raises(InferenceError, match="not numbers"):
        read(DetectionOutput(), boxes=boxes + bad, scores=scores)


def test_yolo_duplicates_are_suppressed_per_class() -> None:
    # cx cy w h, then the scores of two classes, one column per anchor
    output = np.array(
        [
            [50, 51, 50, 10],
            [50, 50, 50, 10],
            [20, 20, 20, 10],
            [20, 20, 20, 10],
            [0.9, 0.8, 0.1, 0.05],
            [0.0, 0.0, 0.7, 0.6],
        ],
        np.float32,
    )
    yolo = DetectionOutput(format="yolo")
    found = read(yolo, boxes=output)
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert found.classes.tolist() == [0, 1, 1]
    with pytest.raises(InferenceError, match="yolo head"):
        read(yolo, boxes=output[:4])


def test_suppression_keeps_the_best_of_a_chain() -> None:
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    found = Candidates(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.int64))
    assert suppress(found, 0.3).tolist() == [0, 2]
    assert suppress(Candidates(boxes[:0], found.scores[:0], found.classes[:0]), 0.3).tolist() == []


def test_overlap_of_boxes() -> None:
    first = np.array([[0, 0, 2, 2]], np.float32)
    second = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6], [1, 1, 1, 1]], np.float32)
    assert iou(first, second)[0].tolist() == pytest.approx([1.0, 1 / 7, 0.0, 0.0])


def test_a_graph_with_classes_names_them(tmp_path: Path) -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    output = DetectionOutput(classes="classes")
    found = read(output, boxes=boxes, scores=np.array([0.4, 0.9]), classes=np.array([1, 0]))
    labels = [d.label for d in to_detections(found, WHOLE, ("salmon", "wrasse"))]
    assert labels == ["salmon", "wrasse"]


def test_a_bundle_may_be_edited_to_another_threshold(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    edit_manifest(folder, threshold=0.95)
    assert open_detector(folder).threshold == 0.95
