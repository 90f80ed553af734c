"""A label set of the platform becomes a data set: fetched once, proven, gone on with after a cut, split so that it stays split."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cloud.labels.formats import Frame, to_coco
from cloud.labels.rules import Answer
from contracts.errors import ConfigurationError
from contracts.samples import LabelledBox
from contracts.vision import Box
from models.data import label_sets
from models.data.errors import DatasetError
from models.data.label_sets import LabelSet, Piece, StorageSource, fetch, fits, newest, reference
from models.data.snapshot import in_splits, read_snapshot
from models.data.splits import JUDGE, TRAIN, SplitRule, apply_rule, group_of, split_steadily
from shoal.cli import app
from shoal.client import ApiFailure
from shoal.models.label_sets import TRIES, ApiSource
from tests.models.test_datasets import fish

START = datetime(2026, 5, 1, 9, tzinfo=timezone.utc)


class Storage(NamedTuple):
    """What a platform has: a frozen document, its images, and the file that points at both."""

    pointer: Path
    document: Path
    images: Path
    label_set: LabelSet


def frozen(folder: Path, *, days: int = 6, views: Sequence[int] = ()) -> Storage:
    """Two cameras at two sites, some days, two frames a day; with ``views`` each always sees the same."""
    cameras = ("pen-1/cam-a", "pen-2/cam-b")
    images, frames, size = folder / "samples/7", [], 0
    for number, (camera, day, shot) in enumerate((c, d, s) for c in cameras for d in range(days) for s in range(2)):
        view = views[cameras.index(camera)] if views else number + 100
        picture = cv2.resize(np.random.default_rng(view).integers(0, 255, (6, 8, 3), np.uint8), (64, 48))
        picture[:2, :2] = number  # no two files are the same
        data = cv2.imencode(".png", picture)[1].tobytes()
        sha256 = hashlib.sha256(data).hexdigest()
        path = images / sha256[:2] / sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        size += len(data)
        box = LabelledBox(label="fish", box=Box(x=0.25, y=0.25, w=0.5, h=0.25))
        frames.append(
            Frame(
                sha256=sha256, media_type="image/png", width=64, height=48, site=camera.split("/")[0], unit="tank",
                device="box", camera=camera.split("/")[1], captured_at=START + timedelta(days=day, minutes=shot),
                reason="random", source="edge", licence="CC-BY-4.0", answer=Answer([box] if shot else [], [], {}),
                annotator="ana@fjord.example",
            )
        )  # fmt: skip
    frames.sort(key=lambda frame: frame.sha256)
    document = folder / "datasets/1.json"
    document.parent.mkdir(exist_ok=True)
    document.write_text(json.dumps(to_coco(frames, ["fish"], {"version": "3"}), sort_keys=True))
    sha256 = hashlib.sha256(document.read_bytes()).hexdigest()
    pointer = folder / "training/run-1/labels.json"
    pointer.parent.mkdir(parents=True, exist_ok=True)
    told = {"name": "pens", "number": 3, "sha256": sha256, "images": len(frames), "bytes": size}
    places = {"document": "../../datasets/1.json", "image_folder": "../../samples/7"}
    pointer.write_text(json.dumps(told | places))
    return Storage(pointer, document, images, LabelSet("pens", 3, sha256, len(frames), size))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return frozen(tmp_path / "storage")


def shoal(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["models", "dataset", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_labels_become_a_data_set_that_names_them(storage: Storage, tmp_path: Path) -> None:
    out, also = tmp_path / "pens", tmp_path / "dataset.json"
    wanted = f"pens@{storage.label_set.sha256[:12]}"
    told = shoal("fetch", wanted, "--from", storage.pointer, "-o", out, "--frozen", also)
    path = Path(told.rpartition("frozen: ")[2].strip().replace("\n", ""))
    snapshot = read_snapshot(path)
    assert read_snapshot(also) == snapshot
    assert snapshot.origin == {"label_set": "pens", "number": 3, "sha256": storage.label_set.sha256}
    assert {image.licence for image in snapshot.images} == {"CC-BY-4.0"}
    assert all(storage.label_set.sha256 in image.provenance for image in snapshot.images)
    assert Counter(len(image.boxes) for image in snapshot.images) == {0: 12, 1: 12}  # frames without fish teach too
    parts = in_splits(snapshot)
    assert {image.site for image in parts[JUDGE]} == {image.site for image in parts[TRAIN]} == {"pen-1", "pen-2"}
    assert "good, 24 images" in shoal("check", path)
    assert len(list((out / "images").iterdir())) == 24
    assert next((out / "images").iterdir()).stat().st_nlink == 2, "linked: a second copy takes no room"
    again = shoal("fetch", wanted, "--from", storage.pointer, "-o", tmp_path / "elsewhere", "--frozen", also)
    assert path.name in again, "its hash does not depend on the folder"


def test_a_fetch_that_was_cut_off_goes_on_where_it_was(storage: Storage, tmp_path: Path) -> None:
    asked: list[int] = []

    class Cut(StorageSource):
        most = 10

        def images(self, wanted: Sequence[str], every: Sequence[str]) -> Iterator[Piece]:
            asked.append(len(wanted))
            for place, (sha256, path) in enumerate(super().images(wanted, every)):
                if place == self.most:
                    raise ConnectionError
                assert isinstance(path, Path)
                yield sha256, path.read_bytes()

    source, out = Cut(storage.pointer), tmp_path / "pens"
    with pytest.raises(ConnectionError):
        fetch(source, storage.label_set, out)
    kept = sorted((out / "images").iterdir())
    assert len(kept) == 10
    kept[3].write_bytes(b"cut off by a power failure")
    (out / "images/.x.png.partial").write_bytes(b"half")
    source.most = 99
    told: list[tuple[int, int]] = []
    snapshot, _ = fetch(source, storage.label_set, out, progress=lambda done, of: told.append((done, of)))
    assert asked == [24, 15]  # nine of the ten were whole
    assert told == [(done, 24) for done in range(9, 25)]
    assert len(snapshot.images) == len(list((out / "images").iterdir())) == 24


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        ("altered image", "is not what was frozen"),
        ("missing image", "1 images of pens@3"),
        ("altered labels", "The platform's copy was altered"),
        ("missing labels", "It is missing in the storage"),
        ("another set", "Another label set is in it"),
        ("small disk", "Make room, or give a folder on another disk"),
        ("path", "Images are named by their sha256"),
        ("no folder", "It cannot be written: Not a directory. Give a folder that can be"),
    ],
)
def test_what_is_not_as_it_was_frozen_stops_it_and_says_whose_it_is(
    storage: Storage, tmp_path: Path, break_it: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = next(path for path in storage.images.rglob("*") if path.is_file())
    label_set, out = storage.label_set, tmp_path / "pens"
    if break_it == "altered image":
        image.write_bytes(b"other")
    elif break_it == "missing image":
        image.unlink()
    elif break_it == "altered labels":
        storage.document.write_bytes(storage.document.read_bytes().replace(b"fish", b"crab"))
    elif break_it == "missing labels":
        storage.document.unlink()
    elif break_it == "another set":
        out.mkdir()
        (out / "annotations.json").write_text("{}")
    elif break_it == "no folder":
        out = image / "pens"
    elif break_it == "path":
        content = storage.document.read_bytes().replace(b"images/", b"images/../", 1)
        storage.document.write_bytes(content)
        label_set = LabelSet("pens", 3, hashlib.sha256(content).hexdigest(), label_set.images, label_set.bytes)
    else:
        free = shutil.disk_usage(tmp_path)._replace(free=label_sets.ROOM)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
        assert len(fetch(StorageSource(storage.pointer), label_set, tmp_path / "linked")[0].images) == 24
        monkeypatch.setattr(StorageSource, "takes_room", lambda self, folder: True)  # on another disk
    with pytest.raises(DatasetError, match=words):
        fetch(StorageSource(storage.pointer), label_set, out)


class Link:
    """An API behind a link that goes away, and that answers a part of an answer once."""

    url = "https://farm.example"

    def __init__(self, *answers: bytes | ApiFailure) -> None:
        self.answers = list(answers)

    def get_dataset_archive(self, dataset: str, *, after: str | None, images: int | None) -> bytes:
        del dataset, after, images
        answer = self.answers.pop(0)
        if isinstance(answer, ApiFailure):
            raise answer
        return answer


def zipped(content: bytes) -> bytes:
    pipe = io.BytesIO()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr("annotations.json", content)
    return pipe.getvalue()


def test_a_link_that_goes_away_is_waited_for_and_a_refusal_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    slept: list[float] = []
    gone, busy = ApiFailure(0, "unreachable", "no route"), ApiFailure(429, "too_many_requests", "slow down")
    link = Link(gone, busy, zipped(b"whole")[:40], zipped(b"whole"))
    assert ApiSource(link, sleep=slept.append).document() == b"whole"  # type: ignore[arg-type]
    assert slept == [1.0, 2.0, 4.0]
    assert "no route; once more in 1 s (try 2 of 8)" in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match="it needs the role viewer"):
        ApiSource(Link(ApiFailure(403, "forbidden", "no")), sleep=slept.append).document()  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="goes on where it was"):
        ApiSource(Link(*[gone] * TRIES), sleep=slept.append).document()  # type: ignore[arg-type]
    assert len(slept) == 3 + TRIES - 1
    assert max(slept) == 60.0


def test_a_version_is_named_by_number_or_hash(storage: Storage) -> None:
    assert reference("pens") == ("pens", None)
    assert reference("pens@3") == ("pens", "3")
    sets = [LabelSet("pens", number, f"{number:02x}" * 32, 1, 1) for number in (12, 11)]
    assert newest(sets, "pens", None, []) is sets[0]
    assert newest(sets, "pens", "11", []) is sets[1]
    assert newest(sets, "pens", "0b0b0b", []) is sets[1]
    assert not fits("7", 77, "77" * 32)
    for wrong in ("pens@", "@3", "pens@latest", "pens@0b0"):
        with pytest.raises(DatasetError, match="Name the label set with its version"):
            reference(wrong)
    with pytest.raises(DatasetError, match=r"There is pens@12 .*, pens@11"):
        newest(sets, "pens", "9", [])
    with pytest.raises(DatasetError, match="there is: nets, pens"):
        newest([], "pen", None, ["nets", "pens"])
    with pytest.raises(DatasetError, match="It is not pens@4"):
        shoal("fetch", "pens@4", "--from", storage.pointer)
    with pytest.raises(DatasetError, match=r"It is not nets\. Name this one"):
        shoal("fetch", "nets", "--from", storage.pointer)
    with pytest.raises(DatasetError, match=r"No such file or directory\. An address begins with https"):
        shoal("fetch", "pens", "--from", "farm.example")


def test_what_trained_once_does_not_judge_when_labels_were_added() -> None:
    def labelled(days: int) -> list[Any]:
        return [fish(100 * s + day, group=f"cam/{day}", site=f"site-{s}") for s in range(8) for day in range(days)]

    parts: list[set[str]] = []
    for days in (3, 10, 40):
        split = split_steadily(labelled(days), 0.2)
        assert {image.site for image in split[JUDGE]} == {f"site-{s}" for s in range(8)}, "every site judges"
        parts.append({group_of(image) for image in split[TRAIN]})
    assert 0.12 < 1 - len(parts[2]) / 320 < 0.28
    assert parts[0] < parts[1] < parts[2], "what trained once trains again"
    one = apply_rule([*labelled(10), fish(9999, site="lone")], SplitRule(by="steady"))
    assert "lone" not in {image.site for image in one[JUDGE]}, "a site of one day trains"


@pytest.mark.parametrize(("views", "fine"), [((1, 2), True), ((1, 1), False)])
def test_days_of_one_camera_may_look_alike_and_two_sites_may_not(
    tmp_path: Path, views: tuple[int, int], fine: bool
) -> None:
    """A camera hangs where it hung; the same picture at another site means that one of them is not what it says."""
    storage = frozen(tmp_path / "storage", days=4, views=views)
    told = shoal("fetch", "pens", "--from", storage.pointer, "-o", tmp_path / "pens") if fine else ""
    if not fine:
        with pytest.raises(DatasetError, match="near-duplicate pairs") as caught:
            shoal("fetch", "pens", "--from", storage.pointer, "-o", tmp_path / "pens")
        advice = str(caught.value).splitlines()[-1]
        assert "--join-near-duplicates" not in advice, "it joins already"
        assert "--near-duplicate" in advice
        again = shoal("fetch", "pens", "--from", storage.pointer, "-o", tmp_path / "pens", "--near-duplicate", "1")
        assert "by steady" in again
    assert ("by steady" in told) is fine


def test_several_label_sets_become_one_data_set(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("pens", "nets")]
    for folder, views in zip(folders, ((1, 2), (3, 4)), strict=True):
        storage = frozen(tmp_path / f"storage-{folder.name}", days=4, views=views)
        shoal("fetch", "pens", "--from", storage.pointer, "-o", folder)
    roots = [word for folder in folders for word in ("--data", folder)]
    drafts = [folder / "draft.json" for folder in folders]
    shoal("freeze", *drafts, "--by", "steady", "--join-near-duplicates", "-o", tmp_path / "both", *roots)
    (path,) = (tmp_path / "both").iterdir()
    snapshot = read_snapshot(path)
    assert len(snapshot.images) == 32
    assert [part["label_set"] for part in snapshot.origin["parts"]] == ["pens", "pens"]
    assert set(in_splits(snapshot)) == {TRAIN, JUDGE}
