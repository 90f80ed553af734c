"""Who gets which frame, how far people agree, what makes room, and labels in the formats of others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

import pytest

from cloud.labels.formats import Frame, from_coco, from_label_studio, to_coco, to_label_studio
from cloud.labels.rules import (
    Answer,
    Candidate,
    agreement,
    box_fault,
    called,
    iou,
    kappa,
    match,
    mean_agreement,
    next_order,
)
from cloud.samples.rules import MARKED, make_room, novelty, priority, uncertainty
from contracts.samples import LabelledBox, SampleReason
from contracts.vision import Box, Detection

SHA = "ab" * 32


def boxes(*corners: tuple[float, float, float, float], label: str = "fish") -> list[LabelledBox]:
    return [LabelledBox(label=label, box=Box(x=x, y=y, w=w, h=h)) for x, y, w, h in corners]


def found(confidence: float) -> Detection:
    return Detection(label="fish", confidence=confidence, box=Box(x=0, y=0, w=0.1, h=0.1))


def test_overlap_of_boxes() -> None:
    a = Box(x=0, y=0, w=0.2, h=0.2)
    assert iou(a, a) == pytest.approx(1)
    assert iou(a, Box(x=0.1, y=0, w=0.2, h=0.2)) == pytest.approx(1 / 3)
    assert iou(a, Box(x=0.2, y=0, w=0.2, h=0.2)) == 0


def test_each_box_is_matched_once_by_its_greatest_overlap() -> None:
    mine = boxes((0.1, 0.1, 0.2, 0.2), (0.12, 0.1, 0.2, 0.2))
    theirs = boxes((0.12, 0.1, 0.2, 0.2))
    assert [(i, j) for i, j, _ in match(mine, theirs)] == [(1, 0)]


def test_people_who_draw_the_same_fish_agree_and_the_missed_one_costs() -> None:
    fish = boxes((0.1, 0.1, 0.2, 0.2), (0.6, 0.6, 0.2, 0.2))
    assert agreement(Answer(fish), Answer(fish)).overall == 1
    assert agreement(Answer(fish), Answer(fish[:1])).boxes == pytest.approx(2 / 3)
    assert agreement(Answer(), Answer()).overall == 1  # both say that nothing is there
    other = [fish[0], fish[1].model_copy(update={"label": "net"})]
    assert agreement(Answer(fish), Answer(other)).boxes == pytest.approx(1 / 2)
    assert mean_agreement([Answer(fish)]) is None


def test_classes_and_scores_count_beside_boxes() -> None:
    told = agreement(Answer((), ["cod", "pen"], {"lice": 0.2}), Answer((), ["cod"], {"lice": 0.6}))
    assert (told.classes, told.boxes) == (0.5, None)
    assert told.scores == pytest.approx(0.6)
    assert told.overall == pytest.approx(0.55)


def test_kappa_is_agreement_beyond_chance() -> None:
    assert kappa([("a", "a"), ("b", "b")] * 5) == pytest.approx(1)
    # Cohen's own arithmetic: 70 % observed, 50 % expected.
    pairs = [("a", "a")] * 35 + [("b", "b")] * 35 + [("a", "b")] * 15 + [("b", "a")] * 15
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([("fish", "fish")] * 9) is None
    one, two = Answer(boxes((0.1, 0.1, 0.2, 0.2))), Answer(boxes((0.7, 0.7, 0.2, 0.2)))
    assert called(one, two) == [("fish", "(nothing)"), ("(nothing)", "fish")]


def test_a_camera_that_had_its_share_waits_and_a_marked_frame_does_not() -> None:
    hard, other, marked = (
        Candidate(UUID(int=i), camera, value) for i, (camera, value) in enumerate((("a", 0.9), ("b", 0.7), ("a", 2.3)))
    )
    assert next_order([hard, other], []) == [hard, other]
    assert next_order([hard, other], ["a", "a"]) == [other, hard]
    assert next_order([hard, other, marked], ["a"] * 5)[0] == marked


def test_what_the_model_doubts_and_what_looks_new_comes_first() -> None:
    assert uncertainty(SampleReason.DRIFT, 0.9, []) == 0.9
    assert uncertainty(SampleReason.NEAR_THRESHOLD, 0.1, [found(0.5), found(0.99)]) == pytest.approx(0.8)
    assert uncertainty(SampleReason.RANDOM, 0.0, []) == 0.5
    assert novelty([0.5] * 67, []) == 1
    assert novelty([0.5] * 67, [[0.5] * 67, [0.9] * 67]) == 0
    assert novelty([0.5] * 67, [[0.75] * 67]) == 1
    assert priority(1, 1) == 1
    assert priority(0, 0, marked=True) == MARKED


def test_room_is_made_by_the_least_worth_or_not_at_all() -> None:
    assert make_room(80, 10, 100, []) == []
    assert make_room(95, 10, 100, [("a", 3), ("b", 3), ("c", 3)]) == ["a", "b"]
    assert make_room(95, 10, 100, [("a", 3)]) is None


@pytest.mark.parametrize(("corners", "told"), [((0.1, 0.1, 0.0, 0.2), "above 0"), ((0.9, 0.1, 0.2, 0.2), "beyond")])
def test_a_box_that_cannot_be_is_told_why(corners: tuple[float, float, float, float], told: str) -> None:
    x, y, w, h = corners
    assert told in str(box_fault(Box(x=x, y=y, w=w, h=h)))


def a_frame(answer: Answer, proposals: Sequence[Detection] = ()) -> Frame:
    return Frame(
        sha256=SHA, media_type="image/jpeg", width=200, height=100, site="s", unit="u", device="d", camera="c",
        captured_at=datetime(2026, 3, 1, 12, tzinfo=timezone.utc), reason="random", source="edge", licence="CC-BY-4.0",
        answer=answer, annotator="ada@x.example", proposals=proposals,
    )  # fmt: skip


ANSWER = Answer(boxes((0.1, 0.2, 0.25, 0.5)), ["cod"], {"lice": 0.25})


def test_coco_comes_back_as_it_left_with_what_training_needs_to_know() -> None:
    document = to_coco([a_frame(ANSWER)], ["fish"], {})
    (image,) = document["images"]
    assert document["annotations"][0]["bbox"] == [20, 20, 50, 50]
    assert document["licenses"][0]["name"] == image["licence"] == "CC-BY-4.0"
    assert image["file_name"] == f"images/{SHA}.jpg"
    assert (image["site"], image["camera"], image["track"]) == ("s", "c", "s/d/c/2026-03-01")
    assert (image["captured_at"], image["annotator"]) == ("2026-03-01T12:00:00+00:00", "ada@x.example")
    parsed = from_coco(document)
    assert parsed.faults == []
    assert parsed.answers[0].sha256 == SHA
    assert agreement(parsed.answers[0].answer, ANSWER).overall == pytest.approx(1)


def test_label_studio_comes_back_as_it_left_with_what_the_model_proposed() -> None:
    (task,) = to_label_studio([a_frame(ANSWER, [found(0.8)])])
    assert task["predictions"][0]["result"][0]["score"] == 0.8
    parsed = from_label_studio([task])
    assert parsed.faults == []
    back = parsed.answers[0].answer
    assert back.boxes[0].box.w == pytest.approx(0.25)
    assert (back.classes, back.scores) == (["cod"], {"lice": 0.25})
    renamed = task | {"data": {"image": f"/data/upload/1/f00ba412-{SHA}.jpg"}}
    assert from_label_studio([renamed]).answers[0].sha256 == SHA


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"images": "none"}, "images"),
        ({"images": [{"id": 1, "file_name": "tank.jpg"}], "annotations": []}, "images.0.file_name"),
        ({"annotations": [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1]}]}, "annotations.0.image_id"),
        ({"annotations": [{"image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1]}]}, "annotations.0.category_id"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [150, 0, 90, 9]}]}, "annotations.0.bbox"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, float("nan"), 9]}]}, "annotations.0.bbox"),
    ],
)
def test_a_fault_in_a_coco_file_is_told_by_its_place(change: dict[str, Any], where: str) -> None:
    document = to_coco([a_frame(ANSWER)], ["fish"], {}) | change
    assert where in [place for place, _ in from_coco(document).faults]


def test_boxes_that_were_turned_are_not_taken_for_upright_ones() -> None:
    (task,) = to_label_studio([a_frame(ANSWER)])
    task["annotations"][0]["result"][0]["value"]["rotation"] = 30
    assert "without rotation" in from_label_studio([task]).faults[0][1]
