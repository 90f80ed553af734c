"""The program of a run in its folder, with a stand-in for training: to the end, killed in the middle, twice at once, cancelled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud.training.program import ALREADY_RUNNING, CANCEL, LOG, ORDER, _far, main, read_state
from cloud.training.report import ReportError, read_report
from cloud.training.steps import RUN, steps_of
from tests.servers.presence import ROOT

STANDIN = [sys.executable, str(Path(__file__).with_name("standin_training.py"))]


@pytest.fixture
def order(tmp_path: Path) -> dict[str, Any]:
    config, dataset = tmp_path / "c.yaml", tmp_path / "d.json"
    for path in (config, dataset):
        path.write_text("{}")
    return {
        "program": STANDIN, "config": str(config), "dataset": str(dataset), "seed": 3, "production": "fish-detector",
        "rules": None, "prepare": [],
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, order: dict[str, Any]) -> Path:
    folder = tmp_path / "run-1"
    folder.mkdir()
    (folder / ORDER).write_text(json.dumps(order))
    return folder


def state_of(folder: Path) -> dict[str, Any]:
    state = read_state(folder)
    assert state is not None
    return state


def begin(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cloud.training.program", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_ends_with_a_bundle_its_lineage_and_a_decision(folder: Path, order: dict[str, Any]) -> None:
    assert main(folder) == 0
    assert state_of(folder)["done"] == ["train", "export", "evaluate", "evaluate_production", "gate"]
    report = read_report(folder, order)
    assert (report.version, report.decision) == ("1.1.0", "promote")
    assert report.metrics["site=reef"]["map50"]["value"] == 0.5
    assert report.production_metrics.keys() == report.metrics.keys() == {"all", "site=fjord", "site=reef"}
    assert report.lineage["dataset_sha256"] == "da" * 32
    assert (report.lineage["git_sha"], report.lineage["seed"]) == ("0123abc", 3)
    assert report.lineage["training"] == {"config_sha256": "77" * 32}
    assert main(folder) == 0  # nothing is left to do
    assert (folder / "run" / "epochs.txt").read_text() == "epoch\n"


def test_a_candidate_that_is_refused_is_an_end_like_another(folder: Path, order: dict[str, Any]) -> None:
    (folder.parent / "worse").touch()
    assert main(folder) == 0
    report = read_report(folder, order)
    assert report.decision == "refuse"
    assert report.gate["reasons"][0]["slice"] == "site=fjord"


def test_a_step_that_fails_says_why(folder: Path) -> None:
    (folder.parent / "broken").touch()
    assert main(folder) == 1
    state = state_of(folder)
    assert state["state"] == "failed"
    assert state["error"].startswith("train ended with 1:")
    assert "loss is nan at step 17" in state["error"]
    assert "$ " in (folder / LOG).read_text()


def test_a_program_that_is_not_there_says_so(folder: Path, order: dict[str, Any]) -> None:
    (folder / ORDER).write_text(json.dumps({**order, "program": ["/nowhere/shoal"]}))
    assert main(folder) == 1
    assert "/nowhere/shoal cannot be started" in state_of(folder)["error"]


def test_a_killed_run_goes_on_and_two_at_once_cannot_be(folder: Path, order: dict[str, Any]) -> None:
    slow = folder.parent / "slow"
    slow.touch()
    epochs = folder / "run" / "epochs.txt"
    first = begin(folder)
    until(epochs.exists)
    assert begin(folder).wait(30) == ALREADY_RUNNING
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(20)
    assert state_of(folder)["state"] == "running"  # as a death leaves it
    slow.unlink()
    assert begin(folder).wait(60) == 0
    assert state_of(folder)["state"] == "succeeded"
    assert epochs.read_text() == "epoch\nepoch\n"
    assert read_report(folder, order).decision == "promote"


def test_a_run_tells_how_far_its_training_is(folder: Path, order: dict[str, Any]) -> None:
    """As ``shoal models train`` writes it: how many epochs there will be, and a line for each that is over."""
    train = next(step for step in steps_of(order, folder) if step.name == "train")
    assert _far(train, ["train", "gate"], folder) == {"progress": 0.0, "message": "train"}
    (folder / RUN).mkdir()
    (folder / RUN / "config.json").write_text(json.dumps({"schedule": {"epochs": 4}}))
    (folder / RUN / "curve.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    assert _far(train, ["train"], folder) == {"progress": 0.5, "message": "train: epoch 2 of 4"}
    (folder / RUN / "curve.jsonl").write_text(
        '{"epoch": 4}\n' * 5
    )  # killed between its line and its checkpoint, and told again
    assert _far(train, ["train"], folder)["message"] == "train: epoch 4 of 4"
    (folder / RUN / "config.json").write_text("{")
    assert _far(train, ["train"], folder)["message"] == "train"
    assert main(folder) == 0
    assert (state_of(folder)["progress"], state_of(folder)["message"]) == (1.0, "")


def test_a_cancelled_run_is_not_begun(folder: Path) -> None:
    (folder / CANCEL).touch()
    assert main(folder) == 1
    assert state_of(folder)["error"] == "cancelled"


@pytest.mark.parametrize("damage", ["gate.json", "candidate.json", "bundle/manifest.json"])
def test_a_folder_that_is_not_whole_proposes_nothing(folder: Path, order: dict[str, Any], damage: str) -> None:
    assert main(folder) == 0
    (folder / damage).write_text('{"decision": 7')
    with pytest.raises(ReportError, match="cannot be understood"):
        read_report(folder, order)
    (folder / damage).unlink()
    with pytest.raises(ReportError, match="cannot be read"):
        read_report(folder, order)
