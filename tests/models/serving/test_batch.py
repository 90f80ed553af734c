"""A day's pictures through Beam: every picture has a row, what is unusual is flagged, and the report tells whether to believe it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import ConfigurationError
from models.serving.batch.manifest import parse_manifest
from models.serving.batch.rules import FLAGS, Row, Summary, flag_unit, validate
from tests.architecture.tree import ROOT
from tests.cloud.pictures import jpeg
from tests.models.tiny_bundle import bright_cells, tiny_detector
from tests.servers.presence import missing

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


def row(minute: int, **fields: object) -> Row:
    usual: Row = {
        "image": f"{minute:03}.jpg", "unit": "tank-1", "observed_at": NOON + timedelta(minutes=minute), "sha256": f"{minute:064x}",
        "model_sha256": "m", "label": None, "confidence": 0.9, "count": 5, "error": None, "flags": [],
    }  # fmt: skip
    return {**usual, **fields}


def test_a_count_far_from_the_units_usual_is_flagged_and_small_changes_are_not() -> None:
    rows = [row(n, count=5 + n % 2) for n in range(20)] + [row(30, count=40), row(31, count=0), row(32, count=8)]
    flagged = {each["image"]: each["flags"] for each in flag_unit(rows)}
    assert flagged["030.jpg"] == ["unusual_count"]
    assert flagged["031.jpg"] == ["nothing_seen"]
    assert flagged["032.jpg"] == []
    assert not any(flagged[f"{n:03}.jpg"] for n in range(20))


def test_few_pictures_have_no_usual_count() -> None:
    assert not any(each["flags"] for each in flag_unit([row(n, count=n * 10) for n in range(5)]))


def test_each_kind_of_trouble_has_its_flag() -> None:
    rows = [
        row(0, error="cannot be read", count=None, confidence=None, sha256=""),
        row(1, label="unknown", confidence=0.3, count=None),
        row(2, confidence=0.2, count=None),
        row(3, sha256="a" * 64, count=None),
        row(4, sha256="a" * 64, count=None),
    ]
    assert [each["flags"] for each in flag_unit(rows)] == [["error"], ["unknown"], ["low_confidence"], [], ["repeated"]]
    assert {flag for each in flag_unit(rows) for flag in each["flags"]} < set(FLAGS)


def test_a_run_that_lost_a_picture_is_not_believed() -> None:
    summary = Summary()
    for each in flag_unit([row(n) for n in range(10)]):
        summary.add(each)
    assert all(check.passed for check in validate(summary, entries=10, model_sha256="m"))
    lost = {check.name: check.passed for check in validate(summary, entries=11, model_sha256="m")}
    assert not lost["every picture has a row"]
    other = {check.name: check.passed for check in validate(summary, entries=10, model_sha256="another")}
    assert not other["one model made them"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "image,observed_at\na.jpg,yesterday\n", "line 2, observed_at"),
        ("a.csv", "unit\ntank-1\n", "line 2, image"),
        ("a.jsonl", '{"image": "a.jpg"}\n{"image": \n', "line 2"),
        ("a.jsonl", '{"image": "a.jpg", "sha256": "short"}\n', "line 1, sha256"),
    ],
)
def test_a_manifest_line_that_cannot_be_used_is_named(name: str, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        list(parse_manifest(iter(text.splitlines(keepends=True)), name))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    tiny_detector(folder / "bundle")
    lines = ["image,unit,observed_at"]
    for n in range(12):
        noise = np.random.default_rng(n).integers(0, 20, (32, 64, 3), np.uint8)
        (folder / f"{n:02}.jpg").write_bytes(jpeg(np.maximum(bright_cells([(0, 0), (3, 1)]), noise)))
        lines.append(f"{n:02}.jpg,tank-1,2026-06-01T12:{n:02}:00Z")
    (folder / "all.jpg").write_bytes(jpeg(bright_cells([(x, y) for x in range(4) for y in range(2)])))
    (folder / "broken.jpg").write_bytes(b"no picture")
    lines += [
        "all.jpg,tank-1,2026-06-01T13:00:00Z",
        "broken.jpg,tank-2,2026-06-01T12:00:00Z",
        "absent.jpg,tank-2,2026-06-01T12:01:00Z",
        "00.jpg,tank-2,2026-06-01T12:02:00Z",
        "00.jpg,tank-2,2026-06-01T12:03:00Z",
    ]
    (folder / "2026-06-01.csv").write_text("\n".join(lines) + "\n")
    return folder


def run(pictures: Path, output: Path, machine: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """On a machine whose temporary files and home are below one folder."""
    (machine / "tmp").mkdir(parents=True, exist_ok=True)
    arguments = [
        "--manifest",
        str(pictures / "2026-06-01.csv"),
        "--bundle",
        str(pictures / "bundle"),
        "--output",
        str(output),
    ]
    return subprocess.run(
        [sys.executable, "-m", "models.serving.batch", *arguments, *more],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(machine / "tmp"), "HOME": str(machine)},
        capture_output=True,
        text=True,
        check=False,
    )


def written(folder: Path) -> list[Row]:
    import pyarrow.parquet as pq

    return [each for file in sorted(folder.glob("predictions-*.parquet")) for each in pq.read_table(file).to_pylist()]


@pytest.mark.skipif(find_spec("apache_beam") is None, reason="pip install '.[batch]'")
def test_a_day_on_the_direct_runner(pictures: Path, tmp_path: Path) -> None:
    left_by_a_kill = tmp_path / "out" / "beam-temp-predictions-1f2e" / "a-shard.parquet"
    left_by_a_kill.parent.mkdir(parents=True)
    left_by_a_kill.write_bytes(b"half")
    done = run(pictures, tmp_path / "out", tmp_path / "machine")
    assert done.returncode == 1, done.stderr  # two of seventeen pictures have an error: more than allowed
    assert "FAILED  few error" in done.stdout
    rows = {(each["image"].rsplit("/", 1)[1], each["observed_at"].minute): each for each in written(tmp_path / "out")}
    assert len(rows) == 17
    assert rows["00.jpg", 0]["count"] == 2
    assert json.loads(rows["00.jpg", 0]["detections"])[0]["label"] == "fish"
    assert rows["00.jpg", 0]["flags"] == []
    assert rows["all.jpg", 0]["flags"] == ["unusual_count"]
    assert rows["broken.jpg", 0]["flags"] == rows["absent.jpg", 1]["flags"] == ["error"]
    assert rows["00.jpg", 3]["flags"] == ["repeated"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["passed"] is False
    assert report["flags"] == {"error": 2, "repeated": 1, "unusual_count": 1}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Look before you use them" in page
    assert "<script" not in page
    again = run(pictures, tmp_path / "out", tmp_path / "machine", "--no-fail-on-invalid", "--shards", "2")
    assert again.returncode == 0, again.stderr
    assert len(written(tmp_path / "out")) == 17  # replaced, not added to
    assert not list((tmp_path / "machine" / "tmp").iterdir()), "nothing piles up on a server"
    assert not (tmp_path / "machine" / ".apache_beam").exists(), "where Beam keeps the program that it fetches"
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".parquet", ".html", ".json"}


def test_without_beam_the_tests_of_the_pipeline_are_missed() -> None:
    if find_spec("apache_beam") is None:
        missing("apache-beam", "pip install '.[batch]'")
