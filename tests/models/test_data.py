from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from contracts.bundles import ImageInput
from contracts.datasets import DatasetImage, DatasetSnapshot
from models.data.augment import augment
from models.data.errors import DatasetError
from models.data.frames import LabelledFrame, Located, load_frame
from models.data.snapshot import freeze, write_snapshot
from models.data.splits import (
    BETWEEN,
    SAME_VIDEO,
    TRAIN,
    UNSEEN_SITE,
    SplitRule,
    apply_rule,
    crowd_weights,
    fingerprint,
    refuse_leaks,
    split_by_site,
)
from models.data.underwater import haze, immerse, lamp, ripples
from models.data.yolo import Crop, import_yolo
from tests.models.farm_pictures import paint_dataset


def read(folder: Path, *, crop: Crop | None = None) -> list[DatasetImage]:
    return import_yolo(folder, ("fish",), licence="CC0", provenance="painted", crop=crop)


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    return paint_dataset(tmp_path / "farm")


def test_a_folder_is_read_with_sites_videos_and_hashes(farm: Path) -> None:
    images = read(farm)
    assert len(images) == 12
    assert {image.site for image in images} == {"site-0", "site-1", "site-2"}
    assert images[0].path == "farm/images/site0_f000000.jpg"
    assert (images[0].width, images[0].height, len(images[1].boxes)) == (128, 72, 2)
    assert len({image.sha256 for image in images}) == 12


def test_without_an_index_the_file_name_tells_the_scene(farm: Path) -> None:
    (farm / "index.csv").unlink()
    assert {(image.site, image.group) for image in read(farm)} == {("unknown", f"site{n}") for n in range(3)}


def test_letterbox_bars_are_cut_off_and_boxes_follow(tmp_path: Path) -> None:
    farm = tmp_path / "farm"
    (farm / "images").mkdir(parents=True)
    (farm / "labels").mkdir()
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[25:75] = 200
    cv2.imwrite(str(farm / "images" / "a.jpg"), picture)
    # one box inside, one half in the upper bar, one wholly in it
    (farm / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.1\n0 0.5 0.25 0.2 0.2\n0 0.5 0.1 0.1 0.1\n")
    (image,) = read(farm, crop=(0, 25, 100, 75))
    assert [b.box.model_dump() for b in image.boxes] == [
        pytest.approx({"x": 0.4, "y": 0.4, "w": 0.2, "h": 0.2}),
        pytest.approx({"x": 0.4, "y": 0.0, "w": 0.2, "h": 0.2}),
    ]
    labelled = load_frame(Located(tmp_path, image), ImageInput(width=64, height=32))
    assert labelled.frame.min() > 190
    assert labelled.boxes[0].tolist() == pytest.approx([25.6, 12.8, 38.4, 19.2])


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.1", "1 0.5 0.5 0.1 0.1", "fish 0.5 0.5 0.1 0.1", "0 50 50 10 10", "0 .5 .5 0 .1"]
)
def test_a_wrong_label_stops_with_file_line_and_remedy(farm: Path, line: str) -> None:
    (farm / "labels" / "site1_f000002.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(DatasetError) as caught:
        read(farm)
    assert caught.value.field == "site1_f000002.txt:2"
    assert caught.value.value == line
    assert caught.value.remedy


def test_a_broken_picture_a_missing_label_and_an_empty_folder_stop(farm: Path, tmp_path: Path) -> None:
    (farm / "images" / "site0_f000001.jpg").write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match="broken"):
        read(farm)
    (farm / "labels" / "site0_f000000.txt").unlink()
    with pytest.raises(DatasetError, match="label file"):
        read(farm)
    with pytest.raises(DatasetError, match=r"images/\*\.jpg"):
        read(tmp_path / "nothing")


def test_held_out_sites_and_last_frames_never_train(farm: Path) -> None:
    split = split_by_site(read(farm), ["site-1"], same_video_every=4)
    assert {image.site for image in split[UNSEEN_SITE]} == {"site-1"}
    assert [image.path[-10:] for image in split[SAME_VIDEO]] == ["000003.jpg", "000003.jpg"]
    assert len(split[TRAIN]) == 6


def test_frames_from_between_judge_apart_from_the_end_of_a_video(farm: Path) -> None:
    split = split_by_site(read(farm), ["site-1"], same_video_every=4, between_every=2)
    assert [image.path[-10:-4] for image in split[SAME_VIDEO]] == ["000003", "000003"]
    assert [image.path[-10:-4] for image in split[BETWEEN]] == ["000001", "000001"]
    assert len(split[TRAIN]) == 4
    rule = SplitRule(by="site", held_out_sites=("site-1",), between_every=2)
    assert {part: len(members) for part, members in apply_rule(read(farm), rule).items()} == {
        "between": 4,
        "train": 4,
        "unseen_site": 4,
    }


def test_a_leaking_split_is_refused(farm: Path) -> None:
    images = read(farm)
    with pytest.raises(DatasetError, match=r"data\.site"):
        refuse_leaks({TRAIN: images[:2], UNSEEN_SITE: images[2:3]})
    moved = images[0].model_copy(update={"site": "elsewhere"})
    with pytest.raises(DatasetError, match=r"data\.group"):
        refuse_leaks({TRAIN: images[:1], UNSEEN_SITE: [moved]})
    copied = images[0].model_copy(update={"path": "copy.jpg", "group": "other"})
    with pytest.raises(DatasetError, match="same picture"):
        refuse_leaks({TRAIN: images[:1], SAME_VIDEO: [copied]})
    with pytest.raises(DatasetError, match="at least one site"):
        split_by_site(images, ["site-0", "site-1", "site-2"])
    with pytest.raises(DatasetError, match="has the sites"):
        split_by_site(images, ["site-9"])


def test_the_fingerprint_covers_labels_but_not_the_order(farm: Path) -> None:
    images = read(farm)
    assert fingerprint(images) == fingerprint(images[::-1])
    assert fingerprint(images) != fingerprint([images[0].model_copy(update={"boxes": ()}), *images[1:]])


def test_a_snapshot_says_what_was_trained_on(farm: Path, tmp_path: Path) -> None:
    snapshot = freeze("farm", ("fish",), split_by_site(read(farm), ["site-1"]))
    write_snapshot(snapshot, tmp_path / "run" / "dataset.json")
    again = DatasetSnapshot.model_validate_json((tmp_path / "run" / "dataset.json").read_bytes())
    assert again == snapshot
    assert again.splits[UNSEEN_SITE] == ("site-1/video-1",)


def test_augmented_boxes_still_lie_on_the_fish() -> None:
    frame = np.full((96, 160, 3), 30, np.uint8)
    frame[40:60, 60:100] = 230
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(60):
        varied = augment(LabelledFrame(frame, np.array([[60, 40, 100, 60]], np.float32), "x"), rng)
        assert varied.frame.shape == frame.shape
        for x0, y0, x1, y1 in varied.boxes.astype(int):
            inside = varied.frame[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
            grey = varied.frame.astype(float).mean(axis=2)
            assert 0 <= x0 < x1 <= 160
            assert 0 <= y0 < y1 <= 96
            assert inside.size == 0 or inside.mean() > np.percentile(grey, 50)
            seen += 1
    assert seen > 40


def test_a_gentle_variation_keeps_fish_nearly_where_and_as_large_as_they_were() -> None:
    frame = np.full((96, 160, 3), 30, np.uint8)
    frame[40:60, 60:100] = 230
    labelled = LabelledFrame(frame, np.array([[60, 40, 100, 60]], np.float32), "x")
    for seed in range(40):
        varied = augment(labelled, np.random.default_rng(seed), gentle=1.0)
        (x0, y0, x1, y1) = varied.boxes[0]
        assert 40 * 0.85 < x1 - x0 < 40 * 1.2
        assert 20 * 0.85 < y1 - y0 < 20 * 1.2
        grey = varied.frame.astype(float).mean(axis=2)
        assert grey[int(y0) + 2 : int(y1) - 2, int(x0) + 2 : int(x1) - 2].min() > 150
        assert np.median(grey) < 90
    same = augment(labelled, np.random.default_rng(1), gentle=0.0)
    assert (same.frame == augment(labelled, np.random.default_rng(1)).frame).all()


def test_a_strong_variation_enlarges_a_fish_as_far_as_it_is_asked_to() -> None:
    labelled = LabelledFrame(np.full((96, 160, 3), 30, np.uint8), np.array([[70, 43, 80, 53]], np.float32), "x")

    def widest(**zoom: float) -> float:
        drawn = [augment(labelled, np.random.default_rng(seed), **zoom).boxes for seed in range(60)]
        return max(boxes[0, 2] - boxes[0, 0] for boxes in drawn if len(boxes))

    assert 10 * 1.5 < widest() < 10 * 1.8 * 1.13 < 10 * 2.2 < widest(zoom=2.5) < 10 * 2.5 * 1.13


def test_a_crowded_frame_is_drawn_more_often_than_an_empty_one(tmp_path: Path) -> None:
    images = import_yolo(paint_dataset(tmp_path / "farm"), ("fish",), licence="CC0", provenance="painted")
    weights = crowd_weights(images, 0.5)
    assert weights.tolist() == pytest.approx([(1 + len(image.boxes)) ** 0.5 for image in images])
    assert set(crowd_weights(images, 0.0).tolist()) == {1.0}


def test_the_same_seed_gives_the_same_variation() -> None:
    labelled = LabelledFrame(np.full((64, 64, 3), 90, np.uint8), np.array([[10, 10, 30, 30]], np.float32), "x")
    first, second = (augment(labelled, np.random.default_rng([1, 2])) for _ in range(2))
    assert (first.frame == second.frame).all()
    assert (first.boxes == second.boxes).all()


def test_haze_takes_red_first_and_contrast_with_the_distance() -> None:
    scene = np.full((60, 100, 3), 200, np.float32)
    scene[:, ::2] = 60
    for seed in range(12):
        hazy = haze(scene, np.random.default_rng(seed))
        kept = np.abs(np.diff(hazy, axis=1)).mean(axis=(0, 1)) / 140
        assert (kept < 1).all()
        assert kept[0] < kept[1] + 0.01  # no water lets more red through than green
        rows = np.abs(np.diff(hazy, axis=1)).mean(axis=(1, 2))
        assert max(rows[0], rows[-1]) > min(rows[0], rows[-1])


def test_ripples_and_a_lamp_change_the_light_and_not_the_scene() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        for gain in (ripples((40, 70), rng), lamp((40, 70), rng)):
            assert gain.shape == (40, 70)
            assert 0.2 < gain.min() < 1.2
            assert gain.max() < 1.6
            assert gain.std() > 0.01


def test_water_is_drawn_from_the_seed_and_only_when_asked_for() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    one, other = (immerse(frame, np.random.default_rng(5)) for _ in range(2))
    assert (one == other).all()
    assert len({immerse(frame, np.random.default_rng(n)).tobytes() for n in range(8)}) > 5
    labelled = LabelledFrame(frame, np.array([[10, 10, 30, 30]], np.float32), "x")
    plain = augment(labelled, np.random.default_rng(1))
    assert (plain.frame == augment(labelled, np.random.default_rng(1), underwater=0.0).frame).all()
    assert any(
        (
            augment(labelled, np.random.default_rng(n), underwater=1.0).frame
            != augment(labelled, np.random.default_rng(n)).frame
        ).any()
        for n in range(4)
    )
