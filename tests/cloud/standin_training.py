"""Understands the words of ``shoal models`` that a training run uses, and learns nothing: for tests of what is around training.
Label sets it fetches as ``shoal`` does, for that is quick.

What it does is told by files in the folder that holds the data set: ``slow`` waits in training until it is gone, ``worse`` makes a
candidate that the gate refuses, ``broken`` fails. Each call of ``train`` adds a line to ``epochs.txt`` of its output, as a
checkpoint would.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

SHA256 = "5c" * 32


def main(words: list[str]) -> int:
    """Do one step."""
    assert words[0] == "models"
    step = words[1]
    if step == "dataset":
        from shoal.cli import app

        app(words)
    given = {words[place]: words[place + 1] for place in range(2, len(words) - 1) if words[place].startswith("--")}
    if step == "train":
        return train(Path(words[2]), Path(given["--dataset"]), Path(given["--output"]), int(given["--seed"]))
    if step == "export":
        return export(Path(words[2]), Path(given["--output"]))
    if step == "evaluate":
        return evaluate(Path(given["--bundle"]), Path(given["--dataset"]), Path(given["--json"]))
    return gate(Path(given["--candidate"]), given.get("--production"), Path(given["--json"]))


def train(config: Path, dataset: Path, output: Path, seed: int) -> int:
    assert config.is_file()
    output.mkdir(parents=True, exist_ok=True)
    with (output / "epochs.txt").open("a") as file:
        file.write("epoch\n")
    if (dataset.parent / "broken").exists():
        sys.stderr.write("loss is nan at step 17\n")
        return 1
    while (dataset.parent / "slow").exists():
        time.sleep(0.05)
    (output / "lineage.json").write_text(json.dumps({"git_sha": "0123abc", "seed": seed}))
    return 0


def export(run: Path, output: Path) -> int:
    assert (run / "lineage.json").is_file()
    output.mkdir(parents=True, exist_ok=True)
    manifest = {
        "name": "fish-detector", "version": "1.1.0", "task": "detection", "sha256": SHA256, "bytes": 1, "opset": 17,
        "input": {"name": "image", "width": 384, "height": 224},
        "detection": {"boxes": "boxes", "scores": "scores", "classes": "classes"},
        "labels": ["fish"], "created_at": "2026-11-20T12:00:00Z", "licence": "Apache-2.0",
        "training": {"config_sha256": "77" * 32},
    }  # fmt: skip
    (output / "manifest.json").write_text(json.dumps(manifest))
    return 0


def evaluate(bundle: Path, dataset: Path, out: Path) -> int:
    worse = (dataset.parent / "worse").exists() and bundle.name == "bundle"
    figure = {"value": 0.3 if worse else 0.5, "low": 0.2, "high": 0.6}
    slices = {
        name: {"images": 9, "groups": 3, "figures": {"map50": figure}} for name in ("all", "site=fjord", "site=reef")
    }
    out.write_text(json.dumps({"dataset": {"name": "farm", "sha256": "da" * 32}, "slices": slices, "images": []}))
    return 0


def gate(candidate: Path, production: str | None, out: Path) -> int:
    def map50(path: Path) -> float:
        return float(json.loads(path.read_text())["slices"]["all"]["figures"]["map50"]["value"])

    assert production is not None
    refused = map50(candidate) < map50(Path(production))
    reason = {
        "metric": "map50",
        "slice": "site=fjord",
        "verdict": "failed" if refused else "passed",
        "text": "map50 on it",
    }
    out.write_text(
        json.dumps({"decision": "refuse" if refused else "promote", "rules": "detection", "reasons": [reason]})
    )
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
