"""From folders of labelled pictures to a frozen data set, as ``shoal models dataset`` does it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from cloud.labels.formats import Frame, to_coco
from cloud.labels.rules import Answer
from contracts.datasets import DatasetImage
from contracts.errors import ConfigurationError
from contracts.samples import LabelledBox
from contracts.vision import Box
from models.data.class_folders import import_class_folders
from models.data.coco import import_coco
from models.data.errors import DatasetError
from models.data.frames import read_picture
from models.data.near_duplicates import (
    ON_CHECK,
    ON_FOLDER,
    ON_FREEZE,
    ON_FREEZE_BY_SITE,
    ON_SOURCES,
    Looks,
    Remedies,
    describe_frame,
    find_pairs,
    join_near_duplicates,
    leave_out_of_judging,
    refuse_near_duplicates,
)
from models.data.pictures import check_picture
from models.data.snapshot import draft, read_snapshot, write_snapshot
from models.data.splits import (
    JUDGE,
    SAME_VIDEO,
    TRAIN,
    UNKNOWN,
    UNSEEN_SITE,
    SplitRule,
    apply_rule,
    class_weights,
    deal_groups,
    group_of,
    refuse_shared_groups,
    site_weights,
    split_steadily,
)
from models.data.yolo import import_yolo
from shoal.cli import app
from tests.models.farm_pictures import paint_dataset

START = datetime(2026, 5, 1, tzinfo=timezone.utc)


def fish(number: int, *, group: str | None = None, label: str = "trout", **more: Any) -> DatasetImage:
    known: dict[str, Any] = {
        "path": f"farm/{number}.jpg", "sha256": f"{number:064x}", "width": 64, "height": 48, "site": "farm",
        "group": group or f"track-{number}", "classes": (label,), "licence": "CC0", "provenance": "painted",
    }  # fmt: skip
    return DatasetImage(**(known | more))


def shoal(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["models", "dataset", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def crops(folder: Path, *, classes: tuple[str, ...] = ("bream", "trout"), each: int = 6) -> Path:
    rng = np.random.default_rng(5)
    for label in classes:
        (folder / label).mkdir(parents=True)
        for number in range(each):
            cv2.imwrite(str(folder / label / f"{number}.png"), rng.integers(0, 255, (40, 60, 3), np.uint8))
    return folder


def coco(folder: Path, **image: Any) -> Path:
    (folder / "images").mkdir(parents=True)
    cv2.imwrite(str(folder / "images" / "a.png"), np.full((50, 100, 3), 90, np.uint8))
    document = {
        "images": [{"id": 7, "file_name": "a.png", "width": 100, "height": 50, **image}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 2, "bbox": [10, 5, 20, 10]},
            {"id": 2, "image_id": 7, "category_id": 3},
        ],
        "categories": [{"id": 2, "name": "fish"}, {"id": 3, "name": "turbid"}],
    }
    (folder / "labels.json").write_text(json.dumps(document))
    return folder / "labels.json"


def change(document: Path, part: str, **values: Any) -> Path:
    content = json.loads(document.read_text())
    content[part][0].update(values)
    document.write_text(json.dumps(content))
    return document


def test_a_farms_folder_becomes_a_frozen_data_set_that_proves_itself(tmp_path: Path) -> None:
    paint_dataset(tmp_path / "farm")
    out = shoal(
        "import", "yolo", tmp_path / "farm", "-o", tmp_path / "farm.json", "--label", "fish", "--licence", "CC0"
    )
    assert "CC0 (12 images)" in out
    out = shoal("freeze", tmp_path / "farm.json", "--by", "site", "--hold-out", "site-1", "-o", tmp_path / "frozen")
    (frozen,) = (tmp_path / "frozen").iterdir()
    snapshot = read_snapshot(frozen)
    assert frozen.name == f"farm-{snapshot.sha256[:12]}.json"
    assert {image.site for image in snapshot.images if image.split == UNSEEN_SITE} == {"site-1"}
    assert snapshot.rule == {"by": "site", "held_out_sites": ["site-1"]}
    assert "good, 12 images" in shoal("check", frozen, "--data", tmp_path)
    assert "unseen_site" in shoal("show", frozen)


def test_the_same_data_frozen_twice_has_one_name_and_another_label_another(tmp_path: Path) -> None:
    farm = paint_dataset(tmp_path / "farm")
    names = []
    for _ in range(2):
        shoal("import", "yolo", farm, "-o", tmp_path / "farm.json", "--label", "fish")
        shoal("freeze", tmp_path / "farm.json", "-o", tmp_path / "frozen", "--judge-share", 0.34)
        names.append({path.name for path in (tmp_path / "frozen").iterdir()})
    assert len(names[0]) == 1
    assert names[0] == names[1]
    (farm / "labels" / "site0_f000000.txt").write_text("")
    shoal("import", "yolo", farm, "-o", tmp_path / "farm.json", "--label", "fish")
    shoal("freeze", tmp_path / "farm.json", "-o", tmp_path / "frozen", "--judge-share", 0.34)
    assert len(list((tmp_path / "frozen").iterdir())) == 2


def test_an_altered_file_or_manifest_is_noticed(tmp_path: Path) -> None:
    farm = paint_dataset(tmp_path / "farm")
    shoal("import", "yolo", farm, "-o", tmp_path / "farm.json", "--label", "fish")
    cv2.imwrite(str(farm / "images" / "site2_f000003.jpg"), np.zeros((72, 128, 3), np.uint8))
    with pytest.raises(ConfigurationError, match=r"site2_f000003\.jpg was frozen as"):
        shoal("check", tmp_path / "farm.json")
    text = (tmp_path / "farm.json").read_text()
    (tmp_path / "farm.json").write_text(text.replace('"site-2"', '"site-0"'))
    with pytest.raises(DatasetError, match="altered since"):
        read_snapshot(tmp_path / "farm.json")
    (tmp_path / "farm.json").write_text("{}")
    with pytest.raises(DatasetError, match="no data set"):
        read_snapshot(tmp_path / "farm.json")


def test_a_truncated_jpeg_is_broken_though_opencv_would_fill_it_with_grey(tmp_path: Path) -> None:
    farm = paint_dataset(tmp_path / "farm")
    path = farm / "images" / "site0_f000002.jpg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert cv2.imread(str(path)) is not None
    with pytest.raises(DatasetError, match=r"site0_f000002\.jpg.*end is missing"):
        import_yolo(farm, ("fish",), licence="CC0", provenance="painted")
    with pytest.raises(DatasetError, match="missing"):
        check_picture(tmp_path / "nothing.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(DatasetError, match="0 bytes"):
        check_picture(tmp_path / "empty.png")


def test_labels_without_a_picture_stop_it(tmp_path: Path) -> None:
    farm = paint_dataset(tmp_path / "farm")
    (farm / "labels" / "site1_f00001.txt").write_text("0 0.5 0.5 0.1 0.1\n")  # a zero is missing in the name
    with pytest.raises(DatasetError, match=r"There is no picture site1_f00001 in images for it \(1 such files\)"):
        import_yolo(farm, ("fish",), licence="CC0", provenance="painted")


@pytest.mark.parametrize("how", ["half", "noise", "other", "gone"])
def test_a_frozen_picture_that_is_not_the_same_any_more_is_never_learnt_from(tmp_path: Path, how: str) -> None:
    farm = paint_dataset(tmp_path / "farm", sites=1, frames=2)
    one, other = import_yolo(farm, ("fish",), licence="CC0", provenance="painted")
    path, content = tmp_path / one.path, (tmp_path / one.path).read_bytes()
    changed = {"half": content[:700], "noise": b"noise" * 99, "other": (tmp_path / other.path).read_bytes()}
    path.write_bytes(changed.get(how, b""))
    if how == "gone":
        path.unlink()
    with pytest.raises(DatasetError, match=r"dataset check finds the next such file"):
        read_picture(tmp_path, one)
    assert read_picture(tmp_path, other).shape == (72, 128, 3)


def test_a_box_outside_its_picture_stops_with_file_line_and_edges(tmp_path: Path) -> None:
    farm = paint_dataset(tmp_path / "farm")
    (farm / "labels" / "site1_f000001.txt").write_text("\n0 0.9 0.5 0.4 0.1\n")
    with pytest.raises(DatasetError) as caught:
        import_yolo(farm, ("fish",), licence="CC0", provenance="painted")
    assert caught.value.field == "site1_f000001.txt:2"
    assert "0.700 0.450 1.100 0.550" in caught.value.remedy


def test_class_folders_and_their_index(tmp_path: Path) -> None:
    folder = crops(tmp_path / "crops")
    plain = import_class_folders(folder, licence="CC0", provenance="painted")
    assert [(image.path, image.classes) for image in plain[:2]] == [
        ("crops/bream/0.png", ("bream",)),
        ("crops/bream/1.png", ("bream",)),
    ]
    assert len({image.group for image in plain}) == 12
    (folder / "index.csv").write_text(
        "path,species,track,habitat,captured_at\nbream/0.png,bream,t1,pond,2026-05-01T06:00:00Z\nbream/1.png,tench,t1,pond,\n"
    )
    first, second = import_class_folders(folder, licence="CC0", provenance="painted")
    assert (first.group, first.site, first.captured_at) == ("t1", "pond", START + timedelta(hours=6))
    assert (second.classes, second.captured_at) == (("tench",), None)
    with pytest.raises(DatasetError, match=r"index\.csv:3.*tench"):
        import_class_folders(folder, ("bream", "trout"), licence="CC0", provenance="painted")
    (folder / "index.csv").write_text("path,species,captured_at\nbream/0.png,bream,yesterday\n")
    with pytest.raises(DatasetError, match=r"index\.csv:2.*yesterday"):
        import_class_folders(folder, licence="CC0", provenance="painted")
    (folder / "index.csv").write_text("path,species\n../../etc/secret.png,bream\n")
    with pytest.raises(DatasetError, match="inside its folder"):
        import_class_folders(folder, licence="CC0", provenance="painted")


def test_the_label_queues_coco_keeps_site_camera_track_time_and_annotators(tmp_path: Path) -> None:
    document = coco(
        tmp_path / "queue",
        site="pond-farm",
        camera="c1",
        track="t9",
        captured_at="2026-05-01T00:00:00Z",
        annotator=["ann", "bo"],
    )
    (image,), labels = import_coco(document, licence="CC0")
    assert labels == ("fish", "turbid")
    assert (image.path, image.site, image.camera, image.group) == ("images/a.png", "pond-farm", "c1", "t9")
    assert (image.captured_at, image.annotators, image.classes) == (START, ("ann", "bo"), ("turbid",))
    assert image.boxes[0].box.model_dump() == pytest.approx({"x": 0.1, "y": 0.1, "w": 0.2, "h": 0.2})


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("annotations", {"bbox": [90, 5, 20, 10]}, "annotations.0.bbox.*leaves its image of 100x50"),
        ("annotations", {"bbox": [10, 5, 0, 10]}, "above 0"),
        ("annotations", {"bbox": [10, 5]}, "left, top, width, height"),
        ("annotations", {"category_id": 9}, "category_id.*2 fish, 3 turbid"),
        ("annotations", {"image_id": 8}, "no such image"),
        ("images", {"width": 200}, "100x50 pixels"),
        ("images", {"sha256": "0" * 64}, "other content"),
        ("images", {"file_name": "../labels.json"}, "lie inside"),
        ("images", {"file_name": None}, "needs its file_name"),
        ("images", {"captured_at": "noon"}, "captured_at"),
        ("images", {"classes": "turbid"}, "list of names"),
    ],
)
def test_a_wrong_coco_document_stops_with_its_place(
    tmp_path: Path, part: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        import_coco(change(coco(tmp_path / "queue"), part, **values))


def test_an_unpacked_export_of_the_label_queue_is_read_as_it_lies(tmp_path: Path) -> None:
    document = change(
        coco(tmp_path / "tank-fish-3"), "images", file_name="images/a.png", classes=["murky"], annotator="ann"
    )
    (image,), labels = import_coco(document)
    assert image.path == "tank-fish-3/images/a.png"
    assert (image.classes, labels) == (("murky", "turbid"), ("fish", "turbid", "murky"))
    empty = json.loads(change(document, "images", annotator=None, classes=[]).read_text())
    document.write_text(json.dumps(empty | {"annotations": []}))
    with pytest.raises(DatasetError, match="Nobody has labelled it"):
        import_coco(document)


def test_a_document_that_is_no_coco_stops(tmp_path: Path) -> None:
    for text in (
        "not json",
        "[]",
        '{"images": [], "annotations": []}',
        '{"images": [1], "annotations": [], "categories": []}',
    ):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(DatasetError, match=r"a\.json"):
            import_coco(tmp_path / "a.json")


def test_groups_are_dealt_whole_and_every_fold_has_every_class() -> None:
    images = [
        fish(n, group=f"{label}-{n % 20}", label=label)
        for label in ("trout", "bream")
        for n in range(100 if label == "trout" else 40)
    ]
    images = [image.model_copy(update={"sha256": f"{n:064x}", "path": f"{n}"}) for n, image in enumerate(images)]
    dealt = deal_groups(images, 5, seed=3)
    assert dealt == deal_groups(images, 5, seed=3)
    assert dealt != deal_groups(images, 5, seed=4)
    for fold in range(5):
        mine = [image for image, number in zip(images, dealt, strict=True) if number == fold]
        assert sum(image.classes == ("trout",) for image in mine) == 20
        assert sum(image.classes == ("bream",) for image in mine) == 8
    split = apply_rule(images, SplitRule(by="folds"))
    refuse_shared_groups(split, SplitRule(by="folds"))
    with pytest.raises(DatasetError, match="3 groups"):
        deal_groups([fish(n) for n in range(3)], 5)


def test_the_future_of_every_camera_judges_and_the_gap_is_in_no_part() -> None:
    images = [
        fish(n, camera=f"c{n % 2}", captured_at=START + timedelta(minutes=n), group="whole-day") for n in range(100)
    ]
    split = apply_rule(images, SplitRule(by="time", judge_share=0.2, gap_s=240))
    assert len(split[JUDGE]) == 20
    assert len(split[TRAIN]) == 76  # of each camera two images lie within four minutes of the cut
    for camera in ("c0", "c1"):
        last = max(i.captured_at for i in split[TRAIN] if i.camera == camera and i.captured_at)
        first = min(i.captured_at for i in split[JUDGE] if i.camera == camera and i.captured_at)
        assert first - last > timedelta(minutes=4)
    with pytest.raises(DatasetError, match="time of every image"):
        apply_rule([fish(1)], SplitRule(by="time"))


def test_an_unknown_class_takes_its_whole_groups_out_of_training() -> None:
    images = [fish(n, label="trout") for n in range(8)] + [fish(8, label="pike"), fish(9, group="track-8")]
    split = apply_rule(images, SplitRule(unknown_classes=("pike",)))
    assert [image.classes for image in split[UNKNOWN]] == [("pike",)]
    assert all(image.group != "track-8" for part in (TRAIN, JUDGE) for image in split[part])
    with pytest.raises(DatasetError, match="The data has"):
        apply_rule(images, SplitRule(unknown_classes=("eel",)))


def test_leave_one_site_out_is_a_fold_for_every_site() -> None:
    images = [fish(n, site=f"farm-{n % 3}") for n in range(9)]
    assert {name: len(part) for name, part in apply_rule(images, SplitRule(by="folds_by_site")).items()} == {
        "fold-farm-0": 3, "fold-farm-1": 3, "fold-farm-2": 3,
    }  # fmt: skip
    with pytest.raises(DatasetError, match="one part"):
        apply_rule(images[:1], SplitRule(by="folds_by_site"))


def test_a_group_or_a_file_in_two_parts_is_refused() -> None:
    rule = SplitRule()
    with pytest.raises(DatasetError, match=r"farm/t.*train.*2\.jpg|2\.jpg.*train"):
        refuse_shared_groups({TRAIN: [fish(1, group="t")], JUDGE: [fish(2, group="t")]}, rule)
    copied = fish(2).model_copy(update={"sha256": fish(1).sha256})
    with pytest.raises(DatasetError, match="same file"):
        refuse_shared_groups({TRAIN: [fish(1)], JUDGE: [copied]}, rule)
    refuse_shared_groups({TRAIN: [fish(1, group="t")], SAME_VIDEO: [fish(2, group="t")]}, SplitRule(by="site"))


def test_rare_classes_and_short_videos_are_drawn_more_often() -> None:
    images = [fish(n) for n in range(16)] + [fish(n, label="pike", site="small") for n in range(16, 20)]
    for weights in (class_weights(images), site_weights(images)):
        assert weights.sum() == pytest.approx(1)
        assert weights[-1] / weights[0] == pytest.approx(2)  # four times rarer, twice as often
    assert class_weights(images, power=1)[:16].sum() == pytest.approx(0.5)


def test_drafts_that_contradict_each_other_are_not_merged(tmp_path: Path) -> None:
    for name, label in (("one", "trout"), ("two", "bream")):
        write_snapshot(draft(name, (label,), [fish(1, label=label)]), tmp_path / f"{name}.json")
    with pytest.raises(ConfigurationError, match="two describes it otherwise"):
        shoal("freeze", tmp_path / "one.json", tmp_path / "two.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--by", "image"), "by"),
        (("--judge-share", "2"), "judge_share"),
        (("--by", "site", "--hold-out", "nowhere"), "nowhere"),
        (("--by", "folds", "--folds", "40"), "groups"),
        (("--data", "/nowhere"), "no such file below /nowhere"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    shoal("import", "yolo", paint_dataset(tmp_path / "farm"), "-o", tmp_path / "farm.json", "--label", "fish")
    with pytest.raises(ConfigurationError, match=message):
        shoal("freeze", tmp_path / "farm.json", "-o", tmp_path, *arguments)


def test_class_numbers_need_names(tmp_path: Path) -> None:
    farm = paint_dataset(tmp_path / "farm")
    with pytest.raises(ConfigurationError, match="name them in their order"):
        shoal("import", "yolo", farm, "-o", tmp_path / "farm.json")
    (farm / "data.yaml").write_text("names: {0: fish}\n")
    assert "fish" in shoal("import", "yolo", farm, "-o", tmp_path / "farm.json")


def scene(seed: int, *, width: int = 120, height: int = 90) -> Any:
    """A smooth, colourful picture, as no other seed paints it."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def copies(picture: Any) -> dict[str, Any]:
    height, width = picture.shape[:2]
    return {
        "encoded again": cv2.imdecode(
            cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_COLOR
        ),
        "halved": cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA),
        "mirrored": picture[:, ::-1],
        "upright": np.rot90(picture),
        "cropped": picture[height // 12 : -height // 12, width // 12 : -width // 12],
        "brighter": np.clip(picture * 1.15 + 10, 0, 255).astype(np.uint8),
    }


@pytest.mark.parametrize("name", list(copies(scene(0))))
def test_a_copy_is_found_and_another_scene_is_not(name: str) -> None:
    pictures = [scene(1), scene(2), np.ascontiguousarray(copies(scene(1))[name])]
    views = [describe_frame(picture) for picture in pictures]
    looks = Looks(np.stack([numbers for numbers, _ in views], axis=1), np.array([plain for _, plain in views]))
    assert {frozenset(pair[:2]) for pair in find_pairs(looks, np.arange(3))} == {frozenset({0, 2})}
    assert not list(find_pairs(looks, np.array([0, 1, 0])))  # one group: they may look alike


def test_plain_water_is_no_copy_of_other_plain_water() -> None:
    water = np.full((60, 80, 3), (90, 70, 20), np.uint8)
    views = [describe_frame(water + np.uint8(n)) for n in range(2)]
    assert all(plain for _, plain in views)
    looks = Looks(np.stack([numbers for numbers, _ in views], axis=1), np.array([True, True]))
    assert not list(find_pairs(looks, np.arange(2)))


def test_a_leaking_split_fails_with_the_pairs_and_joins_on_request(tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    for label in ("bream", "trout"):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            cv2.imwrite(str(folder / label / f"{number}.png"), scene(number + 10 * (label == "trout")))
    cv2.imwrite(str(folder / "trout" / "9.png"), np.ascontiguousarray(scene(13)[:, ::-1]))
    shoal("import", "classes", folder, "-o", tmp_path / "crops.json")
    arguments = (
        "freeze",
        tmp_path / "crops.json",
        "-o",
        tmp_path / "frozen",
        "--by",
        "folds",
        "--folds",
        "4",
        "--seed",
        "2",
    )
    with pytest.raises(ConfigurationError) as caught:
        shoal(*arguments)
    assert "1 near-duplicate pairs" in str(caught.value)
    assert "crops/trout/3.png  =  " in str(caught.value) or "=  fold" in str(caught.value)
    assert "crops/trout/9.png" in str(caught.value)
    assert "--join-near-duplicates" in str(caught.value)
    assert not (tmp_path / "frozen").exists()
    shoal(*arguments, "--join-near-duplicates")
    (frozen,) = (tmp_path / "frozen").iterdir()
    snapshot = read_snapshot(frozen)
    pair = [image for image in snapshot.images if image.path.endswith(("trout/3.png", "trout/9.png"))]
    assert len({image.group for image in pair}) == 1
    assert len({image.split for image in pair}) == 1
    assert snapshot.guard["joined"] is True
    assert "good" in shoal("check", frozen, "--data", tmp_path)


def test_by_time_one_camera_may_look_alike_but_two_cameras_may_not(tmp_path: Path) -> None:
    (tmp_path / "farm").mkdir()
    images = []
    for number in range(10):
        camera = f"c{number % 2}"
        path = tmp_path / "farm" / f"{number}.png"
        cv2.imwrite(str(path), np.clip(scene(50 + number % 2).astype(int) + number, 0, 255).astype(np.uint8))
        sha256 = check_picture(path).sha256
        images.append(
            fish(number, path=f"farm/{number}.png", width=120, height=90, sha256=sha256, camera=camera,
                 captured_at=START + timedelta(minutes=number))
        )  # fmt: skip
    write_snapshot(draft("farm", ("trout",), images), tmp_path / "farm.json")
    shoal("freeze", tmp_path / "farm.json", "-o", tmp_path / "frozen", "--by", "time")
    moved = [image.model_copy(update={"camera": "c1"}) if n == 0 else image for n, image in enumerate(images)]
    write_snapshot(draft("farm", ("trout",), moved), tmp_path / "farm.json")
    arguments = ("freeze", tmp_path / "farm.json", "-o", tmp_path / "frozen", "--by", "time")
    with pytest.raises(ConfigurationError, match="near-duplicate"):
        shoal(*arguments)
    told = shoal(*arguments, "--join-near-duplicates")
    assert "left out of judging: 1 pictures" in " ".join(told.split())


class Shot(NamedTuple):
    """A picture as a camera takes it: what it shows is a number, the same for near-duplicates."""

    site: int
    camera: int
    day: int
    view: int


def taken(shots: Sequence[Shot]) -> tuple[list[DatasetImage], Looks]:
    """The shots as images of groups that are days of a camera, and how they look."""
    images = [
        fish(number, site=f"site-{shot.site}", camera=f"c{shot.camera}", group=f"c{shot.camera}/{shot.day}",
             captured_at=START + timedelta(days=shot.day))
        for number, shot in enumerate(shots)
    ]  # fmt: skip
    seen = [np.random.default_rng(10 * shot.view + shot.site).standard_normal(768) for shot in shots]
    numbers = np.array([each / np.linalg.norm(each) for each in seen], np.float32)
    return images, Looks(numbers[None], np.zeros(len(shots), bool))


SHOTS = st.lists(
    st.builds(Shot, st.integers(0, 1), st.integers(0, 2), st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=24
)


@settings(max_examples=60, deadline=None)
@given(shots=SHOTS, first=st.integers(2, 20))
def test_added_pictures_move_none_from_one_part_to_another(shots: list[Shot], first: int) -> None:
    """Whatever looks alike, and whichever picture comes between two groups that were apart."""
    images, looks = taken(shots)
    sites: dict[str, set[str]] = {}
    parts: list[dict[str, str]] = []
    for count in (min(first, len(shots)), len(shots)):
        now = images[:count]
        split = split_steadily(now, 0.4)
        if set(split) != {TRAIN, JUDGE}:
            reject()
        mine = Looks(looks.numbers[:, :count], looks.plain[:count])
        try:
            kept, left_out = leave_out_of_judging(split, now, mine)
        except DatasetError:
            reject()  # every judge looked like what trains; told
        assert refuse_near_duplicates(kept, now, mine, SplitRule(by="steady"))["pairs"] == 0
        assert kept[TRAIN] == split[TRAIN]
        assert len(split[JUDGE]) - len(kept[JUDGE]) == left_out
        parts.append({image.path: part for part, members in kept.items() for image in members})
        sites = sites or {
            site: {group_of(image) for image in now if image.site == site} for site in ("site-0", "site-1")
        }
    before, after = parts
    for image in images[: min(first, len(shots))]:
        part = before.get(image.path)
        if part == TRAIN and len(sites[image.site]) > 1:
            assert after[image.path] == TRAIN, "what trained once never judges"
        if part is None:
            assert after.get(image.path) != JUDGE, "what looked like training stays out of judging"


def test_a_part_that_shows_only_what_trains_is_told() -> None:
    images, looks = taken([Shot(0, 0, 1, 1), Shot(0, 1, 1, 1)])
    with pytest.raises(DatasetError, match="Every picture of it looks like one of another camera that trains"):
        leave_out_of_judging({TRAIN: images[:1], JUDGE: images[1:]}, images, looks)


def options(*words: str) -> set[str]:
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


@pytest.mark.parametrize(
    ("remedies", "commands"),
    [
        (ON_FREEZE, [("dataset", "freeze"), ("dataset", "fetch")]),
        (ON_FREEZE_BY_SITE, [("dataset", "freeze"), ("dataset", "fetch")]),
        (ON_FOLDER, [("train",)]),
        (ON_SOURCES, [("train",)]),
        (ON_CHECK, [("dataset", "check")]),
    ],
)
def test_what_the_guard_advises_can_be_told_to_the_command_that_advises_it(
    remedies: Remedies, commands: list[tuple[str, ...]]
) -> None:
    advice = remedies.told(same_site=True, other_site=True)
    for other in re.findall(r"dataset \w+ [^)]*", advice):  # of another command, which is named
        _, name, *rest = other.split()
        assert {word for word in rest if word.startswith("--")} <= options("models", "dataset", name)
        advice = advice.replace(other, "")
    for command in commands:
        assert set(re.findall(r"--[a-z-]+", advice)) <= options("models", *command)


@pytest.mark.parametrize(("other", "joins"), [("site-0", True), ("site-1", False)])
def test_joining_is_advised_for_one_site_and_moving_sites_for_two(other: str, *, joins: bool) -> None:
    (one, two), looks = taken([Shot(0, 0, 1, 1), Shot(0, 1, 1, 1)])
    two = two.model_copy(update={"site": other})
    with pytest.raises(DatasetError) as caught:
        refuse_near_duplicates({TRAIN: [one], JUDGE: [two]}, [one, two], looks, SplitRule())
    assert ("--join-near-duplicates" in str(caught.value)) is joins
    assert ("--hold-out" in str(caught.value)) is not joins


def test_joined_groups_are_named_by_their_oldest_picture_in_any_order() -> None:
    shots = [Shot(0, 0, 3, 1), Shot(0, 1, 1, 1), Shot(0, 2, 2, 1), Shot(0, 2, 2, 2), Shot(0, 0, 4, 3)]
    images, looks = taken(shots)
    for order in ([0, 1, 2, 3, 4], [4, 2, 3, 0, 1]):
        mine = Looks(looks.numbers[:, order], looks.plain[order])
        joined = join_near_duplicates([images[place] for place in order], mine)
        assert {image.path: image.group for image in joined} == {
            image.path: "c0/4" if image.path == images[4].path else "c1/1" for image in images
        }


def test_one_picture_under_two_labels_is_told(tmp_path: Path) -> None:
    folder = crops(tmp_path / "crops")
    for number in range(3):
        cv2.imwrite(str(folder / "bream" / f"{number}.png"), scene(number))
    cv2.imwrite(str(folder / "trout" / "1.png"), scene(2))
    (folder / "trout" / "1.png").write_bytes((folder / "bream" / "2.png").read_bytes() + b"padding")
    shoal("import", "classes", folder, "-o", tmp_path / "crops.json")
    out = shoal("freeze", tmp_path / "crops.json", "-o", tmp_path / "frozen", "--join-near-duplicates")
    assert "crops/bream/2.png and crops/trout/1.png are one picture under two labels" in out
    (frozen,) = (tmp_path / "frozen").iterdir()
    assert read_snapshot(frozen).guard["contradictions"] == 1


def test_what_the_label_queue_exports_is_what_is_imported(tmp_path: Path) -> None:
    (tmp_path / "tank-3" / "images").mkdir(parents=True)
    half = tmp_path / "half.png"
    cv2.imwrite(str(half), scene(1))
    sha256 = check_picture(half).sha256
    box = LabelledBox(label="trout", box=Box(x=0.25, y=0.1, w=0.5, h=0.2))
    frame = Frame(
        sha256=sha256, media_type="image/png", width=120, height=90, site="pond-farm", unit="tank-1", device="box-1", camera="c1",
        captured_at=START, reason="random", source="device", licence="CC0-1.0", answer=Answer([box], ["turbid"], {}), annotator="ann",
    )  # fmt: skip
    half.rename(tmp_path / "tank-3" / frame.file_name)
    document = to_coco([frame], ["trout"], {"description": "tank 3"})
    (tmp_path / "tank-3" / "annotations.json").write_text(json.dumps(document))
    shoal("import", "coco", tmp_path / "tank-3" / "annotations.json", "-o", tmp_path / "tank.json")
    (image,) = read_snapshot(tmp_path / "tank.json").images
    assert (image.path, image.sha256, image.licence) == (f"tank-3/{frame.file_name}", sha256, "CC0-1.0")
    assert (image.site, image.camera, image.group, image.captured_at) == ("pond-farm", "c1", frame.track, START)
    assert (image.annotators, image.classes) == (("ann",), ("turbid",))
    assert image.boxes[0].box.model_dump() == pytest.approx(box.box.model_dump())
    assert "good, 1 images" in shoal("check", tmp_path / "tank.json")
