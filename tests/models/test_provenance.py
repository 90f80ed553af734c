"""A manifest tells the command and the commit that made a model, also of a tree with changes and of a run that was started twice."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from models.publishing import provenance
from models.publishing.provenance import MOST_STARTS, STARTS, noted_start, provenance_of, source


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Source code under git, in which this module lies."""
    root = tmp_path / "source"
    module = root / "models/publishing/provenance.py"
    module.parent.mkdir(parents=True)
    module.write_text("# here\n")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    monkeypatch.setattr(provenance, "_ROOT", root)
    monkeypatch.setattr(provenance, "__file__", str(module))
    monkeypatch.setattr("sys.argv", ["shoal", "models", "train", "our config.yaml"])
    monkeypatch.chdir(tmp_path)  # whoever trains works somewhere else
    return root


def test_the_source_is_its_commit_and_dirty_with_a_changed_or_a_new_file(tree: Path) -> None:
    commit = source()
    assert len(commit) == 40
    (tree / "config.yaml").write_text("new: true\n")  # what was wrong with fish-detector 1.2.0
    assert source() == f"{commit}-dirty"
    (tree / "config.yaml").unlink()
    (tree / "models/publishing/provenance.py").write_text("# other\n")
    assert source() == f"{commit}-dirty"
    subprocess.run(["git", "-C", str(tree), "rm", "-q", "--cached", "models/publishing/provenance.py"], check=True)
    assert source().startswith("shoal "), "installed inside somebody's repository, which says nothing of us"


def test_a_command_tells_no_folders_of_the_machine(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"{tree}/models/a.yaml", "--dataset", "/home/ana/farm data", "--output=/mnt/run", "--seed", "1", "b.yaml"]
    monkeypatch.setattr("sys.argv", ["/opt/bin/shoal", "models", "train", *words])
    told = "shoal models train models/a.yaml --dataset '.../farm data' --output=.../run --seed 1 b.yaml"
    assert provenance.command_line() == told


def test_every_start_of_a_run_is_told(tree: Path, tmp_path: Path) -> None:
    run, first = tmp_path / "run", source()
    with noted_start(run):
        pass
    (tree / "fix.py").write_text("pass\n")
    with pytest.raises(KeyboardInterrupt), noted_start(run):
        raise KeyboardInterrupt
    told = provenance_of(
        run, {"script": "models.training.train", "seed": 1, "git_sha": "0"}, command="shoal models export run"
    )
    assert told == {
        "seed": 1, "command": "shoal models train 'our config.yaml'", "git_sha": f"{first}, then {first}-dirty",
        "made_by": "shoal models export run", "made_from": f"{first}-dirty",
    }  # fmt: skip
    for _ in range(MOST_STARTS):
        with noted_start(run):
            pass
    starts = json.loads((run / STARTS).read_text())
    assert (len(starts), starts[0]["source"]) == (MOST_STARTS, first)


@pytest.mark.usefixtures("tree")
def test_a_start_that_is_refused_was_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    with pytest.raises(ConfigurationError), noted_start(run):
        raise ConfigurationError("--dataset", "x", "Give another.")
    assert not run.exists()
    with noted_start(run):
        pass
    with pytest.raises(ConfigurationError), noted_start(run):
        raise ConfigurationError("--output", "run", "It holds another run.")
    assert len(json.loads((run / STARTS).read_text())) == 1
    checkpoint = (run / "checkpoint.pt").write_bytes
    with pytest.raises(ConfigurationError), noted_start(run):
        raise ConfigurationError("data.image", checkpoint(b"of the fifth epoch"), "It is broken.")
    assert len(json.loads((run / STARTS).read_text())) == 2, "this one has trained"
    with pytest.raises(ConfigurationError, match="Give a folder that can be"), noted_start(run / STARTS):
        pass
    monkeypatch.setenv("RANK", "1")
    with noted_start(tmp_path / "of-another-process"):
        pass
    assert not (tmp_path / "of-another-process").exists()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert provenance.command_line() == "torchrun --nproc-per-node 2 -m shoal models train 'our config.yaml'"


def test_the_label_set_of_the_data_goes_with_the_model(tmp_path: Path) -> None:
    assert provenance_of(tmp_path, {"seed": 1, "git_sha": "0"}, command="") == {"seed": 1, "git_sha": "0"}
    origin = {"label_set": "pens", "number": 3, "sha256": "ab" * 32}
    (tmp_path / "dataset.json").write_text(json.dumps({"origin": origin}))
    assert provenance_of(tmp_path, {}, command="")["labels"] == f"pens@3 {'ab' * 32}"
    parts = [origin, {"label_set": "nets", "number": 1, "sha256": "cd" * 32}]
    (tmp_path / "dataset.json").write_text(json.dumps({"origin": {"parts": parts}}))
    assert provenance_of(tmp_path, {}, command="")["labels"] == f"pens@3 {'ab' * 32}, nets@1 {'cd' * 32}"
