"""The commands of a run: (prepare or fetch) → train → export → judge the candidate and the model in production → gate. Pure; standard library alone.

Each is a command of its own (``shoal models ...``), so that torch enters no process of the cloud, and another program that
understands the same words can stand in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARES = {"prepare": 10, "fetch": 5, "train": 100, "export": 5, "evaluate": 10, "evaluate_production": 10, "gate": 1}
"""What a step usually takes, in parts of the training itself."""
RUN, BUNDLE = "run", "bundle"
"""Folders of the training itself and of the candidate's bundle, within the run's folder."""
POINTER = "labels.json"
"""Where the platform says which label set the run learns from, and where its files lie."""
LABELS, FROZEN = "labels", "labels/dataset.json"
"""Folder that the label set is fetched to, and the data set that it becomes."""
CANDIDATE, PRODUCTION, GATE, REPORT = "candidate.json", "production.json", "gate.json", "report.html"


@dataclass(frozen=True)
class Step:
    """One command. It has succeeded with one of ``fine``, and when ``makes`` is there."""

    name: str
    command: tuple[str, ...]
    makes: str | None = None
    fine: tuple[int, ...] = (0,)


def steps_of(order: dict[str, Any], folder: Path) -> list[Step]:
    """The steps of an order.

    Args:
        order: ``program`` (the words before ``models``), ``config``, ``dataset``, ``seed``, ``production`` (a bundle or None),
            ``rules`` (of the gate, or None), ``prepare`` (a command that makes the data set first; may be empty), or instead of
            ``dataset`` a label set, ``labels`` with ``name``, ``sha256`` and ``split``, whose files ``labels.json`` in the folder names.
        folder: of the run.
    """
    program = [*order["program"], "models"]
    labels = order.get("labels")
    dataset = str(folder / FROZEN) if labels else str(order["dataset"])
    place = {"folder": str(folder), "dataset": dataset}
    steps = []
    if order.get("prepare"):
        steps.append(Step("prepare", tuple(word.format(**place) for word in order["prepare"])))
    if labels:
        words = [*program, "dataset", "fetch", f"{labels['name']}@{labels['sha256']}", "--from", str(folder / POINTER)]
        words += ["--output", str(folder / LABELS), "--frozen", dataset, *labels["split"]]
        steps.append(Step("fetch", tuple(words), FROZEN))
    else:
        dataset = dataset.format(**place)
    train = [*program, "train", str(order["config"]), "--dataset", dataset, "--output", str(folder / RUN)]
    steps.append(Step("train", (*train, "--seed", str(order["seed"]))))
    steps.append(
        Step(
            "export",
            (*program, "export", str(folder / RUN), "--output", str(folder / BUNDLE)),
            f"{BUNDLE}/manifest.json",
        )
    )
    judge = [*program, "evaluate", "--dataset", dataset]
    report = ["--json", str(folder / CANDIDATE), "--report", str(folder / REPORT)]
    steps.append(Step("evaluate", (*judge, "--bundle", str(folder / BUNDLE), *report), CANDIDATE))
    gate = [*program, "gate", "--candidate", str(folder / CANDIDATE), "--json", str(folder / GATE)]
    if order.get("production"):
        other = ["--bundle", str(order["production"]), "--json", str(folder / PRODUCTION)]
        steps.append(Step("evaluate_production", (*judge, *other), PRODUCTION))
        gate += ["--production", str(folder / PRODUCTION)]
    if order.get("rules"):
        gate += ["--rules", str(order["rules"])]
    steps.append(Step("gate", tuple(gate), GATE, fine=(0, 1)))  # 1: not promoted, which is an answer too
    return steps


def progress_of(names: Sequence[str], step: str, epoch: int, epochs: int) -> tuple[float, str]:
    """How far a run is, from 0 to 1, and at what, in words.

    Args:
        names: of all steps of the run, in their order.
        step: the one that is under way.
        epoch: epochs that training has behind it.
        epochs: how many there will be at most; 0 while it is not known.
    """
    before = sum(SHARES[name] for name in names[: names.index(step)])
    trains = step == "train" and epochs > 0
    within = SHARES[step] * min(1.0, epoch / epochs) if trains else 0.0
    words = f"{step.replace('_', ' ')}: epoch {epoch} of {epochs}" if trains else step.replace("_", " ")
    return (before + within) / sum(SHARES[name] for name in names), words
