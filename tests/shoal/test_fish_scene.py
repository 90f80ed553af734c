from __future__ import annotations

from pathlib import Path
from time import process_time

import cv2
import numpy as np
import pytest

from shoal.simulate.export import export, labelled_frames
from shoal.simulate.fish import FishScene, Place


def watch(scene: FishScene, steps: int = 10) -> list[tuple[np.ndarray, int]]:
    seen = []
    for _ in range(steps):
        scene.step(0.2)
        frame, boxes = scene.render()
        seen.append((frame, len(boxes)))
    return seen


@pytest.mark.parametrize("place", ["tank", "net_pen", "pond", None])
def test_the_same_seed_gives_the_same_film(place: Place | None) -> None:
    first, second = watch(FishScene(7, place=place)), watch(FishScene(7, place=place))
    for (one, fish), (other, others) in zip(first, second, strict=True):
        assert np.array_equal(one, other)
        assert fish == others
    assert not np.array_equal(first[0][0], watch(FishScene(8, place=place), 1)[0][0])


def test_boxes_lie_within_the_frame_and_hold_something_that_differs_from_empty_water() -> None:
    scene = FishScene(3, n_fish=10, place="tank")
    for _ in range(20):
        scene.step(0.25)
    frame, boxes = scene.render()
    assert frame.shape == (360, 640, 3)
    assert frame.dtype == np.uint8
    assert boxes
    empty = FishScene(3, n_fish=0, place="tank")
    background = empty.render()[0].astype(int)
    for box in boxes:
        assert 0 <= box.x < box.x + box.w <= 1 + 1e-9
        assert 0 <= box.y < box.y + box.h <= 1 + 1e-9
        x0, y0 = int(box.x * 640), int(box.y * 360)
        x1, y1 = int((box.x + box.w) * 640), int((box.y + box.h) * 360)
        inside = np.abs(frame[y0:y1, x0:x1].astype(int) - background[y0:y1, x0:x1]).mean()
        assert inside > 4


def test_fish_move_and_stay_about_the_camera() -> None:
    scene = FishScene(5, n_fish=9, place="net_pen")
    counts = [fish for _, fish in watch(scene, 300)]
    assert np.mean(counts) > 3, "the school must not swim away for good"
    frames = watch(scene, 2)
    assert np.abs(frames[0][0].astype(int) - frames[1][0].astype(int)).mean() > 0.5


def test_no_fish_no_boxes() -> None:
    assert watch(FishScene(1, n_fish=0, place="pond"), 3)[-1][1] == 0


def test_a_frame_costs_little() -> None:
    scene = FishScene(2, n_fish=8, place="tank")
    watch(scene, 3)
    began = process_time()
    watch(scene, 20)
    assert (process_time() - began) / 20 < 0.06, "a camera of 5 frames per second must not fill a core"


def test_export_writes_yolo_labels_beside_every_image(tmp_path: Path) -> None:
    fish = export(tmp_path, 12, seed=4)
    images = sorted((tmp_path / "images").glob("*.jpg"))
    labels = sorted((tmp_path / "labels").glob("*.txt"))
    assert [image.stem for image in images] == [label.stem for label in labels]
    assert len(images) == 12
    lines = [line.split() for label in labels for line in label.read_text().splitlines()]
    assert len(lines) == fish
    assert all(line[0] == "0" and all(0 <= float(number) <= 1 for number in line[1:]) for line in lines)
    assert cv2.imread(str(images[0])).shape == (360, 640, 3)


def test_exported_frames_repeat_with_the_seed_and_vary_within_a_scene() -> None:
    first = [frame for _, frame, _ in labelled_frames(5, 9)]
    second = [frame for _, frame, _ in labelled_frames(5, 9)]
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1])
