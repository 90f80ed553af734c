"""Cross-validation of a classifier: every fold judges once what the others taught, and no group is in two folds.

Every fold's folder is a run like any other: it goes on after a kill, and is exported with its own fold as the judge.
The frozen stages see the same pictures whatever the fold, so their part of an epoch is computed once for all folds: on a
processor that saves half the time. Figures are written after every fold; folds that are there are not done again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from contracts.errors import ConfigurationError
from models.classifier.figures import auroc, macro_f1
from models.data.frames import Located
from models.data.near_duplicates import GuardOptions
from models.data.snapshot import in_splits, locate
from models.publishing.provenance import noted_start
from models.training.classifier_job import ClassifierJob, new_classifier, truth_of, view_key
from models.training.config import ClassifierTrainingConfig
from models.training.crops import as_device_sees, read_crops, vary
from models.training.open_dataset import EVERYBODY, fold_names, open_dataset, parts_for
from models.training.start import RESULTS, origin_of
from models.training.train import MODEL, run
from models.zoo.network import Mirrored

_CHUNK = 64


class FrozenViews:
    """What the frozen stages make of every picture's variation in an epoch; kept in memory in half precision."""

    def __init__(self, images: Sequence[Located], config: ClassifierTrainingConfig) -> None:
        self.crops = read_crops(images)
        self.images = list(images)
        self.rows = {located.image.path: row for row, located in enumerate(images)}
        self.config = config
        self.network = new_classifier(config, 2).to(memory_format=torch.channels_last).eval()
        self.epochs: dict[int, Tensor] = {}

    def __call__(self, epoch: int, chosen: Sequence[Located]) -> Tensor:
        """Half-precision features (B, C, h, w) of the chosen pictures."""
        if epoch not in self.epochs:
            self.epochs[epoch] = self._view(epoch)
        return self.epochs[epoch][[self.rows[located.image.path] for located in chosen]]

    def _view(self, epoch: int) -> Tensor:
        parts = []
        for start in range(0, len(self.crops), _CHUNK):
            chunk = range(start, min(start + _CHUNK, len(self.crops)))
            varied = [
                vary(
                    self.crops[i],
                    self.config.size,
                    np.random.default_rng(view_key(self.images[i], self.config.seed, epoch)),
                )
                for i in chunk
            ]
            parts.append(self.network.frozen(torch.from_numpy(np.stack(varied))).half())
        return torch.cat(parts)


def cross_validate(
    config: ClassifierTrainingConfig,
    dataset: Path,
    out: Path,
    *,
    only: Sequence[str] = (),
    roots: Sequence[Path] = (),
    guard: GuardOptions | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Train and judge every fold and return the figures, which are also written to ``folds.json``.

    Args:
        config: of every run.
        dataset: frozen by folds, or a folder that is dealt.
        out: one folder for each fold below it.
        only: folds to do; empty does all of them.
        roots: folders that hold the pictures of a frozen data set, when they do not lie beside it.
        guard: how near-duplicates are treated in a folder that is dealt; None stops at them.
        console: where progress goes.

    Raises:
        ConfigurationError: the data cannot be used, has no folds, or none of a name in ``only``.
    """
    console, guard = console or Console(), guard or GuardOptions()
    torch.set_num_threads(config.schedule.threads)
    snapshot, places = open_dataset(
        dataset, config.name, config.labels, folds=config.folds, roots=roots, judge=EVERYBODY, guard=guard,
        watch=lambda items: track(items, "looking for near-duplicates", console=console),
    )  # fmt: skip
    folds = fold_names(snapshot)
    if not folds:
        raise ConfigurationError(
            "--folds", str(dataset), f"It has no folds but {', '.join(in_splits(snapshot))}. Leave --folds out, or freeze it --by folds."
        )  # fmt: skip
    for name in only:
        if name not in folds:
            raise ConfigurationError("--fold", name, f"The data set has {', '.join(folds)}.")
    names = [name for name in folds if not only or name in only]
    views = FrozenViews(locate(snapshot.images, places), config)
    done: dict[str, Any] = {}
    answers: list[np.ndarray] = []
    truths: list[np.ndarray] = []
    for name in names:
        train, judges = parts_for(snapshot, places, name)
        job = ClassifierJob(config, snapshot, train, judges)
        job.frozen_views = views
        origin = origin_of(config, dataset, judge=name, roots=roots, guard=guard)
        with noted_start(out / name):
            run(job, out / name, config_json=origin.model_dump_json(indent=1), console=console)
        model = load_classifier(config, len(job.labels), out / name / MODEL)
        answer = answers_of(model, judges[name], job)
        truth = truth_of(judges[name], job.labels, config.task).numpy()
        answers.append(answer)
        truths.append(truth)
        done[name] = figures(answer, truth, job.labels)
        done["all"] = {
            "folds": [each for each in done if each != "all"],
            **figures(np.concatenate(answers), np.concatenate(truths), job.labels),
        }
        console.print(f"{name}: {done[name]}; so far {done['all']}")
        (out / RESULTS).write_text(json.dumps(done, indent=1))
    return done


def figures(answer_NK: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy and macro-F1 of a classifier, or the mean AUROC of scores."""
    if truth.ndim == 2:  # noqa: PLR2004 - a column for each label
        each = {label: auroc(answer_NK[:, k], truth[:, k] > 0) for k, label in enumerate(labels)}
        return {"images": len(truth), "auroc": {label: round(value, 4) for label, value in each.items()}}
    best = answer_NK.argmax(1)
    told: dict[str, Any] = {
        "images": len(truth),
        "accuracy": round(float((best == truth).mean()), 4),
        "macro_f1": round(macro_f1(truth, best), 4),
    }
    healthy = [k for k, label in enumerate(labels) if label.startswith("healthy")]
    if healthy:
        told["healthy_auroc"] = round(auroc(answer_NK[:, healthy[0]], truth == healthy[0]), 4)
    return told


def answers_of(model: nn.Module, images: Sequence[Located], job: ClassifierJob) -> np.ndarray:
    """Probabilities (N, K) of pictures as a device sees them."""
    batch = as_device_sees(read_crops(images), job.input)
    activate: Callable[[Tensor], Tensor] = torch.sigmoid if job.config.task == "scores" else lambda x: x.softmax(1)
    with torch.no_grad():
        parts = [activate(model(torch.from_numpy(batch[s : s + _CHUNK]))) for s in range(0, len(batch), _CHUNK)]
    return np.asarray(torch.cat(parts).numpy())


def load_classifier(config: ClassifierTrainingConfig, labels: int, weights: Path) -> nn.Module:
    """The trained network as it is judged and exported, ready for inference."""
    model = new_classifier(config, labels, pretrained=False)
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    model = model.to(memory_format=torch.channels_last)
    whole = Mirrored(model, independent=config.task == "scores") if config.mirror else model
    return whole.eval()
